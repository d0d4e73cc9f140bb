// SPDX-License-Identifier: Apache-2.0

package corrupt

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// gaussianNoise adds Gaussian noise of a deviation.
func gaussianNoise(p *picture, s setting) *picture {
	deviation := levels[float64]{
		small: [5]float64{0.04, 0.06, 0.08, 0.09, 0.10}, large: [5]float64{0.08, 0.12, 0.18, 0.26, 0.38},
	}.at(s)
	return p.each(func(v float64) float64 { return v + deviation*s.NormFloat64() })
}

// shotNoise counts photons: white is a mean of so many.
func shotNoise(p *picture, s setting) *picture {
	photons := levels[float64]{
		small: [5]float64{500, 250, 100, 75, 50}, large: [5]float64{60, 25, 12, 5, 3},
	}.at(s)
	return p.each(func(v float64) float64 {
		if v <= 0 {
			return 0
		}
		return distuv.Poisson{Lambda: v * photons, Src: s}.Rand() / photons
	})
}

// impulseNoise makes a share of the values black or white, salt and pepper, each channel for itself.
func impulseNoise(p *picture, s setting) *picture {
	share := levels[float64]{
		small: [5]float64{0.01, 0.02, 0.03, 0.05, 0.07}, large: [5]float64{0.03, 0.06, 0.09, 0.17, 0.27},
	}.at(s)
	return p.each(func(v float64) float64 {
		switch u := s.Float64(); {
		case u < share/2:
			return 0
		case u < share:
			return 1
		}
		return v
	})
}

// speckleNoise adds noise in proportion to the level.
func speckleNoise(p *picture, s setting) *picture {
	deviation := levels[float64]{
		small: [5]float64{0.06, 0.1, 0.12, 0.16, 0.2}, large: [5]float64{0.15, 0.2, 0.35, 0.45, 0.6},
	}.at(s)
	return p.each(func(v float64) float64 { return v + v*deviation*s.NormFloat64() })
}

// plasma is a fractal height map from 0 to 1, of at least w by h pixels, by the diamond-square algorithm on a torus
// (Fournier, Fussell and Carpenter 1982). Each halving of the step divides the amplitude of the noise by decay; the
// noise is the square of the amplitude, as in the benchmark.
func plasma(w, h int, decay float64, s setting) *picture {
	n := 2
	for n < max(w, h) {
		n *= 2
	}
	m := newPicture(n, n, 1)
	at := func(x, y int) float64 { return m.v[mod(y, n)*n+mod(x, n)] }
	amplitude := 100.0
	for step := n; step >= 2; step /= 2 {
		half := step / 2
		set := func(x, y int, a, b, c, d float64) {
			m.v[y*n+x] = (a+b+c+d)/4 + amplitude*amplitude*(2*s.Float64()-1)
		}
		for y := half; y < n; y += step {
			for x := half; x < n; x += step {
				set(x, y, at(x-half, y-half), at(x+half, y-half), at(x-half, y+half), at(x+half, y+half))
			}
		}
		for y := 0; y < n; y += half {
			for x := (y + half) % step; x < n; x += step {
				set(x, y, at(x-half, y), at(x+half, y), at(x, y-half), at(x, y+half))
			}
		}
		amplitude /= decay
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range m.v {
		low, high = min(low, v), max(high, v)
	}
	out := newPicture(w, h, 1)
	return out.pixels(func(x, y int, v []float64) { v[0] = (at(x, y) - low) / max(high-low, 1e-12) })
}
