// SPDX-License-Identifier: Apache-2.0

package codec

import "github.com/parallax-ssl/parallax/augment"

// upright turns and mirrors an image from the EXIF orientation o to upright (CIPA DC-008, table 6).
func upright(img *augment.Image, o int) *augment.Image {
	if o <= 1 || o > 8 {
		return img
	}
	w, h := img.W, img.H
	if o >= 5 {
		w, h = h, w
	}
	out := &augment.Image{W: w, H: h, C: img.C, Samples: img.Samples}
	if img.Deep != nil {
		out.Deep = make([]float32, len(img.Deep))
	} else {
		out.Pix = make([]uint8, len(img.Pix))
	}
	for y := range h {
		for x := range w {
			sx, sy := x, y
			if o >= 5 { // rows are columns
				sx, sy = y, x
			}
			switch o {
			case 2, 3, 7, 8:
				sx = img.W - 1 - sx
			}
			switch o {
			case 3, 4, 6, 7:
				sy = img.H - 1 - sy
			}
			to, from := y*w+x, sy*img.W+sx
			if img.Deep != nil {
				copy(out.Deep[img.C*to:][:img.C], img.Deep[img.C*from:][:img.C])
				continue
			}
			copy(out.Pix[3*to:3*to+3], img.Pix[3*from:3*from+3])
		}
	}
	return out
}
