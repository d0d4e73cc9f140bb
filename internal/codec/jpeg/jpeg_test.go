// SPDX-License-Identifier: Apache-2.0

package jpeg

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/turbojpeg"
)

// pillow returns the hash of the pixels that Pillow makes of each file of testdata; testdata/make.py wrote both.
func pillow(t testing.TB) map[string]string {
	t.Helper()
	var list struct{ Cases map[string]string }
	text, err := os.ReadFile("testdata/pixels.json")
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil || len(list.Cases) < 140 {
		t.Fatalf("reading testdata/pixels.json: %d cases, %v", len(list.Cases), err)
	}
	return list.Cases
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPillow(t *testing.T) {
	for name, want := range pillow(t) {
		data := read(t, name)
		info, err := Inspect(data)
		if err != nil {
			t.Errorf("%s: Inspect: %v", name, err)
			continue
		}
		img, err := Decode(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if info.W != img.W || info.H != img.H || info.Arithmetic != strings.HasPrefix(name, "a") {
			t.Errorf("%s: %+v, but %dx%d pixels", name, info, img.W, img.H)
		}
		if got := sha256.Sum256(img.Pix); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s: the pixels differ from Pillow's", name)
		}
	}
}

// TestLibrary holds what is common to libjpeg-turbo, if it is there, also after a file that leaves tables in it.
func TestLibrary(t *testing.T) {
	if err := turbojpeg.Available(); err != nil {
		t.Skip(err)
	}
	common := 0
	for name := range pillow(t) {
		data := read(t, name)
		info, err := Inspect(data)
		if err != nil || !info.Common {
			continue
		}
		common++
		ours, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := turbojpeg.Decode(data, info.W, info.H, nil)
		if err != nil {
			continue // it warned
		}
		if ours.C == 1 {
			theirs.C, theirs.Pix = 1, third(theirs.Pix)
		}
		if ours.C != theirs.C || !bytes.Equal(ours.Pix, theirs.Pix) {
			t.Errorf("%s: the pixels differ from libjpeg-turbo's", name)
		}
	}
	if common < 20 {
		t.Errorf("%d files", common)
	}
}

func third(pix []uint8) (out []uint8) {
	for i := 0; i < len(pix); i += 3 {
		out = append(out, pix[i])
	}
	return out
}

func TestCommon(t *testing.T) {
	for name, want := range map[string]bool{
		"baseline_ycc_111111.jpg": true, "baseline_ycc_211111.jpg": true, "progressive_ycc_221111.jpg": true,
		"baseline_grey_32.jpg": true, "baseline_cmyk_11111111.jpg": true, "baseline_ycc_121111.jpg": false,
		"baseline_ycc_411111.jpg": false, "abaseline_ycc_111111.jpg": false, "odd_no_huffman_tables.jpg": false,
	} {
		if info, err := Inspect(read(t, name)); err != nil || info.Common != want {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
}

// patched returns a file whose bytes from "at" behind the first marker m are others.
func patched(data []byte, m byte, at int, with ...byte) []byte {
	data = bytes.Clone(data)
	copy(data[bytes.Index(data, []byte{0xff, m})+at:], with)
	return data
}

func TestRefused(t *testing.T) {
	base, progressive := read(t, "odd_adobe_ycc.jpg"), read(t, "progressive_ycc_221111.jpg")
	lastScan := bytes.LastIndex(progressive, []byte{0xff, markerSOS})
	wrongRestart := bytes.Replace(read(t, "baseline_ycc_331111.jpg"), []byte{0xff, 0xd1}, []byte{0xff, 0xd4}, 1)
	twoScans := append(bytes.Clone(base[:len(base)-2]), base[bytes.Index(base, []byte{0xff, markerSOS}):]...)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":           {nil, "not a JPEG"},
		"12 bits":           {patched(base, 0xc0, 4, 12), "12 bits"},
		"lossless":          {patched(base, 0xc0, 1, 0xc3), "lossless"},
		"hierarchical":      {patched(base, 0xc0, 1, 0xc5), "hierarchical"},
		"without height":    {patched(base, 0xc0, 5, 0, 0), "x0 pixels"},
		"2 components":      {patched(base, 0xc0, 2, 0, 14, 8, 0, 9, 0, 9, 2), "2 components"},
		"ratio of 3:2":      {patched(patched(base, 0xc0, 11, 0x31), 0xc0, 14, 0x21), "3:2"},
		"factor 0":          {patched(base, 0xc0, 11, 0x01), "factors 0x1"},
		"13 blocks":         {patched(base, 0xc0, 11, 0x44), "18 blocks"},
		"no table":          {patched(base, 0xc0, 12, 3), "table 3 is missing"},
		"cut in its header": {base[:100], "cut short"},
		"cut in its pixels": {base[:len(base)-40], "cut short"},
		"without its end":   {base[:len(base)-2], "cut short"},
		"early end":         {append(bytes.Clone(base[:len(base)-40]), 0xff, markerEOI), "damaged"},
		"without its last scan": {append(bytes.Clone(progressive[:lastScan]), 0xff, markerEOI),
			"last scans are missing"},
		"without a scan": {[]byte{0xff, markerSOI, 0xff, markerEOI}, "without an image"},
		"wrong restart":  {wrongRestart, "restart 1"},
		"two scans":      {twoScans, "second scan"},
	} {
		_, err := Inspect(c.data)
		if err == nil {
			_, err = Decode(c.data)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestDamaged flips bits and cuts every file: what Inspect refuses Decode refuses, and nothing panics.
func TestDamaged(t *testing.T) {
	for name := range pillow(t) {
		data := read(t, name)
		for k := range 40 {
			bad := bytes.Clone(data)
			at := (k*2 + 1) * len(data) * 8 / 80
			bad[at/8] ^= 1 << (at % 8)
			try(t, bad)
			try(t, data[:k*len(data)/40])
		}
	}
}

func try(t *testing.T, data []byte) {
	info, err := Inspect(data)
	if err == nil && info.W*info.H > 1<<20 {
		return
	}
	if err != nil {
		d := newDecoder(data)
		_ = d.walk(d.skipScan)
		if d.frame != nil && d.frame.w*d.frame.h > 1<<20 {
			return // Decode would take the memory before it finds the fault
		}
	}
	img, failed := Decode(data)
	if err != nil && failed == nil {
		t.Errorf("Inspect says %v, and Decode decodes", err)
	}
	if failed == nil && (img.W != info.W || img.H != info.H || len(img.Pix) != img.W*img.H*img.C) {
		t.Errorf("%dx%d pixels of %d components in %d bytes", img.W, img.H, img.C, len(img.Pix))
	}
}

func FuzzDecode(f *testing.F) {
	for name := range pillow(f) {
		f.Add(read(f, name))
	}
	f.Fuzz(try)
}
