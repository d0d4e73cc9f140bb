// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"strings"

	"github.com/bep/imagemeta"

	"github.com/parallax-ssl/parallax/augment"
)

// Most files have no EXIF data: a quick search for the mark of its place shows that without parsing the file.

func orientationJPEG(data []byte) int { return orientation(imagemeta.JPEG, "Exif\x00\x00", data) }
func orientationPNG(data []byte) int  { return orientation(imagemeta.PNG, "eXIf", data) }
func orientationWebP(data []byte) int { return orientation(imagemeta.WebP, "EXIF", data) }
func orientationTIFF(data []byte) int { return orientation(imagemeta.TIFF, "", data) }

// orientation is the EXIF orientation of an image file, 1 to 8; 1 (as it is) if none can be read.
func orientation(kind imagemeta.ImageFormat, mark string, data []byte) int {
	if !bytes.Contains(data, []byte(mark)) {
		return 1
	}
	found := 1
	_, err := imagemeta.Decode(imagemeta.Options{
		R:           bytes.NewReader(data),
		ImageFormat: kind,
		Sources:     imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool {
			return t.Tag == "Orientation" && strings.HasPrefix(t.Namespace, "IFD0")
		},
		HandleTag: func(t imagemeta.TagInfo) error {
			if v, ok := t.Value.(uint16); ok && v >= 1 && v <= 8 {
				found = int(v)
			}
			return imagemeta.ErrStopWalking
		},
	})
	if err != nil {
		return 1
	}
	return found
}

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
