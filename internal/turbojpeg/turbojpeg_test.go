// SPDX-License-Identifier: Apache-2.0

package turbojpeg

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// sample is a JPEG of one grey, which every decoder decodes exactly.
func sample(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, color.RGBA{120, 120, 120, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecode(t *testing.T) {
	if err := Available(); err != nil {
		if _, err := Decode(sample(t, 9, 5), 9, 5, nil); err == nil {
			t.Error("decoded without the library")
		}
		t.Skip(err)
	}
	if v := Version(); v != "" && !regexp.MustCompile(`^\d+\.\d+`).MatchString(v) {
		t.Errorf("version %q", v)
	}
	data := sample(t, 9, 5)
	if _, err := Decode(data, 9, 4, nil); err == nil || !strings.Contains(err.Error(), "9x5 pixels, not 9x4") {
		t.Errorf("other pixels than expected: %v", err)
	}
	if _, err := Decode(nil, 9, 5, nil); err == nil {
		t.Error("no bytes: no error")
	}
	for _, size := range []int{0, 134, 135, 1000} {
		room := bytes.Repeat([]byte{7}, size)
		img, err := Decode(data, 9, 5, room)
		if err != nil || len(img.Pix) != 135 || img.Pix[0] != 120 || img.Pix[134] != 120 {
			t.Errorf("with room for %d bytes: %+v, %v", size, img, err)
		}
		if shared := size > 0 && &img.Pix[0] == &room[0]; shared != (size >= 135) {
			t.Errorf("with room for %d bytes: the pixels are in it: %v", size, shared)
		}
	}
	// Concurrent calls, with damaged files between them, do not disturb each other.
	var calls sync.WaitGroup
	for k := range 8 {
		calls.Go(func() {
			for i := range 50 {
				if (i+k)%3 == 0 {
					if _, err := Decode(data[:len(data)-10-i], 9, 5, nil); err == nil {
						t.Error("cut short: no error")
					}
					continue
				}
				img, err := Decode(data, 9, 5, nil)
				if err != nil || img.W != 9 || img.H != 5 || img.C != 3 || len(img.Pix) != 135 || img.Pix[0] != 120 ||
					img.Pix[134] != 120 {
					t.Errorf("%+v, %v", img, err)
				}
			}
		})
	}
	calls.Wait()
}
