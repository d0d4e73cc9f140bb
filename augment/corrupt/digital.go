// SPDX-License-Identifier: Apache-2.0

package corrupt

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"

	"github.com/parallax-ssl/parallax/augment"
)

// brightness raises the value of HSV.
func brightness(p *picture, s setting) *picture {
	more := levels[float64]{
		small: [5]float64{0.05, 0.1, 0.15, 0.2, 0.3}, large: [5]float64{0.1, 0.2, 0.3, 0.4, 0.5},
	}.at(s)
	return p.pixels(func(_, _ int, v []float64) {
		value := max(v[0], v[1], v[2])
		raised := min(1, value+more)
		for c := range v {
			if value == 0 {
				v[c] = raised
			} else {
				v[c] *= raised / value
			}
		}
	})
}

// saturate changes the saturation of HSV. A grey pixel has the hue of red.
func saturate(p *picture, s setting) *picture {
	type line struct{ factor, more float64 }
	of := levels[line]{
		small: [5]line{{0.3, 0}, {0.1, 0}, {1.5, 0}, {2, 0.1}, {2.5, 0.2}},
		large: [5]line{{0.3, 0}, {0.1, 0}, {2, 0}, {5, 0.1}, {20, 0.2}},
	}.at(s)
	return p.pixels(func(_, _ int, v []float64) {
		value, least := max(v[0], v[1], v[2]), min(v[0], v[1], v[2])
		if value == 0 {
			return
		}
		before := (value - least) / value
		after := min(1, max(0, before*of.factor+of.more))
		for c := range v {
			switch {
			case before > 0:
				v[c] = value - (value-v[c])*after/before
			case c > 0:
				v[c] = value * (1 - after)
			}
		}
	})
}

// contrast draws the levels to the mean of their channel.
func contrast(p *picture, s setting) *picture {
	left := levels[float64]{
		small: [5]float64{0.75, 0.5, 0.4, 0.3, 0.15}, large: [5]float64{0.4, 0.3, 0.2, 0.1, 0.05},
	}.at(s)
	var mean [3]float64
	p.pixels(func(_, _ int, v []float64) {
		for c := range v {
			mean[c] += v[c] / float64(p.w*p.h)
		}
	})
	return p.pixels(func(_, _ int, v []float64) {
		for c := range v {
			v[c] = (v[c]-mean[c])*left + mean[c]
		}
	})
}

// pixelate makes the picture smaller and then larger, by box filters.
func pixelate(p *picture, s setting) *picture {
	share := levels[float64]{
		small: [5]float64{0.95, 0.9, 0.85, 0.75, 0.65}, large: [5]float64{0.6, 0.5, 0.4, 0.3, 0.25},
	}.at(s)
	w, h := max(1, int(float64(p.w)*share)), max(1, int(float64(p.h)*share))
	return p.boxed(w, h).boxed(p.w, p.h)
}

// boxed resizes as Pillow's box filter does: the columns first, each pass rounded to 8 bits.
func (p *picture) boxed(w, h int) *picture {
	half := newPicture(w, p.h, p.channels)
	for x, t := range boxWeights(p.w, w) {
		for y := range p.h {
			for c := range p.channels {
				for j, weight := range t.w {
					half.v[(y*w+x)*p.channels+c] += weight * p.v[(y*p.w+t.from+j)*p.channels+c]
				}
			}
		}
	}
	half.rounded()
	out := newPicture(w, h, p.channels)
	for y, t := range boxWeights(p.h, h) {
		for j, weight := range t.w {
			for i, v := range half.v[(t.from+j)*w*p.channels : (t.from+j+1)*w*p.channels] {
				out.v[y*w*p.channels+i] += weight * v
			}
		}
	}
	return out.rounded()
}

// rounded rounds to the nearest level of 8 bits.
func (p *picture) rounded() *picture {
	return p.each(func(v float64) float64 { return math.Floor(v*255+0.5+1e-9) / 255 })
}

// boxWeights are the weights of a box filter from in values to out: whole pixels, those whose middle lies in the box.
func boxWeights(in, out int) []weights {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	all := make([]weights, out)
	for i := range all {
		middle := (float64(i) + 0.5) * scale
		from, to := max(0, int(middle-wide/2+0.5)), min(in, int(middle+wide/2+0.5))
		t := weights{from: from}
		sum := 0.0
		for j := from; j < to; j++ {
			weight := 0.0
			if d := (float64(j) - middle + 0.5) / wide; d > -0.5 && d <= 0.5 {
				weight = 1
			}
			t.w = append(t.w, weight)
			sum += weight
		}
		for j := range t.w {
			t.w[j] /= sum
		}
		all[i] = t
	}
	return all
}

// jpegCompression compresses, at a quality from 1 to 100, and decompresses.
func jpegCompression(p *picture, s setting) *picture {
	quality := levels[int]{small: [5]int{80, 65, 58, 50, 40}, large: [5]int{25, 18, 15, 10, 7}}.at(s)
	img := p.image()
	rgba := image.NewRGBA(image.Rect(0, 0, p.w, p.h))
	for i := range p.w * p.h {
		copy(rgba.Pix[4*i:], img.Pix[3*i:3*i+3])
		rgba.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, rgba, &jpeg.Options{Quality: quality}); err != nil {
		return p // a side above JPEG's 65535 pixels
	}
	decoded, err := jpeg.Decode(&b)
	if err != nil {
		return p
	}
	return fromImage(augment.FromImage(decoded))
}

// elastic moves three points of the picture, and with them the whole of it by an affine map, and then every pixel by a
// smooth random field.
func elastic(p *picture, s setting) *picture {
	type pull struct{ field, sigma, points float64 } // in sides of the picture
	// ImageNet-C's parameters are for 244 pixels, and its pictures have 224.
	const usual = 244. / 224
	of := levels[pull]{
		small: [5]pull{{0, 0, 0.08}, {0.05, 0.2, 0.07}, {0.08, 0.06, 0.06}, {0.1, 0.04, 0.05}, {0.1, 0.03, 0.03}},
		large: [5]pull{{2 * usual, 0.7 * usual, 0.1 * usual}, {2 * usual, 0.08 * usual, 0.2 * usual},
			{0.05 * usual, 0.01 * usual, 0.02 * usual}, {0.07 * usual, 0.01 * usual, 0.02 * usual},
			{0.12 * usual, 0.01 * usual, 0.02 * usual}},
	}.at(s)
	side := float64(min(p.w, p.h))
	p = p.affine(of.points*side, s)
	field := func() *picture {
		return newPicture(p.w, p.h, 1).
			each(func(float64) float64 { return between(s, -1, 1) }).
			gaussian(of.sigma*side, 3, reflect).
			each(func(v float64) float64 { return v * of.field * side })
	}
	dx, dy := field(), field()
	return newPicture(p.w, p.h, p.channels).pixels(func(x, y int, v []float64) {
		at := y*p.w + x
		p.sample(float64(x)+dx.v[at], float64(y)+dy.v[at], reflect, v)
	})
}

// affine maps three points around the middle to points up to most pixels away in each direction.
func (p *picture) affine(most float64, s setting) *picture {
	middleX, middleY, third := float64(p.w/2), float64(p.h/2), float64(max(1, min(p.w, p.h)/3))
	to := [3][2]float64{
		{middleX + third, middleY + third}, {middleX + third, middleY - third}, {middleX - third, middleY - third},
	}
	// The map from the new picture to the old one is wanted. A place in the new one is moved[1] + a (moved[0] -
	// moved[1]) + b (moved[2] - moved[1]), and the same a and b hold for the points in the old one.
	moved := to
	for i := range moved {
		for j := range moved[i] {
			moved[i][j] += between(s, -most, most)
		}
	}
	ux, uy := moved[0][0]-moved[1][0], moved[0][1]-moved[1][1]
	vx, vy := moved[2][0]-moved[1][0], moved[2][1]-moved[1][1]
	area := ux*vy - uy*vx
	if math.Abs(area) < 1e-9 {
		return p
	}
	return newPicture(p.w, p.h, p.channels).pixels(func(x, y int, v []float64) {
		px, py := float64(x)-moved[1][0], float64(y)-moved[1][1]
		a, b := (px*vy-py*vx)/area, (ux*py-uy*px)/area
		p.sample(to[1][0]+a*(to[0][0]-to[1][0])+b*(to[2][0]-to[1][0]),
			to[1][1]+a*(to[0][1]-to[1][1])+b*(to[2][1]-to[1][1]), mirror, v)
	})
}
