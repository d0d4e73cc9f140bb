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
	out := &augment.Image{W: w, H: h, Pix: make([]uint8, len(img.Pix))}
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
			copy(out.Pix[3*(y*w+x):3*(y*w+x)+3], img.Pix[3*(sy*img.W+sx):3*(sy*img.W+sx)+3])
		}
	}
	return out
}
