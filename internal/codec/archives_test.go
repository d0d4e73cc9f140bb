// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
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

// archives are the archives of testdata. What Pillow reads is read, with the same pixels, but for the files of refused,
// whose errors say what is there. What Pillow refuses is refused, but for also.
var archives = []struct {
	name    string
	refused map[string]string
	also    []string
}{
	{"bmp.zip", map[string]string{
		"bmp_043.bmp": "readers take for 1 bit",
		"bmp_092.bmp": "readers take for 8 bits",
	}, nil},
	// After the last bit there may be anything.
	{"pnm.zip", nil, []string{"pnm_053.pbm", "pnm_061.pbm"}},
}

func TestArchives(t *testing.T) {
	for _, a := range archives {
		cases := readArchive(t, a.name)
		if len(cases) < 50 {
			t.Errorf("%s: %d files", a.name, len(cases))
		}
		also := map[string]bool{}
		for _, file := range a.also {
			also[file] = true
		}
		for _, c := range cases {
			img, err := Decode(c.data, Options{})
			want, refused := a.refused[c.File]
			switch {
			case c.SHA256 == "" && err == nil && !also[c.File]:
				t.Errorf("%s (%s): read, but Pillow says %s", c.File, c.Options, c.Refused)
			case c.SHA256 == "":
			case refused && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s (%s): %v, want an error that says %q", c.File, c.Options, err, want)
			case refused:
			case err != nil:
				t.Errorf("%s (%s): %v", c.File, c.Options, err)
			case img.W != c.Width || img.H != c.Height:
				t.Errorf("%s (%s): %dx%d, want %dx%d", c.File, c.Options, img.W, img.H, c.Width, c.Height)
			default:
				if sum := sha256.Sum256(img.Pix); hex.EncodeToString(sum[:]) != c.SHA256 {
					t.Errorf("%s (%s): the pixels differ from Pillow's", c.File, c.Options)
				}
			}
		}
	}
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
