// SPDX-License-Identifier: Apache-2.0

package orientation

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"os"
	"testing"
)

var finders = map[string]func([]byte) int{"jpeg": JPEG, "png": PNG, "webp": WebP, "tiff": TIFF}

type example struct {
	Format      string
	Orientation int
	Data        []byte
}

// examples are files and the orientations that Pillow finds; testdata/make.py wrote them.
func examples(t testing.TB) []example {
	t.Helper()
	var list struct{ Cases []example }
	text, err := os.ReadFile("testdata/cases.json")
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil || len(list.Cases) < 200 {
		t.Fatalf("reading testdata/cases.json: %d cases, %v", len(list.Cases), err)
	}
	return list.Cases
}

func TestPillow(t *testing.T) {
	for i, e := range examples(t) {
		if got := finders[e.Format](e.Data); got != e.Orientation {
			t.Errorf("case %d, a %s file: orientation %d, Pillow finds %d", i, e.Format, got, e.Orientation)
		}
	}
}

// TestDamaged cuts every file, and flips bits of it: the result is an orientation, whatever happens.
func TestDamaged(t *testing.T) {
	for _, e := range examples(t) {
		for k := range e.Data {
			try(t, e.Data[:k:k])
			e.Data[k] ^= 1 << (k % 8)
			try(t, e.Data)
			e.Data[k] ^= 1 << (k % 8)
		}
	}
}

func try(t *testing.T, data []byte) {
	for format, find := range finders {
		if o := find(data); o < 1 || o > 8 {
			t.Errorf("%s: %d", format, o)
		}
	}
}

// TestExpandedText does not expand a compressed text beyond its bound.
func TestExpandedText(t *testing.T) {
	// A megabyte and more of zeros in a kilobyte.
	packed := deflated(make([]byte, maxText+1))
	if text, ok := inflate(packed); ok || text != nil {
		t.Errorf("%d bytes expanded to %d", len(packed), len(text))
	}
	if text, ok := inflate(deflated(make([]byte, maxText))); !ok || len(text) != maxText {
		t.Errorf("the longest text: %d bytes, %v", len(text), ok)
	}
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

func FuzzFind(f *testing.F) {
	for _, e := range examples(f) {
		f.Add(e.Data)
	}
	f.Fuzz(try)
}
