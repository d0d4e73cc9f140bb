// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// deepFile is a file of testdata/deep.zip, which make_deep.py writes, and its samples as tifffile and imagecodecs read
// them.
type deepFile struct {
	W, H, C int
	Samples string
	Pages   bool
	data    []byte
	want    []float32
}

func (f *deepFile) options() Options { return Options{Deep: true, Pages: f.Pages} }

func deepFiles(t testing.TB) map[string]*deepFile {
	t.Helper()
	z, err := zip.OpenReader("testdata/deep.zip")
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
	var files map[string]*deepFile
	if err := json.Unmarshal(read("index.json"), &files); err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		f.data = read(name)
		raw := read(name + ".f32")
		f.want = make([]float32, len(raw)/4)
		for i := range f.want {
			f.want[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	}
	return files
}

func TestDeepIsTifffile(t *testing.T) {
	files := deepFiles(t)
	if len(files) < 70 {
		t.Fatalf("only %d files", len(files))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		img, err := Decode(f.data, f.options())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if img.W != f.W || img.H != f.H || img.C != f.C || img.Samples != f.Samples || img.Check() != nil {
			t.Errorf("%s: %dx%d of %v, want %dx%d of %d (%s)", name, img.W, img.H, img.Format(), f.W, f.H, f.C,
				f.Samples)
			continue
		}
		for i, v := range img.Deep {
			if v != f.want[i] {
				t.Errorf("%s: sample %d is %v, want %v", name, i, v, f.want[i])
				break
			}
		}
		if got, _, ok := Describe(f.data); !f.Pages && (!ok || got != img.Format()) {
			t.Errorf("%s is described as %v", name, got)
		} else if _, pages, _ := Describe(f.data); f.Pages && pages != f.C {
			t.Errorf("%s: %d pages, want %d", name, pages, f.C)
		}
	}
	f := files["pages.tif"]
	if img, err := Decode(f.data, Options{Deep: true}); err != nil || img.C != 1 || img.Deep[1] != f.want[f.C] {
		t.Errorf("the first page alone: %v (%v)", img, err)
	}
}

// What is kept of a file of 8-bit RGB is its 8-bit RGB.
func TestDeepOfRGB(t *testing.T) {
	names, _ := filepath.Glob("testdata/images/*")
	compared := 0
	for _, name := range names {
		data := readTestImage(t, filepath.Base(name))
		rgb, err := Decode(data, Options{})
		if err != nil {
			continue
		}
		deep, err := Decode(data, Options{Deep: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if deep.W != rgb.W || deep.H != rgb.H || deep.Check() != nil {
			t.Errorf("%s: %dx%d, not %dx%d", name, deep.W, deep.H, rgb.W, rgb.H)
			continue
		}
		if strings.Contains(name, "cmyk.tif") || deep.Samples != "uint8" && deep.Samples != "uint16" {
			continue // inks; 1-bit samples
		}
		compared++
		for i := range rgb.W * rgb.H {
			for c := range 3 {
				from := c
				if deep.C < 3 {
					from = 0
				}
				v := deep.Deep[i*deep.C+from] * 255
				if d := float64(v) - float64(rgb.Pix[3*i+c]); math.Abs(d) >= 1 { // of 16 bits, RGB keeps the high byte
					t.Fatalf("%s: pixel %d is %v, in RGB %d", name, i, v, rgb.Pix[3*i+c])
				}
			}
		}
	}
	if compared < 25 {
		t.Errorf("only %d files were compared", compared)
	}
}

func TestDeepErrors(t *testing.T) {
	files := deepFiles(t)
	broken := func(name string, change func(b []byte) []byte) []byte { return change(bytes.Clone(files[name].data)) }
	nan := broken("float32-1.tif", func(b []byte) []byte {
		at := bytes.Index(b, binary.LittleEndian.AppendUint32(nil, math.Float32bits(files["float32-1.tif"].want[3])))
		binary.LittleEndian.PutUint32(b[at:], math.Float32bits(float32(math.NaN())))
		return b
	})
	// another width for the second page
	other := broken("pages.tif", func(b []byte) []byte {
		d, next, err := readFirst(b)
		if err != nil || d == 0 {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint16(b[next+2+8:], 6) // the first tag is the width
		return b
	})
	for _, c := range []struct {
		what  string
		data  []byte
		o     Options
		wants string
	}{
		{"not a number", nan, Options{Deep: true}, "1 of its 35 samples are no finite numbers: replace them"},
		{"pages that differ", other, Options{Deep: true, Pages: true},
			"page 2: it has 6x5 pixels of 1 samples (uint16), and the first page 7x5"},
		{"cut short", files["tiles.tif"].data[:700], Options{Deep: true}, ""},
		{"too many pixels", files["tiles.tif"].data, Options{Deep: true, Limits: Limits{MaxPixels: 100}},
			"more than the limit"},
		{"no memory", files["many.tif"].data, Options{Deep: true, Limits: Limits{Budget: NewBudget(2799)}},
			"decoding takes 2.7 KiB, and images may take 2.7 KiB"},
		{"as RGB", files["uint16-5.tif"].data, Options{}, "which is not read"},
	} {
		if img, err := Decode(c.data, c.o); err == nil || !strings.Contains(err.Error(), c.wants) {
			t.Errorf("%s: %v (%v), want %q", c.what, err, img, c.wants)
		}
	}
	// An image takes 4 bytes for each channel of a pixel.
	enough := Limits{Budget: NewBudget(7 * 5 * 20 * 4)}
	if _, err := Decode(files["many.tif"].data, Options{Deep: true, Limits: enough}); err != nil {
		t.Error(err)
	}
}

// readFirst returns where the first and the second directory of a little-endian file are.
func readFirst(b []byte) (first, next uint32, err error) {
	first = binary.LittleEndian.Uint32(b[4:])
	n := uint32(binary.LittleEndian.Uint16(b[first:]))
	return first, binary.LittleEndian.Uint32(b[first+2+12*n:]), nil
}

func FuzzDeep(f *testing.F) {
	files := deepFiles(f)
	for _, name := range []string{"uint16-5.tif", "float16-big-endian.tif", "deflate-planar.tif", "tiles.tif",
		"pages.tif", "packed12.tif", "predictor-float32-little.tif", "bigtiff.tif", "uint16-4.png", "uint8-2.png"} {
		f.Add(files[name].data, files[name].Pages)
	}
	f.Fuzz(func(t *testing.T, data []byte, pages bool) {
		limits := Limits{MaxPixels: 1 << 16, Budget: NewBudget(64 << 20)}
		img, err := Decode(data, Options{Deep: true, Pages: pages, Limits: limits})
		if err != nil {
			return
		}
		if err := img.Check(); err != nil || img.Deep == nil {
			t.Fatal(err)
		}
		for _, v := range img.Deep {
			if v-v != 0 {
				t.Fatalf("%v is accepted", v)
			}
		}
		Describe(data)
		_ = augment.EvalRecipe(8).View(img, nil)
	})
}
