// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// many is n files in a folder: folder/0.png, folder/1.png, ...
func many(n int, folders ...string) []string {
	var names []string
	for _, folder := range folders {
		for i := range n {
			names = append(names, fmt.Sprintf("%s/%d.png", folder, i))
		}
	}
	return names
}

// TestLayouts: the common layouts of other tools are recognised, and a layout that can be understood in several ways is
// a question with the answers in it.
func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		split string
		want  string // of the summary, or of the question
	}{
		{"flat", many(3, "."), "", "data: 3 images without labels (no class folders), no splits"},
		{"ImageFolder", many(2, "cat", "dog"), "",
			"data: 4 images of 2 classes (folders cat, dog), no splits"},
		{"ImageNet", many(2, "train/cat", "train/dog", "val/cat", "val/dog"), "",
			"data: 4 images of 2 classes (folders cat, dog), split train of train (4) and val (4), by the names of " +
				"the folders"},
		{"any case and other words", many(2, "Training/a", "Training/b", "TESTING/a", "TESTING/b", "Valid/a",
			"Valid/b"), "",
			"data: 4 images of 2 classes (folders a, b), split train of train (4 in Training) and val (4 in Valid) " +
				"and test (4 in TESTING)"},
		{"Hugging Face", many(2, "train", "validation", "test"), "", "split train of train (2) and val (2 in " +
			"validation) and test (2)"},
		{"a test set is given", many(2, "train", "test"), "test", "data: 2 images without labels (no class folders), " +
			"split test of"},
		{"YOLO", append(many(2, "images/train", "images/val"), "labels/train/0.txt", "labels/val/0.txt"), "",
			"data: 2 images without labels (no class folders), split train of train (2) and val (2)"},
		{"YOLO of Roboflow", append(many(2, "train/images", "valid/images", "test/images"), "train/labels/0.txt"), "",
			"data: 2 images without labels (they lie in one folder), split train of train (2) and val (2 in valid) " +
				"and test (2)"},
		{"COCO", append(many(2, "train2017", "val2017", "test2017", "unlabeled2017"), "annotations/captions.json"), "",
			"split train of train (2 in train2017) and val (2 in val2017) and test (2 in test2017), by the names of " +
				"the folders; left out 1 file: " +
				"not images by their names (annotations/captions.json), 2 images: outside the folders of the splits"},
		{"Kaggle's folders in folders", many(2, "train/train", "test/test"), "", "split train of train (2) and test " +
			"(2)"},
		{"classes, one called train", many(2, "bicycle", "boat", "bus", "train"), "",
			"data: 8 images of 4 classes (folders bicycle, boat, bus, train), no splits (train is a class, as the " +
				"folders " +
				"beside it are no splits)"},
		{"classes, one called Test", many(2, "control", "placebo", "Test"), "", "data: 6 images of 3 classes"},
		{"two classes, one called test", many(2, "control", "test"), "", "?the folder test is called like a split, " +
			"and the " +
			"folders beside it are not (control): give --split test (its images alone), --split none (no folder is a " +
			"split: " +
			"every folder is a class), or one folder, as ROOT:control"},
		{"... answered: classes", many(2, "control", "test"), "none",
			"data: 4 images of 2 classes (folders control, test), no splits (data.split is none)"},
		{"... answered: a split", many(2, "control", "test"), "test", "data: 2 images without labels (no class " +
			"folders), " +
			"split test of test (2), data.split is test; left out 2 images: outside"},
		{"train among others that are no classes", many(2, "train", "unlabeled", "raw"), "", "?the folder train is " +
			"called like"},
		{"train with classes beside a flat folder", many(2, "train/a", "train/b", "extra"), "",
			"data: 4 images of 2 classes (folders a, b), split train of train (4), by the names of the folders; left " +
				"out 2 images"},
		{"train beside folders with the same classes", many(2, "train/a", "train/b", "holdout/a", "holdout/b"), "",
			"split train"},
		{"train beside folders with other classes", many(2, "train/a", "train/b", "cars/c", "cars/d"), "", "?the " +
			"folder train"},
		{"many classes, two called like splits", many(2, "train", "test", "x", "y", "z"), "", "?the folder test, " +
			"train are called"},
		{"splits without train", many(2, "val", "test"), "", "?are called like splits, and none like train"},
		{"a test set alone", many(2, "test/a", "test/b"), "", "data: 4 images of 2 classes (folders a, b), split " +
			"test of test (4)"},
		{"loose images beside train", append(many(3, "."), many(2, "train")...), "", "?3 images lie beside the " +
			"folder train"},
		{"a loose image beside train", append(many(1, "."), many(2, "train")...), "", "split train of train (2)"},
		{"two folders for a split", many(2, "train", "valid", "dev"), "", "?the folders dev, valid are both called " +
			"like the split val"},
		{"... that is not asked for", many(2, "train", "valid", "dev"), "train", "data: 2 images"},
		{"... of which one has the very name", many(2, "train", "val", "dev"), "", "split train of train (2) and val " +
			"(2)"},

		// What a newcomer does wrong.
		{"train in train", many(2, "train/train/a", "train/train/b"), "", "data: 4 images of 2 classes (folders a, " +
			"b), split train"},
		{"splits in train", many(2, "train/train", "train/test"), "", "?holds folders called like splits, too (test, " +
			"train): " +
			"give ROOT:train"},
		{"a flat test set", many(2, "train/a", "train/b", "test"), "", "data: 4 images of 2 classes (folders a, b), " +
			"split train of " +
			"train (4) and test (2), by the names of the folders\nthe 2 images of test lie in no class folders"},
		{"other classes in the test set", many(2, "train/a", "train/b", "test/B", "test/a"), "",
			"\ntrain and test have other classes: only in train: b; only in test: B"},
		{"one level too deep", many(2, "dataset/raw/train/a", "dataset/raw/train/b", "dataset/raw/test/a"), "",
			"data: 4 images of 2 classes (folders a, b), split train of train (4) and test (2)"},
		{"classes one level too deep", many(2, "photos/a", "photos/b"), "", "data: 4 images of 2 classes (folders a, " +
			"b)"},
		{"one level too deep, beside an image", append(many(2, "raw/train", "raw/test"), "logo.png"), "",
			"?the folder raw in it holds a data set of its own (test, train), and there are images outside it: give " +
				"ROOT:raw"},
		{"images and masks", many(5, "images", "masks"), "", "?the files in the folder masks are called like those " +
			"in images: they " +
			"look like masks or thumbnails, not like more images: give ROOT:images, or --split none"},
		{"... answered", many(5, "images", "masks"), "none", "data: 10 images of 2 classes (folders images, masks)"},
		{"images and masks in splits", many(5, "train/images", "train/masks", "test/images", "test/masks"), "",
			"?give ROOT:train/images"},
		{"images and trimaps", many(5, "images", "annotations/trimaps"), "", "?give ROOT:images"},
		{"class folders and their masks", many(5, "images/a", "images/b", "segmentations/a", "segmentations/b"), "",
			"?ROOT:images"},
		{"thumbnails in a folder", append(many(3, "."), many(3, "thumbs")...), "", "?in the folder thumbs are called " +
			"like images " +
			"beside that folder"},
		{"masks beside images", []string{"a/1.png", "a/1_mask.png", "a/2.png", "a/2_mask.png", "b/3.png",
			"b/3_mask_1.png"}, "",
			"?3 of 6 images are, by their names, second pictures of images beside them, such as masks or thumbnails " +
				"(a/1_mask.png beside a/1.png)"},
		{"the same images in two formats", []string{"1.jpg", "1.png", "2.jpg", "2.png", "3.jpg"}, "", "?2 of 5 " +
			"images are"},
		{"face masks are classes", many(3, "with_mask", "without_mask"), "", "data: 6 images of 2 classes"},
		{"several data sets", many(2, "flowers/train", "flowers/test", "pets/train", "pets/test"), "",
			"?it holds 2 data sets, each with folders called like splits (flowers, pets): give one of them, as " +
				"ROOT:flowers"},
		{"splits in classes", many(2, "cat/train", "cat/test", "dog/train", "dog/test"), "", "?it holds 2 data sets"},
		{"names that only resemble splits", many(2, "train_images", "test_images"), "",
			"?the folders train_images, test_images look like splits, but splits are folders called train, val or " +
				"test"},
		{"domains in a name", many(2, "trainA", "trainB", "testA", "testB"), "", "?look like splits"},
		{"classes in classes", many(2, "a/x", "b/y"), "", "data: 4 images without labels (folders lie in the " +
			"folders: --labels"},
		{"images beside classes", append(many(2, "a", "b"), "c.png"), "", "without labels (1 of them lie in no " +
			"folder: --labels"},
		{"one image a class", many(1, "a", "b", "c"), "", "\neach of the 3 classes has a single image"},
		{"archive of VOC", append(many(2, "VOCdevkit/VOC2012/JPEGImages", "VOCdevkit/VOC2012/SegmentationClass"),
			"VOCdevkit/VOC2012/Annotations/0.xml"), "", "data: 2 images without labels (they lie in one folder), no " +
			"splits; " +
			"left out 1 file: not images by their names (VOCdevkit/VOC2012/Annotations/0.xml), 2 " +
			"images: masks of PASCAL VOC"},
		{"several VOC", many(2, "VOC2007/JPEGImages", "VOC2012/JPEGImages"), "", "?it holds 2 data sets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, c.files...)
			s, err := Open(root, Options{Split: c.split})
			if question, ok := strings.CutPrefix(c.want, "?"); ok {
				var asked *AmbiguousError
				question = strings.ReplaceAll(question, "ROOT", root)
				if !errors.As(err, &asked) || !strings.Contains(asked.Error(),
					question) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("got  %v\nwant %s", err, question)
				}
				if _, err := Open(root, Options{Split: SplitNone}); err != nil {
					t.Errorf("no way to take every picture: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(append([]string{s.Summary()}, s.Remarks()...), "\n")
			if !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestVOCLists: PASCAL VOC's lists are its splits.
func TestVOCLists(t *testing.T) {
	root := tree(t, many(5, "VOC2007/JPEGImages")...)
	lists := filepath.Join(root, "VOC2007/ImageSets/Main")
	writeFile(t, filepath.Join(lists, "train.txt"), []byte("0\n1\n"))
	writeFile(t, filepath.Join(lists, "val.txt"), []byte("2\r\n"))
	writeFile(t, filepath.Join(lists, "trainval.txt"), []byte("0\n1\n2\n"))
	writeFile(t, filepath.Join(lists, "cat_train.txt"), []byte("0  1\n1 -1\n"))
	s := opened(t, root, Options{})
	if got := describe(s); got != "VOC2007/JPEGImages/0.png VOC2007/JPEGImages/1.png" {
		t.Errorf("train is %s", got)
	}
	if want := "of train (2 in train.txt) and val (1 in val.txt), by the lists in " +
		"ImageSets/Main"; !strings.Contains(s.Summary(), want) {
		t.Errorf("%s lacks %s", s.Summary(), want)
	}
	if s := opened(t, root, Options{Split: SplitAll}); s.Len() != 5 {
		t.Errorf("all are %d images", s.Len())
	}
}

// TestRowsThatNameNoImage: a label file whose rows name no image says so, and what a path looks like.
func TestRowsThatNameNoImage(t *testing.T) {
	root := tree(t, "a/1.png", "a/2.png")
	list := filepath.Join(t.TempDir(), "labels.csv")
	for text, want := range map[string]string{
		"path,label\nx/1.png,cat\nx/2.png,dog\n": "such as a/1.png); none of its rows names an image",
		"image_id,class\na/1.png,cat\n": "line 1: the data has no image image_id (paths are relative to the " +
			"data, such as a/1.png); if it is a header",
		"a/1.png,cat\na/3.png,cat\nb,c\n": "2 of its 3 rows name no image",
	} {
		writeFile(t, list, []byte(text))
		if _, err := Open(root, Options{Labels: list}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	// The folder that holds everything may be left out.
	writeFile(t, list, []byte("1.png,cat\na/2.png,dog\n"))
	deep := tree(t, "photos/x/1.png", "photos/x/2.png")
	writeFile(t, list, []byte("x/1.png,cat\nphotos/x/2.png,dog\n"))
	if got := describe(opened(t, deep, Options{Labels: list})); got != "photos/x/1.png=cat photos/x/2.png=dog" {
		t.Errorf("took %s", got)
	}
}

func TestSplitNames(t *testing.T) {
	for name, want := range map[string]string{
		"train": SplitTrain, "TRAIN": SplitTrain, "Training": SplitTrain, "train2017": SplitTrain, "dev": SplitVal,
		"valid": SplitVal, "Validation": SplitVal, "testing": SplitTest, "test2014": SplitTest,
		"trains": "", "trial": "", "tests": "", "dev2017": "", "train1999": "",
	} {
		if got := splitOf(name); got != want {
			t.Errorf("splitOf(%s) is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"seg_train": SplitTrain, "TestSet": SplitTest, "trainset": SplitTrain, "val_images": SplitVal,
		"test1":   SplitTest,
		"contest": "", "trainers": "", "latest": "",
	} {
		if got := resembles(name); got != want {
			t.Errorf("resembles(%s) is %q, want %q", name, got, want)
		}
	}
	if got := words("trainA_seg-Images2"); !slices.Equal(got, []string{"train", "a", "seg", "images"}) {
		t.Errorf("words %q", got)
	}
}
