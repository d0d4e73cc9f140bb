// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

func TestSheet(t *testing.T) {
	var first, second, log bytes.Buffer
	if err := sheet(&first, &log, "synthetic"); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if got := picture.Bounds().Size(); got.X != size*(count+1) || got.Y != size {
		t.Errorf("the sheet has %d x %d pixels, want %d x %d", got.X, got.Y, size*(count+1), size)
	}
	if got := strings.Count(log.String(), "augment.Crop"); got != count {
		t.Errorf("%d views were cropped, want all %d:\n%s", got, count, log.String())
	}
	if err := sheet(&second, &log, "synthetic"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two sheets of one image differ")
	}
	if err := sheet(&second, &log, "no-such-folder"); err == nil {
		t.Error("a path that does not exist is accepted")
	}
}
