// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// readHEIF reads a file of testdata/heif, which make_heif.py wrote.
func readHEIF(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/heif/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// difference is the mean and the largest difference of the samples.
func difference(t *testing.T, name string, got, want *augment.Image) (mean float64, most int) {
	t.Helper()
	if got.W != want.W || got.H != want.H {
		t.Fatalf("%s: %dx%d pixels, want %dx%d", name, got.W, got.H, want.W, want.H)
	}
	sum := 0
	for i, v := range got.Pix {
		d := int(v) - int(want.Pix[i])
		sum, most = sum+max(d, -d), max(most, d, -d)
	}
	return float64(sum) / float64(len(got.Pix)), most
}

// TestHEIF compares with Pillow's pixels: exactly where every pixel has its own colour, and else within what another
// interpolation of colours makes of the picture's steps.
func TestHEIF(t *testing.T) {
	for _, c := range []struct {
		file string
		mean float64
		most int
	}{
		{"chroma444.heic", 0, 1}, {"chroma444.avif", 0, 1}, {"grey.heic", 0, 0}, {"grey.avif", 0, 0},
		{"chroma422.heic", 1, 30}, {"chroma422.avif", 1, 30}, {"chroma420.heic", 3, 60}, {"chroma420.avif", 3, 60},
		{"odd.heic", 4, 60}, {"odd.avif", 4, 60}, {"alpha.heic", 3, 60}, {"alpha.avif", 3, 60},
		{"deep.heic", 3, 60}, {"limited.avif", 3, 60}, {"exif6.heic", 3, 60},
	} {
		got, err := Decode(readHEIF(t, c.file), Options{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		m, err := png.Decode(bytes.NewReader(readHEIF(t, c.file+".png")))
		if err != nil {
			t.Fatal(err)
		}
		mean, most := difference(t, c.file, got, augment.FromImage(m))
		if mean > c.mean+0.01 || most > c.most {
			t.Errorf("%s: differs by %.3f on average and by up to %d, more than %g and %d", c.file, mean, most, c.mean,
				c.most)
		}
	}
}

// TestHEIFTurned: the properties irot and imir turn the picture as the EXIF orientation of the same number would.
func TestHEIFTurned(t *testing.T) {
	for ending, all := range map[string]string{".avif": "2345678", ".heic": "23468"} {
		base, err := Decode(readHEIF(t, "chroma420"+ending), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			name := "turned" + string(o) + ending
			got, err := Decode(readHEIF(t, name), Options{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if mean, most := difference(t, name, got, upright(base, int(o-'0'))); mean > 1.5 || most > 60 {
				t.Errorf("%s: differs by %.3f on average and by up to %d", name, mean, most)
			}
		}
	}
}

// TestHEIFNarrow: a row of fewer than 64 samples takes 64 in the decoder's planes.
func TestHEIFNarrow(t *testing.T) {
	img, err := Decode(readHEIF(t, "narrow.heic"), Options{})
	if err != nil || img.W != 33 || img.H != 21 {
		t.Fatal(img, err)
	}
	for _, p := range []struct{ x, y, r, g int }{
		{2, 2, 40, 40}, {30, 2, 217, 0}, {30, 18, 217, 194}, {10, 18, 62, 194},
	} {
		at := 3 * (p.y*img.W + p.x)
		if r, g := int(img.Pix[at]), int(img.Pix[at+1]); max(r-p.r, p.r-r, g-p.g, p.g-g) > 30 {
			t.Errorf("(%d,%d): red %d and green %d, want about %d and %d", p.x, p.y, r, g, p.r, p.g)
		}
	}
}

// TestHEIFLimits: the header is enough to refuse an image.
func TestHEIFLimits(t *testing.T) {
	for _, name := range []string{"chroma420.heic", "chroma420.avif"} {
		data := readHEIF(t, name)
		_, err := Decode(data, pixels(160*64-1))
		if err == nil || !strings.Contains(err.Error(), "more than the limit") {
			t.Errorf("%s: %v", name, err)
		}
		at := bytes.Index(data, []byte("ispe"))
		large := bytes.Clone(data)
		binary.BigEndian.PutUint32(large[at+8:], 12000)
		binary.BigEndian.PutUint32(large[at+12:], 12000)
		if _, err := Decode(large, Options{}); !errors.Is(err, ErrBomb) {
			t.Errorf("%s with a header of 12000x12000 pixels: %v", name, err)
		}
		small := bytes.ReplaceAll(data, data[at+8:at+16], []byte{0, 0, 0, 8, 0, 0, 0, 8})
		if img, err := Decode(small, Options{}); err == nil && img.W*img.H > 64 || err != nil &&
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s with a header of 8x8 pixels: %v", name, err)
		}
	}
}

// TestHEIFDamaged cuts and hurts the files: an error in one line, or an image, but never a panic.
func TestHEIFDamaged(t *testing.T) {
	for _, name := range []string{"chroma420.heic", "chroma420.avif", "alpha.heic", "turned6.avif"} {
		data := readHEIF(t, name)
		for k := 0; k < len(data); k += 211 {
			for _, hurt := range [][]byte{data[:k:k], bytes.Clone(data)} {
				if len(hurt) == len(data) {
					hurt[k] ^= 0xff
				}
				if _, err := Decode(hurt, Options{}); err != nil && strings.Contains(err.Error(), "\n") {
					t.Errorf("%s, byte %d: %v", name, k, err)
				}
			}
		}
	}
}
