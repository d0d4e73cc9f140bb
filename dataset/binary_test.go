// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// cifarRecord is a record with the planes r, g and b.
func cifarRecord(r, g, b byte, labels ...byte) []byte {
	out := labels
	for _, v := range []byte{r, g, b} {
		out = append(out, bytes.Repeat([]byte{v}, cifarPlane)...)
	}
	return out
}

func TestCIFAR10(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{
		"cifar-10-batches-bin/data_batch_1.bin": append(cifarRecord(1, 2, 3, 6), cifarRecord(4, 5, 6, 9)...),
		"cifar-10-batches-bin/data_batch_2.bin": cifarRecord(7, 8, 9, 0),
		"cifar-10-batches-bin/test_batch.bin":   cifarRecord(10, 11, 12, 3),
		"cifar-10-batches-bin/readme.html":      []byte("x"),
	}
	var entries []entry
	for name, data := range files {
		writeFile(t, filepath.Join(dir, "f", name), data)
		entries = append(entries, regular(name, data))
	}
	archive := filepath.Join(dir, "cifar-10-binary.tar.gz")
	writeFile(t, archive, gzipped(tarOf(t, entries...)))
	for _, path := range []string{filepath.Join(dir, "f"), filepath.Join(dir, "f/cifar-10-batches-bin"), archive} {
		s := opened(t, path, Options{})
		want := "data_batch_1/00000=frog data_batch_1/00001=truck data_batch_2/00000=airplane"
		if got := describe(s); got != want || s.Kind != KindCIFAR10 ||
			!slices.Equal(s.Splits, []string{"train", "test"}) {
			t.Errorf("%s is %s %v: %s", path, s.Kind, s.Splits, got)
		}
		img, err := s.Image(1)
		if err != nil || img.W != 32 || img.H != 32 || !bytes.Equal(img.Pix[:6], []byte{4, 5, 6, 4, 5, 6}) {
			t.Errorf("%s: image 1: %v", path, err)
		}
		test := opened(t, path, Options{Split: "test"})
		if got := describe(test); got != "test_batch/00000=cat" {
			t.Errorf("%s: test is %s", path, got)
		}
		if none := opened(t, path, Options{Labels: "none"}); none.Label(0) != -1 || len(none.Classes) != 0 {
			t.Errorf("%s: labels when none were wanted", path)
		}
	}
}

func TestCIFAR100(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "train.bin"), cifarRecord(1, 2, 3, 19, 99))
	writeFile(t, filepath.Join(dir, "test.bin"), cifarRecord(4, 5, 6, 0, 0))
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("class%d", i))
	}
	writeFile(t, filepath.Join(dir, "fine_label_names.txt"), []byte(strings.Join(names, "\n")))
	s := opened(t, dir, Options{})
	if got := describe(s); got != "train/00000=class99" || s.Kind != KindCIFAR100 {
		t.Errorf("%s: %s", s.Kind, got)
	}
	if img, err := s.Image(0); err != nil || !bytes.Equal(img.Pix[:3], []byte{1, 2, 3}) {
		t.Errorf("%v, %v", img, err)
	}
}

func TestBadCIFAR(t *testing.T) {
	for want, data := range map[string][]byte{
		"not a whole number": cifarRecord(1, 2, 3, 4)[:3000],
		"has label 10":       cifarRecord(1, 2, 3, 10),
		"0 bytes":            nil,
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "data_batch_1.bin"), data)
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "data_batch_1"), []byte("\x80\x02}"))
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "binary version") {
		t.Errorf("pickles: %v", err)
	}
}

func FuzzCIFAR(f *testing.F) {
	f.Add(cifarRecord(1, 2, 3, 4), false)
	f.Add(cifarRecord(1, 2, 3, 4, 5), true)
	f.Add([]byte{1}, false)
	f.Fuzz(func(t *testing.T, data []byte, hundred bool) {
		layout := cifar10
		if hundred {
			layout = cifar100
		}
		labels, err := cifarLabels(bytes.NewReader(data), int64(len(data)), layout)
		if err == nil && len(labels)*layout.record() != len(data) {
			t.Errorf("%d labels of %d bytes", len(labels), len(data))
		}
		for _, l := range labels {
			if l < 0 || l >= layout.classes {
				t.Errorf("label %d", l)
			}
		}
	})
}

// idxOf is an IDX file that claims dims and holds data.
func idxOf(magic []byte, data []byte, dims ...uint32) []byte {
	out := bytes.Clone(magic)
	for _, d := range dims {
		out = binary.BigEndian.AppendUint32(out, d)
	}
	return append(out, data...)
}

func TestIDX(t *testing.T) {
	train := idxOf(idxImages, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 2, 3, 2)
	labels := idxOf(idxLabels, []byte{7, 2}, 2)
	test := idxOf(idxImages, []byte{9, 8, 7, 6, 5, 4}, 1, 3, 2)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "train-images-idx3-ubyte.gz"), gzipped(train))
	writeFile(t, filepath.Join(dir, "train-labels-idx1-ubyte.gz"), gzipped(labels))
	writeFile(t, filepath.Join(dir, "t10k-images.idx3-ubyte"), test)
	writeFile(t, filepath.Join(dir, "sub/other.png"), pngOf(t, 1, 4, 4))
	archive := filepath.Join(t.TempDir(), "mnist.tar")
	writeFile(t, archive, tarOf(t, regular("MNIST/raw/train-images-idx3-ubyte", train),
		regular("MNIST/raw/train-labels-idx1-ubyte", labels)))
	for _, path := range []string{dir, filepath.Join(dir, "train-images-idx3-ubyte.gz"), archive} {
		s := opened(t, path, Options{})
		if got := describe(s); got != "train/00000=7 train/00001=2" || s.Kind != KindIDX {
			t.Fatalf("%s is %s: %s", path, s.Kind, got)
		}
		img, err := s.Image(1)
		if err != nil || img.W != 2 || img.H != 3 || !bytes.Equal(img.Pix[:6], []byte{6, 6, 6, 7, 7, 7}) {
			t.Errorf("%s: image 1: %+v, %v", path, img, err)
		}
	}
	s := opened(t, dir, Options{Split: "test"})
	if got := describe(s); got != "test/00000" {
		t.Errorf("test is %s", got)
	}
}

func TestBadIDX(t *testing.T) {
	good := idxOf(idxImages, make([]byte, 12), 2, 3, 2)
	for _, c := range []struct {
		want           string
		images, labels []byte
	}{
		{"there are 11", good[:len(good)-1], nil},
		{"there are more", append(bytes.Clone(good), 0), nil},
		{"there are 0", idxOf(idxImages, nil, 60000, 28, 28), nil},
		{"claims more than", idxOf(idxImages, nil, 0xffffffff, 0xffffffff, 0xffffffff), nil},
		{"2 images of 0x3", idxOf(idxImages, nil, 2, 3, 0), nil},
		{"IDX header", good[:9], nil},
		{"not the IDX file", idxOf(idxLabels, make([]byte, 30), 30), nil},
		{"gzip", []byte("\x1f\x8b..........."), nil},
		{"unexpected EOF", gzipped(good)[:20], nil},
		{"3 labels for 2 images", good, idxOf(idxLabels, make([]byte, 3), 3)},
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "train-images-idx3-ubyte"), c.images)
		if c.labels != nil {
			writeFile(t, filepath.Join(dir, "train-labels-idx1-ubyte"), c.labels)
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v does not say %q", err, c.want)
		}
	}
}

func FuzzIDX(f *testing.F) {
	f.Add(idxOf(idxImages, make([]byte, 12), 2, 3, 2))
	f.Add(gzipped(idxOf(idxImages, make([]byte, 12), 2, 3, 2)))
	f.Add(idxOf(idxImages, nil, 0xffffffff, 0, 0xffffffff))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &listing{files: []file{{name: "x", size: int64(len(data))}}, open: func(f file) (blob, error) {
			return section{io.NewSectionReader(bytes.NewReader(data), 0, f.size)}, nil
		}}
		var values int
		v, err := openIDX(l, 0, idxImages, Options{CacheDir: t.TempDir()}, func(dims []int) error {
			values = dims[0] * dims[1] * dims[2]
			return nil
		})
		if err == nil && v.Size() != int64(values) {
			t.Errorf("%d values of %d", v.Size(), values)
		}
	})
}

// TestLargeIDX unpacks what is too large to be kept in memory into the cache, once.
func TestLargeIDX(t *testing.T) {
	data := gzipped(idxOf(idxImages, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 2, 3, 2))
	cache := t.TempDir()
	for range 2 {
		v, err := gunzipIDX(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))), "sub/train.gz", idxImages,
			11, Options{CacheDir: cache}, func([]int) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 12)
		if _, err := v.ReadAt(got, 0); err != nil || got[11] != 11 || v.Size() != 12 {
			t.Errorf("%v, %v", got, err)
		}
		if err := v.close(); err != nil {
			t.Error(err)
		}
	}
	if files, _ := os.ReadDir(cache); len(files) != 1 || filepath.Ext(files[0].Name()) != ".idx" {
		t.Errorf("the cache holds %v", files)
	}
}

// TestIDXBombs refuses, without reading them, files whose header claims more than they can hold.
func TestIDXBombs(t *testing.T) {
	for want, data := range map[string][]byte{
		"which images do not":    gzipped(idxOf(idxImages, make([]byte, 1<<20), 4000, 1000, 1000)),
		"too many for images so": gzipped(idxOf(idxImages, nil, 60_000_000, 1, 1)),
		"more than the limit":    idxOf(idxImages, nil, 1, 100_000, 100_000),
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "train-images-idx3-ubyte"), data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Open(dir, Options{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: %d MB allocated", want, took>>20)
		}
	}
}
