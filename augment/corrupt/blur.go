// SPDX-License-Identifier: Apache-2.0

package corrupt

import "math"

// skimageCut is where scikit-image's Gaussian filter ends, in deviations.
const skimageCut = 4

// gaussianBlur is a Gaussian filter.
func gaussianBlur(p *picture, s setting) *picture {
	sigma := levels[float64]{
		small: [5]float64{0.4, 0.6, 0.7, 0.8, 1}, large: [5]float64{1, 2, 3, 4, 6},
	}.at(s)
	return p.gaussian(sigma, skimageCut, nearest)
}

// defocusBlur averages over a disk whose edge is smoothed.
func defocusBlur(p *picture, s setting) *picture {
	type lens struct{ radius, alias float64 }
	of := levels[lens]{
		small: [5]lens{{0.3, 0.4}, {0.4, 0.5}, {0.5, 0.6}, {1, 0.2}, {1.5, 0.1}},
		large: [5]lens{{3, 0.1}, {4, 0.5}, {6, 0.5}, {8, 0.5}, {10, 0.5}},
	}.at(s)
	side, smooth := 8, 1
	if of.radius > 8 {
		side, smooth = int(of.radius), 2
	}
	disk := newPicture(2*side+1, 2*side+1, 1)
	inside := 0.0
	disk.pixels(func(x, y int, v []float64) {
		if dx, dy := float64(x-side), float64(y-side); dx*dx+dy*dy <= of.radius*of.radius {
			v[0] = 1
			inside++
		}
	})
	// The smoothing filter has 3 or 5 taps whatever its deviation.
	disk = disk.gaussian(of.alias, float64(smooth)/of.alias, mirror)
	var taps []tap
	disk.pixels(func(x, y int, v []float64) {
		if v[0] > 0 {
			taps = append(taps, tap{x - side, y - side, v[0] / inside})
		}
	})
	return p.filter(taps, mirror)
}

// glassBlur lets pixels take the colours of others nearby, between two Gaussian filters. As in the benchmark's
// released files, a pixel takes the other's colour and the other keeps it.
func glassBlur(p *picture, s setting) *picture {
	type glass struct {
		sigma           float64
		reach, repeated int
	}
	of := levels[glass]{
		small: [5]glass{{0.05, 1, 1}, {0.25, 1, 1}, {0.4, 1, 1}, {0.25, 1, 2}, {0.4, 1, 2}},
		large: [5]glass{{0.7, 1, 2}, {0.9, 2, 1}, {1, 2, 3}, {1.1, 3, 2}, {1.5, 4, 2}},
	}.at(s)
	p = p.gaussian(of.sigma, skimageCut, nearest).quantised()
	for range of.repeated {
		for y := p.h - of.reach; y > of.reach; y-- {
			for x := p.w - of.reach; x > of.reach; x-- {
				fromX, fromY := x+s.IntN(2*of.reach)-of.reach, y+s.IntN(2*of.reach)-of.reach
				copy(p.v[(y*p.w+x)*3:][:3], p.v[(fromY*p.w+fromX)*3:][:3])
			}
		}
	}
	return p.gaussian(of.sigma, skimageCut, nearest)
}

// motionBlur moves the camera in a direction within 45 degrees of the horizontal.
func motionBlur(p *picture, s setting) *picture {
	of := levels[motion]{
		small: [5]motion{{6, 1}, {6, 1.5}, {6, 2}, {8, 2}, {9, 2.5}},
		large: [5]motion{{10, 3}, {15, 5}, {15, 8}, {15, 12}, {20, 15}},
	}.at(s)
	return p.moved(of, between(s, -45, 45))
}

// between draws a number from a range.
func between(s setting, low, high float64) float64 { return low + (high-low)*s.Float64() }

// motion is a blur along a line.
type motion struct {
	radius int
	sigma  float64
}

// moved blurs along a line on one side of each pixel: 2·radius+1 taps under half a Gaussian, at whole pixels, in a
// direction of angle degrees (ImageMagick's motion blur).
func (p *picture) moved(m motion, angle float64) *picture {
	sin, cos := math.Sincos(angle * math.Pi / 180)
	taps, sum := make([]tap, 2*m.radius+1), 0.0
	for i := range taps {
		d := float64(i)
		weight := math.Exp(-d * d / (2 * m.sigma * m.sigma))
		taps[i] = tap{int(math.Ceil(d*cos - 0.5)), int(math.Ceil(d*sin - 0.5)), weight}
		sum += taps[i].w
	}
	for i := range taps {
		taps[i].w /= sum
	}
	return p.filter(taps, nearest)
}

// zoomBlur averages the picture and enlargements of it.
func zoomBlur(p *picture, s setting) *picture {
	type zoom struct{ end, step float64 }
	of := levels[zoom]{
		small: [5]zoom{{1.06, 0.01}, {1.11, 0.01}, {1.16, 0.01}, {1.21, 0.01}, {1.26, 0.01}},
		large: [5]zoom{{1.11, 0.01}, {1.16, 0.01}, {1.21, 0.02}, {1.26, 0.02}, {1.31, 0.03}},
	}.at(s)
	n := int(math.Ceil((of.end - 1) / of.step)) // with the rounding of NumPy's arange
	sum := p.clone()
	for i := range n {
		for j, v := range p.zoomed(1 + float64(i)*of.step).v {
			sum.v[j] += v
		}
	}
	return sum.each(func(v float64) float64 { return v / float64(n+1) })
}
