// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/embedding"
)

func TestTable(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.parquet")
	w, err := embedding.Create(name, embedding.Options{Dim: 2})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Write(
		embedding.Row{Path: "1.jpg", Status: embedding.OK, Label: "cat", Vector: []float32{3, 4}},
		embedding.Row{Path: "2.jpg", Status: embedding.Failed, Reason: "the file is empty", Label: "cat"},
		embedding.Row{Path: "3.jpg", Status: embedding.OK, Label: "cat", Vector: []float32{0, 1}},
		embedding.Row{Path: "4.jpg", Status: embedding.OK, Label: "dog", Vector: []float32{0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := table(t.Context(), &out, name); err != nil {
		t.Fatal(err)
	}
	if want := "\"cat\": 2 images, mean length 3\n\"dog\": 1 images, mean length 0\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if err := table(t.Context(), &out, "missing.parquet"); err == nil {
		t.Error("a missing file is read")
	}
}
