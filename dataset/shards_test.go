// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/zip"
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// shardOf writes an archive of samples of WebDataset with the given numbers; the label of each is the number modulo 3.
func shardOf(t testing.TB, name string, numbers ...int) {
	t.Helper()
	var all []entry
	for _, n := range numbers {
		key := fmt.Sprintf("%06d", n)
		all = append(all, regular(key+".cls", []byte(fmt.Sprintln(n%3))), regular(key+".png", pngOf(t, uint8(n), 8, 8)))
	}
	writeFile(t, name, tarOf(t, all...))
}

func TestShards(t *testing.T) {
	root := t.TempDir()
	shardOf(t, filepath.Join(root, "train-000000.tar"), 0, 1, 11)
	shardOf(t, filepath.Join(root, "train-000001.tar"), 2, 3)
	shardOf(t, filepath.Join(root, "val-000000.tar"), 0)
	writeFile(t, filepath.Join(root, "README.md"), []byte("#"))
	const want = "train-000000/000000.png=0 train-000000/000001.png=1 train-000000/000011.png=2 " +
		"train-000001/000002.png=2 train-000001/000003.png=0"
	s := opened(t, root, Options{})
	if got := describe(s); got != want || s.Kind != KindTar {
		t.Error(got, s.Kind)
	}
	const summary = "data: 5 images of 3 classes (from the samples' files .cls), split train of train (5) and val " +
		"(1), by the names of the archives; left out 1 file: not images by their names (README.md)"
	if s.Summary() != summary {
		t.Errorf("%s\nwant %s", s.Summary(), summary)
	}
	if val := opened(t, root, Options{Split: SplitVal}); describe(val) != "val-000000/000000.png=0" {
		t.Error(describe(val))
	}
	for i := range s.Len() {
		if img, err := s.Image(i); err != nil || img.Pix[0] != []uint8{0, 1, 11, 2, 3}[i] {
			t.Errorf("image %d: %v", i, err)
		}
	}
	glob := opened(t, filepath.Join(root, "*.tar"), Options{})
	if glob.Fingerprint != s.Fingerprint {
		t.Error("the fingerprint of the pattern is not that of the folder")
	}
	if got := describe(opened(t, filepath.Join(root, "train-{000000..000001}.tar"), Options{})); got != want {
		t.Error(got)
	}
	before, err := s.Content(t.Context(), HashAll)
	if err != nil || len(before) != 10 { // images and labels
		t.Fatal(len(before), err)
	}
	shardOf(t, filepath.Join(root, "train-000001.tar"), 2, 4)
	now, err := opened(t, root, Options{}).Like(t.Context(), before)
	if d := before.Changes(now); err != nil || len(d.Removed) != 2 || len(d.Added) != 2 {
		t.Error(d, err)
	}
}

// TestShardsOfClasses: archives that are not numbered are folders.
func TestShardsOfClasses(t *testing.T) {
	root := t.TempDir()
	for i, name := range []string{"n01440764", "n01443537", "n15075141"} {
		writeFile(t, filepath.Join(root, name+".tar"), tarOf(t, regular("a.png", pngOf(t, uint8(i), 8, 8))))
	}
	s := opened(t, root, Options{})
	if got := describe(s); got != "n01440764/a.png=n01440764 n01443537/a.png=n01443537 n15075141/a.png=n15075141" {
		t.Error(got)
	}
	root = t.TempDir()
	for i, name := range []string{"train.tar", "test.zip"} {
		data := tarOf(t, regular("cat/a.png", pngOf(t, uint8(i), 8, 8)), regular("dog/b.png", pngOf(t, 9, 8, 8)))
		if i == 1 {
			data = zipOfFiles(t, map[string][]byte{"cat/c.png": pngOf(t, 5, 8, 8)})
		}
		writeFile(t, filepath.Join(root, name), data)
	}
	s = opened(t, root, Options{})
	if got := describe(s); got != "train/cat/a.png=cat train/dog/b.png=dog" || len(s.Splits) != 2 {
		t.Error(got, s.Splits)
	}
}

func zipOfFiles(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(files) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(files[name])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestShardsDamaged: a shard that cannot be listed is left out, and one whose content is damaged costs its images.
func TestShardsDamaged(t *testing.T) {
	root := t.TempDir()
	for i := range 3 {
		shardOf(t, filepath.Join(root, fmt.Sprintf("s-%d.tar", i)), 2*i, 2*i+1)
	}
	whole := tarOf(t, regular("a.png", pngOf(t, 1, 8, 8)), regular("b.png", pngOf(t, 2, 8, 8)))
	writeFile(t, filepath.Join(root, "s-3.tar"), whole[:1100])
	writeFile(t, filepath.Join(root, "s-4.tar"), nil)
	s := opened(t, root, Options{})
	if s.Len() != 6 ||
		!strings.Contains(s.Summary(), "the archive is cut short after 1 files: copy it again (s-3.tar)") ||
		!strings.Contains(s.Summary(), "the file is empty (s-4.tar)") {
		t.Error(s.Len(), s.Summary())
	}
	shardOf(t, filepath.Join(root, "s-1.tar"))
	bad := 0
	for i := range s.Len() {
		if _, err := s.Image(i); err != nil {
			bad++
		}
	}
	if bad != 2 {
		t.Errorf("%d images are bad, not the two of the shard that was replaced", bad)
	}
	for _, name := range []string{"s-0.tar", "s-1.tar", "s-2.tar"} {
		writeFile(t, filepath.Join(root, name), nil)
	}
	const want = "none of its 5 archives can be read, such as s-4.tar: the file is empty"
	if _, err := Open(root, Options{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}

func TestSamples(t *testing.T) {
	px := func(v uint8) []byte { return pngOf(t, v, 8, 8) }
	text := func(name, value string) entry { return regular(name, []byte(value)) }
	for _, c := range []struct {
		name    string
		entries []entry
		want    string
		note    string
	}{
		{"a name", []entry{text("1.cls", "dog"), regular("1.png", px(1)), regular("2.png", px(2))},
			"1.png=dog 2.png", ""},
		{"JSON", []entry{text("1.json", `{"id": 7, "label": "dog"}`), regular("1.png", px(1)),
			text("2.json", `{"label": "cat"}`), regular("2.png", px(2))}, "1.png=dog 2.png=cat", ""},
		{"captions", []entry{text("1.txt", "a dog runs"), regular("1.png", px(1)), text("2.txt", "a cat sleeps"),
			regular("2.png", px(2))}, "1.png 2.png", "the .txt files of the samples are no labels"},
		{"words", []entry{text("1.txt", "dog"), regular("1.png", px(1)), text("2.txt", "dog"), regular("2.png", px(2)),
			text("3.txt", "cat"), regular("3.png", px(3)), text("4.txt", "cat"), regular("4.png", px(3))},
			"1.png=dog 2.png=dog 3.png=cat 4.png=cat", ""},
		{"several images", []entry{text("d/1.cls", "4"), regular("d/1.png", px(1)), regular("d/1.depth.png", px(9))},
			"d/1.png=4", "left out 1 image: further images of a sample (d/1.depth.png)"},
		{"unknown", []entry{text("1.cls", "-1"), regular("1.png", px(1)), text("2.cls", "0"), regular("2.png", px(1)),
			text("3.cls", strings.Repeat("x", 300)), regular("3.png", px(3))}, "1.png 2.png=0 3.png", ""},
		{"no samples", []entry{text("cat/readme.txt", "x"), regular("cat/1.png", px(1)), regular("dog/2.png", px(2))},
			"cat/1.png=cat dog/2.png=dog", "left out 1 file: not images by their names (cat/readme.txt)"},
	} {
		name := filepath.Join(t.TempDir(), "x.tar")
		writeFile(t, name, tarOf(t, c.entries...))
		s := opened(t, name, Options{})
		if got := describe(s); got != c.want || !strings.Contains(fmt.Sprint(s.Notes), c.note) {
			t.Errorf("%s: %s, notes %s, want %s", c.name, got, s.Notes, c.want)
		}
	}
}

func TestNumbered(t *testing.T) {
	for names, want := range map[string]bool{
		"000 001 002": true, "train-0 train-1 val-0": true, "a-00000-of-00002 a-00001-of-00002": true,
		"n01440764 n01443537": false, "cat dog": false, "cats1 dogs1": false, "000 cat": false, "x": false,
		"0 99999999999999999999": false,
	} {
		if numbered(strings.Fields(names)) != want {
			t.Errorf("%s: %t", names, !want)
		}
	}
}

// TestZip64 reads an archive whose directory has 64-bit fields, as those of more than 65,535 files have.
func TestZip64(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	px := pngOf(t, 3, 8, 8)
	const files = 1<<16 + 10
	for i := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%c/%06d.png", 'a'+i%2, i), Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		w.Write(px)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "large.zip")
	writeFile(t, name, b.Bytes())
	s := opened(t, name, Options{})
	if s.Len() != files || len(s.Classes) != 2 {
		t.Error(s.Summary())
	}
	if _, err := s.Image(files - 1); err != nil {
		t.Error(err)
	}
}

func TestArchivesInAnArchive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.zip")
	writeFile(t, name, zipOfFiles(t, map[string][]byte{"a.tar": tarOf(t), "b.zip": {}}))
	const want = "it holds no images but 2 archives: unpack it and give the folder"
	if _, err := Open(name, Options{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}

// FuzzSampleLabel reads foreign files of labels.
func FuzzSampleLabel(f *testing.F) {
	f.Add([]byte(`{"label": "dog"}`))
	f.Add([]byte(`{"cls": 12, "label": [1]}`))
	f.Add([]byte("\"dog\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		if label := jsonLabel(text); len(label) > longestLabel {
			t.Errorf("a label of %d bytes", len(label))
		}
	})
}
