// SPDX-License-Identifier: Apache-2.0

package corrupt

import (
	"math"

	"github.com/parallax-ssl/parallax/augment"
)

// picture holds levels, 0 to 1, of one or three channels: the value of channel c at column x, row y is
// v[(y*w+x)*channels+c].
type picture struct {
	w, h, channels int
	v              []float64
}

func newPicture(w, h, channels int) *picture {
	return &picture{w, h, channels, make([]float64, w*h*channels)}
}

func fromImage(img *augment.Image) *picture {
	p := newPicture(img.W, img.H, 3)
	for i, v := range img.Pix {
		p.v[i] = float64(v) / 255
	}
	return p
}

// image returns the picture with its levels clipped to 0 and 1, then rounded down to 8 bits, as NumPy converts.
func (p *picture) image() *augment.Image {
	img := augment.NewImage(p.w, p.h)
	for i, v := range p.v {
		// A level of 8 bits survives division and multiplication by 255.
		img.Pix[i] = uint8(math.Min(1, math.Max(0, v))*255 + 1e-9)
	}
	return img
}

// each replaces every value.
func (p *picture) each(f func(v float64) float64) *picture {
	for i, v := range p.v {
		p.v[i] = f(v)
	}
	return p
}

// pixels calls f with the channels of every pixel, which it may change.
func (p *picture) pixels(f func(x, y int, v []float64)) *picture {
	for y := range p.h {
		for x := range p.w {
			at := (y*p.w + x) * p.channels
			f(x, y, p.v[at:at+p.channels:at+p.channels])
		}
	}
	return p
}

// clone returns a copy.
func (p *picture) clone() *picture {
	return &picture{p.w, p.h, p.channels, append([]float64(nil), p.v...)}
}

// quantised rounds down to 8 bits.
func (p *picture) quantised() *picture {
	return p.each(func(v float64) float64 { return math.Floor(math.Min(1, math.Max(0, v))*255+1e-9) / 255 })
}

// An edge says which pixel stands for one outside: given n pixels, it maps any index to 0 ... n-1.
type edge func(i, n int) int

// nearest repeats the pixel at the edge.
func nearest(i, n int) int { return min(max(i, 0), n-1) }

// reflect mirrors at the edge, which it repeats: c b a | a b c (SciPy's reflect).
func reflect(i, n int) int {
	if i = mod(i, 2*n); i >= n {
		i = 2*n - 1 - i
	}
	return i
}

// mirror mirrors at the pixel at the edge, without repeating it: c b | a b c (OpenCV's BORDER_REFLECT_101).
func mirror(i, n int) int {
	if n == 1 {
		return 0
	}
	if i = mod(i, 2*n-2); i >= n {
		i = 2*n - 2 - i
	}
	return i
}

func mod(a, b int) int { return ((a % b) + b) % b }

// weights of one output value: those of the input values from, from+1, ...
type weights struct {
	from int
	w    []float64
}

// gaussianWeights are the weights of a Gaussian of deviation sigma, cut off at truncate sigma, for each of n values.
// Weights of what lies outside are added to those of the pixels that stand for it, so that a wide filter costs no more
// than the picture is wide.
func gaussianWeights(n int, sigma, truncate float64, outside edge) []weights {
	radius := int(truncate*sigma + 0.5)
	kernel, sum := make([]float64, 2*radius+1), 0.0
	for i := range kernel {
		d := float64(i - radius)
		kernel[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += kernel[i]
	}
	all := make([]weights, n)
	for i := range all {
		from, to := max(0, i-radius), min(n-1, i+radius)
		all[i] = weights{from, make([]float64, to-from+1)}
		for j, k := range kernel {
			at := outside(i+j-radius, n)
			all[i].w[at-from] += k / sum
		}
	}
	return all
}

// gaussian returns the picture after a Gaussian filter of deviation sigma pixels; sigma 0 changes nothing.
func (p *picture) gaussian(sigma, truncate float64, outside edge) *picture {
	if sigma <= 0 {
		return p.clone()
	}
	out := newPicture(p.w, p.h, p.channels)
	columns, rows := gaussianWeights(p.w, sigma, truncate, outside), gaussianWeights(p.h, sigma, truncate, outside)
	half := newPicture(p.w, p.h, p.channels)
	line := p.w * p.channels
	for y, row := range rows {
		to := half.v[y*line : (y+1)*line]
		for j, w := range row.w {
			for i, v := range p.v[(row.from+j)*line : (row.from+j+1)*line] {
				to[i] += w * v
			}
		}
	}
	for y := range p.h {
		for x, column := range columns {
			at := (y*p.w + x) * p.channels
			for c := range p.channels {
				sum, from := 0.0, (y*p.w+column.from)*p.channels+c
				for j, w := range column.w {
					sum += w * half.v[from+j*p.channels]
				}
				out.v[at+c] = sum
			}
		}
	}
	return out
}

// tap is one weight of a filter, at an offset from the pixel.
type tap struct {
	dx, dy int
	w      float64
}

// filter returns the weighted sums of the pixels around each pixel.
func (p *picture) filter(taps []tap, outside edge) *picture {
	out := newPicture(p.w, p.h, p.channels)
	for _, t := range taps {
		columns := make([]int, p.w)
		for x := range columns {
			columns[x] = outside(x+t.dx, p.w) * p.channels
		}
		for y := range p.h {
			from := p.v[outside(y+t.dy, p.h)*p.w*p.channels:]
			to := out.v[y*p.w*p.channels:]
			for x, column := range columns {
				for c := range p.channels {
					to[x*p.channels+c] += t.w * from[column+c]
				}
			}
		}
	}
	return out
}

// sample adds the value at a place between pixels, by bilinear interpolation, to v.
func (p *picture) sample(x, y float64, outside edge, v []float64) {
	x0, y0 := math.Floor(x), math.Floor(y)
	fx, fy := x-x0, y-y0
	for _, corner := range [4]struct {
		dx, dy int
		w      float64
	}{{0, 0, (1 - fx) * (1 - fy)}, {1, 0, fx * (1 - fy)}, {0, 1, (1 - fx) * fy}, {1, 1, fx * fy}} {
		if corner.w == 0 {
			continue
		}
		at := (outside(int(y0)+corner.dy, p.h)*p.w + outside(int(x0)+corner.dx, p.w)) * p.channels
		for c := range v {
			v[c] += corner.w * p.v[at+c]
		}
	}
}

// zoomed enlarges the middle of the picture by a factor of 1 or more, bilinearly, and keeps the size.
func (p *picture) zoomed(factor float64) *picture {
	cw, ch := int(math.Ceil(float64(p.w)/factor)), int(math.Ceil(float64(p.h)/factor))
	left, top := (p.w-cw)/2, (p.h-ch)/2
	// The corners of the part become the corners of the enlarged one, which is cut to the size.
	zw, zh := int(math.RoundToEven(float64(cw)*factor)), int(math.RoundToEven(float64(ch)*factor))
	scale := func(in, out int) float64 { return float64(in-1) / float64(max(1, out-1)) }
	sx, sy := scale(cw, zw), scale(ch, zh)
	trimX, trimY := max(0, (zw-p.w)/2), max(0, (zh-p.h)/2)
	return newPicture(p.w, p.h, p.channels).pixels(func(x, y int, v []float64) {
		p.sample(float64(left)+min(float64(x+trimX)*sx, float64(cw-1)),
			float64(top)+min(float64(y+trimY)*sy, float64(ch-1)), nearest, v)
	})
}
