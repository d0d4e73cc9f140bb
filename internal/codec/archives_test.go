// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"strings"
	"testing"
)

// archived is a file of an archive in testdata, drawn over the options of its format by make_bmp.py and its like, and
// what Pillow makes of it.
type archived struct {
	File, Options string
	Width, Height int
	SHA256        string
	Refused       string // why Pillow refuses the file
	data          []byte
}

func readArchive(t testing.TB, name string) (cases []archived) {
	t.Helper()
	z, err := zip.OpenReader("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	read := func(name string) []byte {
		f, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var index struct{ Cases []archived }
	if err := json.Unmarshal(read("index.json"), &index); err != nil {
		t.Fatal(err)
	}
	for i := range index.Cases {
		index.Cases[i].data = read(index.Cases[i].File)
	}
	return index.Cases
}

// archives are the archives of testdata. What Pillow reads is read, with the same pixels, but for so many files with
// each reason. What Pillow refuses is refused, but for also.
var archives = []struct {
	name    string
	refused map[string]int
	also    int
}{
	{"bmp.zip", map[string]int{"which readers take for 1 bit": 1, "which readers take for 8 bits": 1}, 0},
	// After the last bit there may be anything.
	{"pnm.zip", nil, 2},
	{"tiff.zip", map[string]int{
		// Pillow misreads these.
		"compressed grey samples": 6, "with white as zero": 3, "a colour map of 8 bits": 1, "uncompressed YCbCr": 1,
		"strips, but the page has": 2,
		// These would take a conversion of lcms2, and a predictor of libtiff's for units of sub-sampled YCbCr.
		"CIELab": 4, "planes, predictor": 2,
	}, 5},
}

func TestArchives(t *testing.T) {
	for _, a := range archives {
		cases := readArchive(t, a.name)
		if len(cases) < 50 {
			t.Errorf("%s: %d files", a.name, len(cases))
		}
		refused, also := map[string]int{}, 0
		for _, c := range cases {
			img, err := Decode(c.data, Options{})
			if w, h, wrong := Size(c.data); err == nil && (wrong != nil || w != img.W || h != img.H) {
				t.Errorf("%s (%s): Size says %dx%d, want %dx%d (%v)", c.File, c.Options, w, h, img.W, img.H, wrong)
			}
			switch {
			case c.SHA256 == "" && err == nil:
				also++
			case c.SHA256 == "":
			case err != nil:
				t.Logf("%s (%s): %v", c.File, c.Options, err)
				refused[reason(err, a.refused)]++
			case img.W != c.Width || img.H != c.Height:
				t.Errorf("%s (%s): %dx%d, want %dx%d", c.File, c.Options, img.W, img.H, c.Width, c.Height)
			default:
				if sum := sha256.Sum256(img.Pix); hex.EncodeToString(sum[:]) != c.SHA256 {
					t.Errorf("%s (%s): the pixels differ from Pillow's", c.File, c.Options)
				}
			}
		}
		if !maps.Equal(refused, a.refused) && len(refused)+len(a.refused) > 0 {
			t.Errorf("%s: refused %v, want %v", a.name, refused, a.refused)
		}
		if also != a.also {
			t.Errorf("%s: %d files are read that Pillow refuses, want %d", a.name, also, a.also)
		}
	}
}

// reason returns the key of reasons that the error has, or else its text.
func reason(err error, reasons map[string]int) string {
	for text := range reasons {
		if strings.Contains(err.Error(), text) {
			return text
		}
	}
	return err.Error()
}

// TestDamagedArchives cuts the files and flips their bits: never a panic, nor an image of another size than it says.
func TestDamagedArchives(t *testing.T) {
	for _, a := range archives {
		for n, c := range readArchive(t, a.name) {
			for k := range 40 {
				check := func(what string, data []byte) {
					img, err := Decode(data, pixels(1<<20))
					if err == nil && len(img.Pix) != 3*img.W*img.H {
						t.Errorf("%s %s: %dx%d pixels in %d bytes", c.File, what, img.W, img.H, len(img.Pix))
					}
					if err != nil && strings.Contains(err.Error(), "the decoder failed") {
						t.Errorf("%s %s: %v", c.File, what, err)
					}
				}
				cut := len(c.data) * k / 40
				check("cut", c.data[:cut:cut])
				bad := bytes.Clone(c.data)
				at := (n*131 + k*len(bad)*8/40) % (len(bad) * 8)
				bad[at/8] ^= 1 << (at % 8)
				check("with a bit flipped", bad)
			}
		}
	}
}

// TestChunkOfAnotherFormat has strips that are no pictures of the format that the file says.
func TestChunkOfAnotherFormat(t *testing.T) {
	deflated := []byte{3, 1, 3, 0, 1, 0, 0, 0, 8, 0, 0, 0} // the tag Compression of a little-endian file
	for _, compression := range []uint16{7, 50001} {
		data := bytes.Clone(readTestImage(t, "tiff_deflate.tif"))
		at := bytes.Index(data, deflated)
		binary.LittleEndian.PutUint16(data[at+8:], compression)
		if _, err := Decode(data, Options{}); err == nil || !strings.Contains(err.Error(), "it is no ") {
			t.Errorf("compression %d: %v", compression, err)
		}
	}
}

func FuzzTIFF(f *testing.F) { fuzzArchive(f, "tiff.zip") }

func FuzzBMP(f *testing.F) { fuzzArchive(f, "bmp.zip") }

func FuzzPNM(f *testing.F) { fuzzArchive(f, "pnm.zip") }

// fuzzArchive begins with an archive's files.
func fuzzArchive(f *testing.F, name string) {
	for _, c := range readArchive(f, name) {
		f.Add(c.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 18
		img, err := Decode(data, pixels(most))
		if err == nil && (img.W <= 0 || img.H <= 0 || img.W*img.H > most || len(img.Pix) != 3*img.W*img.H) {
			t.Errorf("%dx%d pixels in %d bytes", img.W, img.H, len(img.Pix))
		}
		if err != nil && strings.Contains(err.Error(), "the decoder failed") {
			t.Error(err)
		}
	})
}
