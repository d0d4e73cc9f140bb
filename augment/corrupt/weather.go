// SPDX-License-Identifier: Apache-2.0

package corrupt

import "math"

// fog lays a fractal over the picture, and keeps its greatest level.
func fog(p *picture, s setting) *picture {
	type haze struct{ thickness, decay float64 }
	of := levels[haze]{
		small: [5]haze{{0.2, 3}, {0.5, 3}, {0.75, 2.5}, {1, 2}, {1.5, 1.75}},
		large: [5]haze{{1.5, 2}, {2, 2}, {2.5, 1.7}, {2.5, 1.5}, {3, 1.4}},
	}.at(s)
	most := 0.0
	for _, v := range p.v {
		most = max(most, v)
	}
	layer := plasma(p.w, p.h, of.decay, s)
	return p.pixels(func(x, y int, v []float64) {
		for c := range v {
			v[c] = (v[c] + of.thickness*layer.v[y*p.w+x]) * most / (most + of.thickness)
		}
	})
}

// frost mixes the picture with a texture of frost, each with its weight.
func frost(p *picture, s setting) *picture {
	type mix struct{ picture, frost float64 }
	of := levels[mix]{
		small: [5]mix{{1, 0.2}, {1, 0.3}, {0.9, 0.4}, {0.85, 0.4}, {0.75, 0.45}},
		large: [5]mix{{1, 0.4}, {0.8, 0.6}, {0.7, 0.7}, {0.65, 0.7}, {0.6, 0.75}},
	}.at(s)
	ice := texture(p.w, p.h, s)
	return p.pixels(func(x, y int, v []float64) {
		for c, tint := range [3]float64{0.86, 0.94, 1} {
			v[c] = of.picture*v[c] + of.frost*tint*ice.v[y*p.w+x]
		}
	})
}

// texture is frost on a pane: needles in three directions, where a fractal lets them grow, on a dim ground. A needle is
// a bright grain that is drawn out along a line.
func texture(w, h int, s setting) *picture {
	ground := plasma(w, h, 2, s)
	needles := newPicture(w, h, 1)
	length := max(3, max(w, h)/12)
	first := between(s, 0, 180)
	for i := range 3 {
		grains := newPicture(w, h, 1).each(func(float64) float64 {
			if s.Float64() < 0.06 {
				return s.Float64()
			}
			return 0
		})
		drawn := grains.moved(motion{length, float64(length)}, first+60*float64(i)+between(s, -10, 10))
		for j, v := range drawn.v {
			needles.v[j] = max(needles.v[j], v*float64(length))
		}
	}
	return ground.pixels(func(x, y int, v []float64) {
		grown := v[0]
		v[0] = math.Min(1, 0.2+0.45*grown+grown*needles.v[y*w+x])
	})
}

// snow lets flakes fall before a picture that is paler: a layer of grains, enlarged and drawn out, and the same layer
// turned by 180 degrees.
func snow(p *picture, s setting) *picture {
	type fall struct {
		mean, deviation float64 // of the grains
		zoom, least     float64 // their enlargement, and the level below which there is none
		motion
		picture float64 // its weight over that of its pale version
	}
	of := levels[fall]{
		small: [5]fall{
			{0.1, 0.2, 1, 0.6, motion{8, 3}, 0.95}, {0.1, 0.2, 1, 0.5, motion{10, 4}, 0.9},
			{0.15, 0.3, 1.75, 0.55, motion{10, 4}, 0.9}, {0.25, 0.3, 2.25, 0.6, motion{12, 6}, 0.85},
			{0.3, 0.3, 1.25, 0.65, motion{14, 12}, 0.8},
		},
		large: [5]fall{
			{0.1, 0.3, 3, 0.5, motion{10, 4}, 0.8}, {0.2, 0.3, 2, 0.5, motion{12, 4}, 0.7},
			{0.55, 0.3, 4, 0.9, motion{12, 8}, 0.7}, {0.55, 0.3, 4.5, 0.85, motion{12, 8}, 0.65},
			{0.55, 0.3, 2.5, 0.85, motion{12, 12}, 0.55},
		},
	}.at(s)
	flakes := newPicture(p.w, p.h, 1).
		each(func(float64) float64 { return of.mean + of.deviation*s.NormFloat64() }).
		zoomed(of.zoom).
		each(func(v float64) float64 {
			if v < of.least {
				return 0
			}
			return v
		}).
		quantised().moved(of.motion, between(s, -135, -45)).quantised()
	last := len(flakes.v) - 1
	return p.pixels(func(x, y int, v []float64) {
		at := y*p.w + x
		pale := 1.5*(0.299*v[0]+0.587*v[1]+0.114*v[2]) + 0.5
		for c := range v {
			v[c] = of.picture*v[c] + (1-of.picture)*max(v[c], pale) + flakes.v[at] + flakes.v[last-at]
		}
	})
}

// spatter throws water on the lens, turquoise and shaded, at strengths 1 to 3, and brown mud, opaque, at 4 and 5.
func spatter(p *picture, s setting) *picture {
	type splash struct {
		mean, deviation, sigma, least float64 // of the drops
		amount                        float64 // of water; of mud the deviation of its edge
		mud                           bool
	}
	of := levels[splash]{
		small: [5]splash{{0.62, 0.1, 0.7, 0.7, 0.5, false}, {0.65, 0.1, 0.8, 0.7, 0.5, false},
			{0.65, 0.3, 1, 0.69, 0.5, false}, {0.65, 0.1, 0.7, 0.69, 0.6, true}, {0.65, 0.1, 0.5, 0.68, 0.6, true}},
		large: [5]splash{{0.65, 0.3, 4, 0.69, 0.6, false}, {0.65, 0.3, 3, 0.68, 0.6, false},
			{0.65, 0.3, 2, 0.68, 0.5, false}, {0.65, 0.3, 1, 0.65, 1.5, true}, {0.67, 0.4, 1, 0.65, 1.5, true}},
	}.at(s)
	drops := newPicture(p.w, p.h, 1).
		each(func(float64) float64 { return of.mean + of.deviation*s.NormFloat64() }).
		gaussian(of.sigma, skimageCut, nearest)
	cover := func(v float64) float64 {
		if v <= of.least {
			return 0
		}
		return 1
	}
	if of.mud {
		opaque := drops.each(cover).gaussian(of.amount, skimageCut, nearest)
		return p.pixels(func(x, y int, v []float64) {
			m := opaque.v[y*p.w+x]
			if m < 0.8 {
				return
			}
			for c, mud := range [3]float64{63. / 255, 42. / 255, 20. / 255} {
				v[c] = v[c]*(1-m) + mud*m
			}
		})
	}
	// Water is brighter towards the middle of a drop: its level, times how far the drop reaches around the pixel.
	reach := drops.clone().each(cover).gaussian(1, skimageCut, nearest)
	most := 0.0
	for i, v := range drops.v {
		drops.v[i] = v * cover(v) * reach.v[i]
		most = max(most, drops.v[i])
	}
	if most == 0 {
		return p
	}
	return p.pixels(func(x, y int, v []float64) {
		for c, water := range [3]float64{175. / 255, 238. / 255, 238. / 255} {
			v[c] += of.amount * drops.v[y*p.w+x] / most * water
		}
	})
}
