// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

type zipEntry struct {
	zip.FileHeader
	data []byte
}

func zipOf(t testing.TB, entries ...zipEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&e.FileHeader)
		if err == nil {
			_, err = w.Write(e.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deflated(name string, data []byte) zipEntry {
	return zipEntry{zip.FileHeader{Name: name, Method: zip.Deflate}, data}
}

func TestZip(t *testing.T) {
	sym := deflated("link.png", []byte("/etc/passwd"))
	sym.SetMode(fs.ModeSymlink | 0o777)
	secret := deflated("secret.png", pngOf(t, 3, 4, 4))
	secret.Flags = 1
	name := filepath.Join(t.TempDir(), "d.zip")
	writeFile(t, name, zipOf(t,
		zipEntry{zip.FileHeader{Name: "d/train/cat/1.png"}, pngOf(t, 10, 5, 4)}, deflated("d/train/dog/2.png", pngOf(t,
			20, 5, 4)),
		deflated("d/test/cat/3.png", pngOf(t, 30, 5, 4)), deflated("d/train/cat/", nil), deflated("d/train/cat/4.xmp",
			[]byte("<x/>")),
		deflated("__MACOSX/d/train/cat/._1.png", []byte("x")), deflated("../up.png", pngOf(t, 1, 4, 4)),
		deflated("/abs.png",
			nil),
		deflated(`d\back.png`, nil), sym, secret,
	))
	s := opened(t, name, Options{})
	if got := describe(s); got != "d/train/cat/1.png=cat d/train/dog/2.png=dog" || s.Kind != KindZip {
		t.Errorf("%s: took %s", s.Kind, got)
	}
	for i, red := range []byte{10, 20} {
		if img, err := s.Image(i); err != nil || img.W != 5 || img.Pix[0] != red {
			t.Errorf("image %d: %v, %v", i, img, err)
		}
	}
	for _, want := range []string{"3 files: names that lead out", "1 file: links in a zip", "1 file: encrypted " +
		"(secret.png)",
		"1 file: hidden", "1 file: not images by their content (d/train/cat/4.xmp)"} {
		if notes := strings.Join(s.Notes, "\n"); !strings.Contains(notes, want) {
			t.Errorf("notes %s\nlack %q", notes, want)
		}
	}
	if s := opened(t, name+":d/test", Options{}); describe(s) != "d/test/cat/3.png" {
		t.Errorf("archive:d/test is %s", describe(s))
	}
	writeFile(t, name, zipOf(t, deflated("cifar-10-batches-bin/data_batch_1.bin", make([]byte, 3073))))
	if _, err := Open(name, Options{}); err == nil || !strings.Contains(err.Error(), "unpack it") {
		t.Errorf("CIFAR in a zip: %v", err)
	}
}

// TestHostileZip: an archive whose entries overlap is refused, and an entry that claims more than it can hold is a bad
// image, before memory is taken for it.
func TestHostileZip(t *testing.T) {
	dir := t.TempDir()
	px := pngOf(t, 1, 4, 4)
	name := filepath.Join(dir, "d.zip")
	open := func(data []byte) (*Source, error) {
		writeFile(t, name, data)
		return Open(name, Options{})
	}
	central := func(data []byte) int { return bytes.Index(data, []byte("PK\x01\x02")) }

	huge := zipOf(t, deflated("1.png", px), deflated("2.png", px))
	binary.LittleEndian.PutUint32(huge[central(huge)+24:], 400<<20) // the unpacked size
	s, err := open(huge)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Image(0); err == nil || !strings.Contains(err.Error(), "more than 20 times its size") {
		t.Errorf("an entry that claims 400 MiB: %v", err)
	}
	s.Close()

	var many []zipEntry
	for i := range 20 {
		many = append(many, deflated(fmt.Sprintf("%02d.png", i), px))
	}
	overlap := zipOf(t, many...)
	for at, n := central(overlap), 0; n < 20; n++ { // every entry is nearly all of the archive
		binary.LittleEndian.PutUint32(overlap[at+20:], uint32(central(overlap)-60))
		at += 46 + int(binary.LittleEndian.Uint16(overlap[at+28:])) + int(binary.LittleEndian.Uint16(overlap[at+30:]))
	}
	if _, err := open(overlap); err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("entries that overlap: %v", err)
	}

	damaged := zipOf(t, deflated("1.png", px), deflated("2.png", px))
	damaged[60] ^= 0xff
	if s, err := open(damaged); err == nil {
		if _, err := s.Image(0); err == nil || !strings.Contains(err.Error(), "damaged in the zip archive") {
			t.Errorf("a damaged entry: %v", err)
		}
		s.Close()
	}
	whole := zipOf(t, deflated("1.png", px), deflated("2.png", px))
	for n := len(whole) - 1; n > 4; n -= 7 {
		if s, err := open(whole[:n]); err == nil {
			s.Close()
			t.Errorf("cut to %d bytes: opened", n)
		}
	}
}

func FuzzZip(f *testing.F) {
	px := pngOf(f, 1, 4, 4)
	f.Add(zipOf(f, deflated("a/1.png", px), zipEntry{zip.FileHeader{Name: "2.png"}, px}))
	f.Add(zipOf(f, deflated("../x", px)))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out skipped
		entries, err := indexZip(bytes.NewReader(data), int64(len(data)), &out)
		if err != nil {
			return
		}
		for name, e := range entries {
			if !filepath.IsLocal(name) {
				t.Errorf("%q leads out of the archive", name)
			}
			if e.UncompressedSize64 <= 1<<16 {
				b := &zipBlob{entry: e}
				n, _ := b.ReadAt(make([]byte, e.UncompressedSize64+1), 0)
				if uint64(n) > e.UncompressedSize64 {
					t.Errorf("%q: read %d bytes of %d", name, n, e.UncompressedSize64)
				}
				b.Close()
			}
		}
	})
}
