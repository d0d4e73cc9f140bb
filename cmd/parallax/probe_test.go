// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"parallax/dataset"
)

// A file of labels for training images leaves the test images to their folders, if those have the file's names.
func TestQueriesTakeTheirLabelsFromFolders(t *testing.T) {
	for _, c := range []struct {
		name, csv string
		folders   []string
		want      []int
	}{
		{"for training alone", "train/0.png,cat\ntrain/1.png,dog\n", []string{"cat", "dog"}, []int{0, 1}},
		{"for the test images, too", "train/0.png,cat\ntrain/1.png,dog\ntest/cat/0.png,dog\n", []string{"cat", "dog"}, []int{1, -1}},
		{"of other names", "train/0.png,cat\ntrain/1.png,dog\n", []string{"cat", "horse"}, []int{-1, -1}},
	} {
		root := t.TempDir()
		for i, name := range []string{"train/0.png", "train/1.png", "test/" + c.folders[0] + "/0.png", "test/" + c.folders[1] + "/0.png"} {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			img := image.NewGray(image.Rect(0, 0, 9, 9))
			img.Pix[i] = 200
			if err := png.Encode(f, img); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		csv := filepath.Join(t.TempDir(), "labels.csv")
		if err := os.WriteFile(csv, fmt.Appendf(nil, "path,label\n%s", c.csv), 0o666); err != nil {
			t.Fatal(err)
		}
		bank, err := dataset.Open(root, dataset.Options{Labels: csv})
		if err != nil {
			t.Fatalf("labels %s: %v", c.name, err)
		}
		queries, err := selectQueries(bank, dataset.SplitTest, csv)
		if err != nil {
			t.Fatalf("labels %s: %v", c.name, err)
		}
		var got []int
		for i := range queries.Len() {
			got = append(got, queries.Label(i))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("labels %s: the test images have the labels %v, want %v", c.name, got, c.want)
		}
		bank.Close()
	}
}
