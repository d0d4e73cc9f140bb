// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// pillowCases are the files of testdata/images and the pixels that Pillow makes of them; make_images.py wrote both.
func pillowCases(t testing.TB) (cases []struct {
	File          string
	Width, Height int
	SHA256        string
}) {
	t.Helper()
	var list struct{ Cases json.RawMessage }
	data, err := os.ReadFile("testdata/images.json")
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err == nil {
		err = json.Unmarshal(list.Cases, &cases)
	}
	if err != nil || len(cases) < 40 {
		t.Fatalf("reading testdata/images.json: %d cases, %v", len(cases), err)
	}
	return cases
}

func readTestImage(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/images", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pixels are options with a limit on the pixels of an image.
func pixels(most int) Options { return Options{Limits: Limits{MaxPixels: most}} }

// TestPillow holds every format to Pillow's pixels, bit for bit.
func TestPillow(t *testing.T) {
	for _, c := range pillowCases(t) {
		t.Run(c.File, func(t *testing.T) {
			data := readTestImage(t, c.File)
			img, err := Decode(data, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if w, h, err := Size(data); err != nil || w != c.Width || h != c.Height {
				t.Errorf("Size says %dx%d, want %dx%d (%v)", w, h, c.Width, c.Height, err)
			}
			if img.W != c.Width || img.H != c.Height {
				t.Fatalf("%dx%d pixels, want %dx%d", img.W, img.H, c.Width, c.Height)
			}
			if got := sha256.Sum256(img.Pix); hex.EncodeToString(got[:]) != c.SHA256 {
				t.Errorf("the pixels differ from Pillow's")
			}
		})
	}
}

// TestSixteenBit keeps the high byte of grey, which Pillow would clip.
func TestSixteenBit(t *testing.T) {
	for _, name := range []string{"png_grey16.png", "tiff_grey16.tif"} {
		img, err := Decode(readTestImage(t, name), Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for y := range img.H {
			for x := range img.W {
				want := uint8((x*1456 + y*331) % 65536 >> 8) // as make_images.py draws it
				if got := img.Pix[3*(y*img.W+x)]; got != want {
					t.Fatalf("%s at (%d,%d): %d, want %d", name, x, y, got, want)
				}
			}
		}
	}
}

func TestSixteenBitRGB(t *testing.T) {
	m := image.NewNRGBA64(image.Rect(0, 0, 2, 1))
	m.SetNRGBA64(0, 0, color.NRGBA64{0x1234, 0x5678, 0x9abc, 0xffff})
	m.SetNRGBA64(1, 0, color.NRGBA64{0xfedc, 0xba98, 0x7654, 0x0100})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	img, err := Decode(b.Bytes(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint8{0x12, 0x56, 0x9a, 0xfe, 0xba, 0x76}; !bytes.Equal(img.Pix, want) {
		t.Errorf("% x, want % x: the high bytes, alpha dropped", img.Pix, want)
	}
}

// TestGoJPEG tests the decoder of old runs: the same size and nearly the same pixels as the other.
func TestGoJPEG(t *testing.T) {
	for _, c := range pillowCases(t) {
		if !strings.HasPrefix(c.File, "jpeg") {
			continue
		}
		data := readTestImage(t, c.File)
		old, err := Decode(data, Options{JPEG: Go})
		if err != nil {
			t.Fatalf("%s: %v", c.File, err)
		}
		exact, err := Decode(data, Options{JPEG: Turbo})
		if err != nil {
			t.Fatal(err)
		}
		if old.W != c.Width || old.H != c.Height {
			t.Fatalf("%s: %dx%d", c.File, old.W, old.H)
		}
		if c.File == "jpeg_420.jpg" && bytes.Equal(old.Pix, exact.Pix) {
			t.Error("the decoder of old runs has the pixels of the other")
		}
		sum := 0
		for i := range exact.Pix {
			sum += max(int(exact.Pix[i])-int(old.Pix[i]), int(old.Pix[i])-int(exact.Pix[i]))
		}
		if mean := float64(sum) / float64(len(exact.Pix)); mean > 8 {
			t.Errorf("%s: the decoders differ by %.1f levels on average", c.File, mean)
		}
	}
}

// TestEveryJPEG reads what only one of image/jpeg and libjpeg-turbo's library reads, by either name.
func TestEveryJPEG(t *testing.T) {
	for _, name := range []string{"baseline_ycc_441111.jpg", "baseline_ycc_211121.jpg", "abaseline_ycc_111111.jpg",
		"aprogressive_ycck_22111122.jpg", "odd_bytes_between_segments.jpg"} {
		data, err := os.ReadFile(filepath.Join("jpeg/testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, decoder := range []string{"", Turbo, Go} {
			if _, err := Decode(data, Options{JPEG: decoder}); err != nil {
				t.Errorf("%s with %q: %v", name, decoder, err)
			}
		}
	}
}

// TestOldRuns reads what image/jpeg reads for runs that began with it: here a progressive image without its last scan.
func TestOldRuns(t *testing.T) {
	jpg := readTestImage(t, "jpeg_progressive.jpg")
	cut := append(bytes.Clone(jpg[:bytes.LastIndex(jpg, []byte{0xff, 0xda})]), 0xff, 0xd9)
	if _, err := Decode(cut, Options{JPEG: Go}); err != nil {
		t.Error(err)
	}
	if _, err := Decode(cut, Options{}); err == nil {
		t.Error("a progressive image without its last scan: no error")
	}
}

// TestUpright checks the eight orientations by where the corners of a 3x2 image go (CIPA DC-008, table 6).
func TestUpright(t *testing.T) {
	// Pixels are numbered in reading order; the strings are the upright image.
	want := []string{1: "012/345", 2: "210/543", 3: "543/210", 4: "345/012", 5: "03/14/25", 6: "30/41/52",
		7: "52/41/30", 8: "25/14/03"}
	for o := 1; o <= 8; o++ {
		img := &augment.Image{W: 3, H: 2}
		for i := range 6 {
			img.Pix = append(img.Pix, uint8(i), uint8(i), uint8(i))
		}
		out := upright(img, o)
		got := ""
		for y := range out.H {
			for x := range out.W {
				got += string('0' + rune(out.Pix[3*(y*out.W+x)]))
			}
			got += "/"
		}
		if got != want[o]+"/" {
			t.Errorf("orientation %d: %s, want %s", o, got, want[o])
		}
	}
}

// pngClaiming is a PNG header that claims a size, without the pixels.
func pngClaiming(w, h uint32) []byte {
	ihdr := []byte("IHDR")
	ihdr = binary.BigEndian.AppendUint32(ihdr, w)
	ihdr = binary.BigEndian.AppendUint32(ihdr, h)
	ihdr = append(ihdr, 8, 2, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	out = append(out, ihdr...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(ihdr))
}

// jpegClaiming is a real JPEG whose header claims another size.
func jpegClaiming(t testing.TB, w, h uint16) []byte {
	data := bytes.Clone(readTestImage(t, "jpeg_444.jpg"))
	at := bytes.Index(data, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(data[at+5:], h)
	binary.BigEndian.PutUint16(data[at+7:], w)
	return data
}

// tiffClaiming is a real TIFF whose header claims another size.
func tiffClaiming(t testing.TB, w, h uint32) []byte {
	data := bytes.Clone(readTestImage(t, "tiff.tif"))
	ifd := binary.LittleEndian.Uint32(data[4:])
	for at := int(ifd) + 2; at+12 <= len(data); at += 12 {
		var v uint32
		switch binary.LittleEndian.Uint16(data[at:]) {
		case 256: // ImageWidth
			v = w
		case 257: // ImageLength
			v = h
		default:
			continue
		}
		binary.LittleEndian.PutUint16(data[at+2:], 4) // LONG
		binary.LittleEndian.PutUint32(data[at+8:], v)
	}
	return data
}

func TestBadImages(t *testing.T) {
	jpg := readTestImage(t, "jpeg_420.jpg")
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty file"},
		{"text", []byte("hello, world"), "not a JPEG, PNG"},
		{"one byte", []byte{0xff}, "not a JPEG, PNG"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), "HEIC"},
		{"png bomb", pngClaiming(30000, 30000), "more than the limit"},
		{"png that cannot hold its pixels", pngClaiming(13000, 13000), "cannot hold"},
		{"tiff that cannot hold its pixels", tiffClaiming(t, 13000, 13000), "strips"},
		{"png without height", pngClaiming(10, 0), ""},
		{"jpeg bomb", jpegClaiming(t, 65500, 65500), "more than the limit"},
		{"jpeg that cannot hold its pixels", jpegClaiming(t, 13000, 13000), "can"},
		{"jpeg without width", jpegClaiming(t, 0, 10), ""},
		{"jpeg cut in its header", jpg[:100], ""},
		{"jpeg cut in its pixels", jpg[:len(jpg)-200], ""},
		{"jpeg without its end", jpg[:len(jpg)-2], ""},
	} {
		img, err := Decode(c.data, Options{})
		if err == nil {
			t.Errorf("%s: decoded to %dx%d", c.name, img.W, img.H)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q does not say %q", c.name, err, c.want)
		}
	}
	if _, err := Decode(readTestImage(t, "png_rgb.png"), pixels(45*37-1)); err == nil ||
		!strings.Contains(err.Error(), "limit") {
		t.Errorf("an image of one pixel more than the limit: %v", err)
	}
	if _, err := Decode(readTestImage(t, "jpeg_420.jpg"), pixels(45*37-1)); err == nil ||
		!strings.Contains(err.Error(), "limit") {
		t.Errorf("a JPEG of one pixel more than the limit: %v", err)
	}
}

// TestTruncated cuts every sample at 100 places: never a panic, and never an image from less than the first half,
// unless the format has its pixels before that.
func TestTruncated(t *testing.T) {
	for _, c := range pillowCases(t) {
		data := readTestImage(t, c.File)
		for k := range 100 {
			n := len(data) * k / 100
			img, err := Decode(data[:n:n], Options{})
			if err == nil && n < len(data)/2 && !strings.HasPrefix(c.File, "gif_animated") {
				t.Errorf("%s cut to %d of %d bytes decodes to %dx%d", c.File, n, len(data), img.W, img.H)
			}
		}
	}
}

// TestFlippedBits flips single bits of every sample. Damage is not always detected, but the worst it does is an error.
func TestFlippedBits(t *testing.T) {
	for _, c := range pillowCases(t) {
		data := readTestImage(t, c.File)
		for k := range 200 {
			bad := bytes.Clone(data)
			at := k * (len(data) * 8) / 200
			bad[at/8] ^= 1 << (at % 8)
			if img, err := Decode(bad, pixels(1<<22)); err == nil && len(img.Pix) != 3*img.W*img.H {
				t.Errorf("%s with bit %d flipped: %dx%d pixels in %d bytes", c.File, at, img.W, img.H, len(img.Pix))
			}
		}
	}
}

// TestHarmlessWarning accepts a JPEG with bytes between two segments, as Pillow does, but not if it is also cut.
func TestHarmlessWarning(t *testing.T) {
	data := readTestImage(t, "jpeg_444.jpg")
	at := bytes.Index(data, []byte{0xff, 0xc0})
	extra := append(append(bytes.Clone(data[:at]), 1, 2, 3), data[at:]...)
	if _, err := Decode(extra, Options{}); err != nil {
		t.Errorf("extraneous bytes before a marker: %v", err)
	}
	if _, err := Decode(extra[:len(extra)-300], Options{}); err == nil {
		t.Error("extraneous bytes and a cut: no error")
	}
}

// TestAfterBadJPEG decodes a sound file after each kind of damaged one: libjpeg-turbo 2.1 leaves a decompressor
// unusable after some errors.
func TestAfterBadJPEG(t *testing.T) {
	good := readTestImage(t, "jpeg_420.jpg")
	for name, bad := range map[string][]byte{
		"without width": jpegClaiming(t, 0, 10), "huge": jpegClaiming(t, 65500, 65500), "cut": good[:100],
		"cut late": good[:len(good)-200],
	} {
		for range 3 {
			if _, err := Decode(bad, Options{}); err == nil {
				t.Errorf("%s: no error", name)
			}
			if _, err := Decode(good, Options{}); err != nil {
				t.Errorf("a sound file after one %s: %v", name, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range pillowCases(f) {
		f.Add(readTestImage(f, c.File))
	}
	f.Add(pngClaiming(30000, 30000))
	f.Add(jpegClaiming(f, 65500, 65500))
	f.Add([]byte("GIF89a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 20
		img, err := Decode(data, pixels(most))
		if err == nil && (img.W <= 0 || img.H <= 0 || img.W*img.H > most || len(img.Pix) != 3*img.W*img.H) {
			t.Errorf("%dx%d pixels in %d bytes", img.W, img.H, len(img.Pix))
		}
		if w, h, wrong := Size(data); err == nil && (wrong != nil || w != img.W || h != img.H) {
			t.Errorf("Size says %dx%d, want %dx%d (%v)", w, h, img.W, img.H, wrong)
		}
	})
}

// TestSizeUpright: a size is that of the image after it is turned by its EXIF orientation.
func TestSizeUpright(t *testing.T) {
	data := readTestImage(t, "jpeg_420.jpg")
	w, h, err := Size(data)
	if err != nil || w == h {
		t.Fatalf("%dx%d (%v)", w, h, err)
	}
	exif := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08"+
		"\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"), 0, 0, 0, 0)
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	turned := slices.Concat(data[:2], segment, data[2:])
	img, err := Decode(turned, Options{})
	if err != nil || img.W != h || img.H != w {
		t.Fatalf("turned to %dx%d (%v)", img.W, img.H, err)
	}
	if tw, th, err := Size(turned); err != nil || tw != h || th != w {
		t.Errorf("Size says %dx%d, want %dx%d (%v)", tw, th, h, w, err)
	}
}
