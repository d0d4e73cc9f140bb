// SPDX-License-Identifier: Apache-2.0

package heif

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKind(t *testing.T) {
	for head, want := range map[string]string{
		"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic": HEIC,
		"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif": AVIF,
		"\x00\x00\x00\x10ftypavif\x00\x00\x00\x00":         AVIF,
		"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommif1": "",
		"\x00\x00\x00\x10ftypqt  \x00\x00\x00\x00":         "",
		"\x00\x00\x00\x10ftypheic":                         "",
		"\xff\xd8\xff\xe0":                                 "",
	} {
		if got := Kind([]byte(head)); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for name, want := range map[string]Picture{
		"chroma420.avif": {160, 64, 1, true, 6}, "limited.avif": {160, 64, 1, false, 6},
		"turned5.avif": {160, 64, 5, true, 6}, "turned7.avif": {160, 64, 7, true, 6}, "odd.avif": {33, 21, 1, true, 6},
		"turned6.heic": {160, 64, 6, true, 6}, "turned2.heic": {160, 64, 2, true, 6},
	} {
		data, err := os.ReadFile("../testdata/heif/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(data); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	names, _ := filepath.Glob("../testdata/heif/turned*")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err == nil && (p.W < 1 || p.H < 1 || p.Orientation < 1 || p.Orientation > 8) {
			t.Errorf("%+v", p)
		}
	})
}
