// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// RandAugment applies Count transformations with probability P. Each is drawn from the fourteen of RandAugment (Cubuk
// et al. 2019, arXiv:1909.13719, section 3), with a strength from the range of FixMatch (Sohn et al. 2020,
// arXiv:2001.07685, table 12), which has Shear and Shift 0.3. What moves out of the image leaves black behind, and
// pixels move to the nearest place, as in Pillow.
type RandAugment struct {
	P     float64
	Count int
	Shear float64 // largest shear along x or y
	Shift float64 // largest translation along x or y, as a share of the side
}

// Name returns "rand_augment".
func (RandAugment) Name() string { return "rand_augment" }

// Validate checks every field.
func (o RandAugment) Validate() error {
	if o.Count < 1 || o.Count > 16 {
		return fmt.Errorf("count is %d: it must be between 1 and 16", o.Count)
	}
	return firstError(checkP(o.P), checkAmount("shear", o.Shear, 1), checkAmount("shift", o.Shift, 1))
}

// Draw returns a [Sequence] of the drawn operations without identities, or nil.
func (o RandAugment) Draw(w, h int, r *rand.Rand) Drawn {
	applied := happens(o.P, r)
	var drawn Sequence
	for range o.Count {
		if d := o.transformation(r.IntN(14), r.Float64(), float64(w), float64(h)); d != nil {
			drawn = append(drawn, d)
		}
	}
	if !applied || len(drawn) == 0 {
		return nil
	}
	return drawn
}

// transformation is number k with strength u from 0 to 1, for an image of w by h pixels.
func (o RandAugment) transformation(k int, u, w, h float64) Drawn {
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*u }
	switch k {
	case 0:
		return AutoContrast{}
	case 1:
		return Equalization{}
	case 2:
		return Rotation(between(-30, 30), w, h)
	case 3:
		return Inversion{Threshold: int(between(0, 257))}
	case 4:
		return Saturation{Factor: between(0.05, 0.95)}
	case 5:
		return Contrast{Factor: between(0.05, 0.95)}
	case 6:
		return Brightness{Factor: between(0.05, 0.95)}
	case 7:
		return Sharpness{Factor: between(0.05, 0.95)}
	case 8:
		return Affine{1, between(-o.Shear, o.Shear), 0, 0, 1, 0} // shear along x
	case 9:
		return Affine{1, 0, 0, between(-o.Shear, o.Shear), 1, 0} // and along y
	case 10:
		return Affine{1, 0, between(-o.Shift, o.Shift) * w, 0, 1, 0}
	case 11:
		return Affine{1, 0, 0, 0, 1, between(-o.Shift, o.Shift) * h}
	case 12:
		return Posterization{Bits: int(between(4, 9))}
	}
	return nil // the identity
}

// AutoContrast stretches each channel's levels to 0 ... 255: Pillow's ImageOps.autocontrast without a cutoff.
type AutoContrast struct{ inPlace }

// Apply changes img in place.
func (AutoContrast) Apply(img *Image) *Image {
	if img.Deep != nil {
		return stretch(img)
	}
	for c := range 3 {
		low, high := 255, 0
		for i := c; i < len(img.Pix); i += 3 {
			low, high = min(low, int(img.Pix[i])), max(high, int(img.Pix[i]))
		}
		if high <= low {
			continue
		}
		scale := 255 / float64(high-low)
		offset := -float64(low) * scale
		var lut [256]uint8
		for v := range lut {
			lut[v] = uint8(max(0, min(255, int(float64(float64(v)*scale)+offset)))) // no fused product
		}
		for i := c; i < len(img.Pix); i += 3 {
			img.Pix[i] = lut[img.Pix[i]]
		}
	}
	return img
}

// stretch maps each channel of a deep image to 0 ... 1.
func stretch(img *Image) *Image {
	for c := range img.C {
		low, high := float32(math.Inf(1)), float32(math.Inf(-1))
		for i := c; i < len(img.Deep); i += img.C {
			low, high = min(low, img.Deep[i]), max(high, img.Deep[i])
		}
		for i := c; i < len(img.Deep) && high > low; i += img.C {
			img.Deep[i] = (img.Deep[i] - low) / (high - low)
		}
	}
	return img
}

// Posterization keeps the upper Bits bits of each level: Pillow's ImageOps.posterize. It rounds the levels of a deep
// image down to multiples of 1/2^Bits.
type Posterization struct {
	inPlace
	Bits int // 1 to 8
}

// Apply changes img in place.
func (d Posterization) Apply(img *Image) *Image {
	if img.Deep != nil {
		steps := float64(int(1) << d.Bits)
		for i, v := range img.Deep {
			img.Deep[i] = float32(math.Floor(float64(v)*steps) / steps)
		}
		return img
	}
	mask := uint8(0xff) << (8 - d.Bits)
	for i := range img.Pix {
		img.Pix[i] &= mask
	}
	return img
}

// Sharpness moves every pixel away from its surroundings' mean by Factor: 0 gives a smooth image, 1 the image itself,
// as Pillow's ImageEnhance.Sharpness does. Smoothing is its 3 x 3 filter SMOOTH (weights 1, the middle 5, over 13),
// which leaves the outermost pixels as they are.
type Sharpness struct {
	inPlace
	Factor float64 // 0 or more; used in float32
}

// Apply changes img in place.
func (d Sharpness) Apply(img *Image) *Image {
	if img.Deep != nil {
		return d.deep(img)
	}
	from, factor, stride := img.Clone().Pix, float32(d.Factor), 3*img.W
	for y := 1; y < img.H-1; y++ {
		for i := y*stride + 3; i < (y+1)*stride-3; i++ {
			sum := 4 * int(from[i])
			for _, row := range [3]int{i - stride, i, i + stride} {
				sum += int(from[row-3]) + int(from[row]) + int(from[row+3])
			}
			smooth := (2*sum + 13) / 26 // to the nearest; sum/13 is never half-way
			img.Pix[i] = blend(smooth, int(from[i]), factor)
		}
	}
	return img
}

// deep is Apply of a deep image.
func (d Sharpness) deep(img *Image) *Image {
	from, factor, c, stride := img.Clone().Deep, float32(d.Factor), img.C, img.C*img.W
	for y := 1; y < img.H-1; y++ {
		for i := y*stride + c; i < (y+1)*stride-c; i++ {
			sum := 4 * from[i]
			for _, row := range [3]int{i - stride, i, i + stride} {
				sum += from[row-c] + from[row] + from[row+c]
			}
			smooth := sum / 13
			img.Deep[i] = smooth + factor*(from[i]-smooth)
		}
	}
	return img
}

// Affine takes the pixel at column x, row y from column A·x + B·y + C, row D·x + E·y + F of the input, both measured at
// pixel centres, and leaves black what would come from outside. It is Pillow's Image.transform with AFFINE and NEAREST,
// in its fixed-point arithmetic of 16 fractional bits, for images up to 16,384 pixels a side.
type Affine struct{ A, B, C, D, E, F float64 }

// Size returns w, h: the operation keeps the size.
func (Affine) Size(w, h int) (int, int) { return w, h }

// Rotation is the [Affine] that turns an image of w by h pixels about its centre, counter-clockwise, as Pillow's
// Image.rotate does.
func Rotation(degrees, w, h float64) Affine {
	sin, cos := math.Sincos(-degrees * math.Pi / 180)
	a := Affine{A: cos, B: sin, D: -sin, E: cos}
	x, y := w/2, h/2
	a.C = x - a.A*x - a.B*y
	a.F = y - a.D*x - a.E*y
	return a
}

// Apply returns a new image; img does not change.
func (d Affine) Apply(img *Image) *Image {
	fixed := func(v float64) int { return int(math.Floor(v*65536 + 0.5)) }
	out := img.empty()
	a, b, c := fixed(d.A), fixed(d.B), fixed(d.C+d.A*0.5+d.B*0.5)
	e, f, g := fixed(d.D), fixed(d.E), fixed(d.F+d.D*0.5+d.E*0.5)
	for y := range img.H {
		u, v := c+y*b, g+y*f
		for x := range img.W {
			if column, row := (u+x*a)>>16, (v+x*e)>>16; column >= 0 && column < img.W && row >= 0 && row < img.H {
				from, to := row*img.W+column, y*img.W+x
				if img.Deep != nil {
					copy(out.Deep[img.C*to:][:img.C], img.Deep[img.C*from:][:img.C])
					continue
				}
				copy(out.Pix[3*to:][:3], img.Pix[3*from:][:3])
			}
		}
	}
	return out
}
