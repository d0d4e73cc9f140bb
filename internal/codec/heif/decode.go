// SPDX-License-Identifier: Apache-2.0

package heif

import (
	"fmt"
	"image"
)

// Colour spaces and samplings by libheif's numbers (heif.h).
const (
	spaceYCbCr = 0
	spaceRGB   = 1
	spaceGrey  = 2

	chroma420 = 1
	chroma422 = 2
	chroma444 = 3
)

// stride is how many bytes libheif 1.18.2 takes for a row of w samples: at least 64 samples, an even number of them, in
// whole parts of 16 bytes.
func stride(w, bytes int) int { return (max(64, (w+1)&^1)*bytes + 15) &^ 15 }

// DecodeHEIC decodes the primary image of a HEIC file with the header p, turned upright: an *image.YCbCr, or an
// *image.Gray, or an *image.NRGBA of 8 bits.
func DecodeHEIC(data []byte, p Picture) (img image.Image, err error) {
	program, err := heifProgram()
	if err != nil {
		return nil, err
	}
	return img, program.run(p.memory(data), func(i *instance) error {
		in, err := i.put(data)
		if err != nil {
			return err
		}
		about, err := i.alloc(5 * 4) // width, height, colour space, sampling, whether alpha is premultiplied
		if err != nil {
			return err
		}
		decode := func(onlyHeader, out uint64) error {
			return i.accepted("decode", in, uint64(len(data)), onlyHeader,
				about, about+4, about+8, about+12, about+16, out)
		}
		if err := decode(1, 0); err != nil {
			return err
		}
		n, err := i.numbers(about, 5)
		if err != nil {
			return err
		}
		w, h := n[0], n[1]
		if err := p.fits(w, h); err != nil {
			return err
		}
		l, err := layoutOf(w, h, n[2], n[3])
		if err != nil {
			return err
		}
		out, err := i.alloc(l.size())
		if err != nil {
			return err
		}
		if err := decode(0, out); err != nil {
			return err
		}
		pix, err := i.get(out, l.size())
		img = l.image(pix)
		return err
	})
}

// layout is how libheif lays out the planes of an image.
type layout struct {
	w, h, stride, cStride, cRows int
	space                        int
	ratio                        image.YCbCrSubsampleRatio
}

func layoutOf(w, h, space, chroma int) (l layout, err error) {
	l = layout{w: w, h: h, stride: stride(w, 1), space: space}
	switch {
	case space == spaceGrey:
	case space == spaceRGB:
		l.stride = stride(w, 4)
	case space == spaceYCbCr && chroma == chroma420:
		l.ratio, l.cStride, l.cRows = image.YCbCrSubsampleRatio420, stride((w+1)/2, 1), (h+1)/2
	case space == spaceYCbCr && chroma == chroma422:
		l.ratio, l.cStride, l.cRows = image.YCbCrSubsampleRatio422, stride((w+1)/2, 1), h
	case space == spaceYCbCr && chroma == chroma444:
		l.ratio, l.cStride, l.cRows = image.YCbCrSubsampleRatio444, l.stride, h
	default:
		err = fmt.Errorf("the colour space %d with the sampling %d is not read", space, chroma)
	}
	return l, err
}

func (l layout) size() int64 {
	return int64(l.stride)*int64(l.h) + 2*int64(l.cStride)*int64(l.cRows)
}

func (l layout) image(pix []byte) image.Image {
	rect := image.Rect(0, 0, l.w, l.h)
	y, c := l.stride*l.h, l.cStride*l.cRows
	switch {
	case len(pix) == 0:
		return nil
	case l.space == spaceRGB:
		return &image.NRGBA{Pix: pix, Stride: l.stride, Rect: rect}
	case l.space == spaceGrey:
		return &image.Gray{Pix: pix, Stride: l.stride, Rect: rect}
	}
	return &image.YCbCr{Y: pix[:y], Cb: pix[y : y+c], Cr: pix[y+c : y+2*c], YStride: l.stride, CStride: l.cStride,
		SubsampleRatio: l.ratio, Rect: rect}
}

// DecodeAVIF decodes the primary image of an AVIF file with the header p, or the first one of a sequence, as it is
// stored: an *image.RGBA, whose alpha is premultiplied. Samples of more than 8 bits are rounded.
func DecodeAVIF(data []byte, p Picture) (img *image.RGBA, err error) {
	program, err := avifProgram()
	if err != nil {
		return nil, err
	}
	return img, program.run(p.memory(data), func(i *instance) error {
		in, err := i.put(data)
		if err != nil {
			return err
		}
		about, err := i.alloc(4*4 + 8) // width, height, depth, number of images; how long the first one is shown
		if err != nil {
			return err
		}
		decode := func(onlyHeader, out uint64) error {
			return i.accepted("decode", in, uint64(len(data)), onlyHeader, 0,
				about, about+4, about+8, about+12, about+16, out)
		}
		if err := decode(1, 0); err != nil {
			return err
		}
		n, err := i.numbers(about, 3)
		if err != nil {
			return err
		}
		w, h, bytes := n[0], n[1], 1
		if n[2] > 8 {
			bytes = 2
		}
		if err := p.fits(w, h); err != nil {
			return err
		}
		size := 4 * int64(bytes) * int64(w) * int64(h)
		out, err := i.alloc(size)
		if err != nil {
			return err
		}
		if err := decode(0, out); err != nil {
			return err
		}
		pix, err := i.get(out, size)
		if err != nil {
			return err
		}
		if bytes == 2 {
			pix = high(pix)
		}
		img = &image.RGBA{Pix: pix, Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}
		return nil
	})
}

// high rounds 16-bit samples, the lower byte first, to 8 bits.
func high(pix []byte) []byte {
	for k := range len(pix) / 2 {
		v := uint32(pix[2*k]) | uint32(pix[2*k+1])<<8
		pix[k] = uint8((v*255 + 32767) / 65535)
	}
	return pix[:len(pix)/2]
}
