// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"fmt"
	"image"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/heif"
)

func isHEIC(head []byte) bool { return heif.Kind(head) == heif.HEIC }
func isAVIF(head []byte) bool { return heif.Kind(head) == heif.AVIF }

// decodeHEIC decodes the primary image. Its transformations are applied by libheif; the EXIF orientation does not count
// (ISO/IEC 23008-12, 6.5.1 and A.2).
func decodeHEIC(data []byte, o Options) (*augment.Image, error) {
	p, err := o.admitHEIF(data)
	if err != nil {
		return nil, fmt.Errorf("HEIC: %w", err)
	}
	img, err := heif.DecodeHEIC(data, p)
	if err != nil {
		return nil, fmt.Errorf("HEIC: %w", err)
	}
	switch img := img.(type) {
	case *image.YCbCr:
		return fromYCbCr(img, p), nil
	case *image.NRGBA:
		return opaque(img.Pix, img.Stride, img.Rect, false), nil
	}
	return augment.FromImage(img), nil
}

// decodeAVIF decodes the primary image, or the first one of a sequence, and turns it as its properties say; the EXIF
// orientation does not count.
func decodeAVIF(data []byte, o Options) (*augment.Image, error) {
	p, err := o.admitHEIF(data)
	if err != nil {
		return nil, fmt.Errorf("AVIF: %w", err)
	}
	img, err := heif.DecodeAVIF(data, p)
	if err != nil {
		return nil, fmt.Errorf("AVIF: %w", err)
	}
	return upright(opaque(img.Pix, img.Stride, img.Rect, true), p.Orientation), nil
}

// admitHEIF reads the header, and waits until the image fits into the budget.
func (o Options) admitHEIF(data []byte) (heif.Picture, error) {
	p, err := heif.Parse(data)
	if err == nil {
		err = o.admit(header{w: p.W, h: p.H, bits: 24, by: blank, buffer: heif.PixelBytes + 4}, len(data))
	}
	return p, err
}

// opaque drops the alpha channel. A premultiplied colour is divided by it; under alpha 0 it is black.
func opaque(pix []uint8, stride int, b image.Rectangle, premultiplied bool) *augment.Image {
	out := augment.NewImage(b.Dx(), b.Dy())
	for y := range out.H {
		row := pix[y*stride:]
		for x := range out.W {
			from, to := row[4*x:4*x+4], out.Pix[3*(y*out.W+x):]
			for c := range 3 {
				v := uint32(from[c])
				if a := uint32(from[3]); premultiplied && a != 255 && a != 0 {
					v = min(255, (v*255+a/2)/a)
				}
				to[c] = uint8(v)
			}
		}
	}
	return out
}

// fromYCbCr converts planes to RGB by the coefficients and the range that the file names (ITU-T H.273, tables 4 and
// 8.3). A colour sample counts for all pixels that it covers.
func fromYCbCr(img *image.YCbCr, p heif.Picture) *augment.Image {
	kr, kb := p.Coefficients()
	kg := 1 - kr - kb
	scaleY, offset, scaleC := 1.0, 0.0, 1.0
	if !p.FullRange {
		scaleY, offset, scaleC = 255.0/219, 16, 255.0/224
	}
	out := augment.NewImage(img.Rect.Dx(), img.Rect.Dy())
	clamp := func(v float64) uint8 { return uint8(max(0, min(255, v+0.5))) }
	for y := range out.H {
		for x := range out.W {
			c := img.COffset(x, y)
			l := (float64(img.Y[img.YOffset(x, y)]) - offset) * scaleY
			cb, cr := (float64(img.Cb[c])-128)*scaleC, (float64(img.Cr[c])-128)*scaleC
			r, b := l+2*(1-kr)*cr, l+2*(1-kb)*cb
			to := out.Pix[3*(y*out.W+x):]
			to[0], to[1], to[2] = clamp(r), clamp((l-kr*r-kb*b)/kg), clamp(b)
		}
	}
	return out
}
