// SPDX-License-Identifier: Apache-2.0

// Package pixels describes images by their pixels alone, as a second opinion beside a network's embeddings. A network
// is trained to ignore much of what makes a copy a copy, and has learned nothing about images unlike its own: noise, a
// plain colour or text may look ordinary to it.
//
// [Signature] is equal for copies, also resized, re-encoded or mirrored ones: see package search for near-duplicates.
// [Spectrum] is unusual for images that no camera took, or that another camera took.
package pixels

import (
	"math"

	"github.com/parallax-ssl/parallax/augment"
)

// Side is the side in pixels of the square to which an image is resized, whatever its shape, before it is described.
const Side = 32

// The signature has the lowest frequencies: their number by row and column.
const (
	lowLightness = 12
	lowColour    = 4
)

// SignatureWidth is the length of a signature: of frequencies along a row, only each second one counts.
const SignatureWidth = lowLightness*lowLightness/2 - 1 + 2*lowColour*lowColour/2

// leastContrast is the standard deviation of lightness, of 0 to 1, below which an image shows nothing.
const leastContrast = 2. / 255

// Signature returns SignatureWidth values that say what an image shows: the lowest frequencies of its lightness and of
// its two opponent colours, as a perceptual hash takes the signs of some (Zauner 2010, "Implementation and benchmarking
// of perceptual image hash functions", section 3.2.1). They are multiplied by their frequency, because amplitudes fall
// with it in natural images (Field 1987). The mean lightness is left out. So are frequencies that are odd from left to
// right, whose sign changes when the image is mirrored: it has the same signature then, but for rounding when it is
// resized. Signatures of images of one kind have large common parts, so whiten them before they are compared. An image
// without contrast, such as a plain colour, has no signature: ok is false.
func Signature(m *augment.Image) (signature []float32, ok bool) {
	planes := transformed(m)
	energy := 0.0
	for _, v := range planes[0][1:] {
		energy += v * v
	}
	if energy < Side*Side*leastContrast*leastContrast {
		return nil, false
	}
	signature = make([]float32, 0, SignatureWidth)
	for p, low := range [3]int{lowLightness, lowColour, lowColour} {
		for y := range low {
			for x := 0; x < low; x += 2 {
				if p > 0 || x > 0 || y > 0 {
					weight := max(1, math.Hypot(float64(x), float64(y)))
					signature = append(signature, float32(weight*planes[p][y*Side+x]))
				}
			}
		}
	}
	return signature, true
}

// SpectrumWidth is the length of a spectrum.
const SpectrumWidth = octaves*3*3 + 3

const (
	octaves = 5    // of frequencies: 1, 2 to 3, 4 to 7, 8 to 15, 16 to 31
	dark    = 1e-6 // is added to energies: a frequency that is not there has this
)

// Spectrum returns SpectrumWidth values that say how an image is made rather than what it shows: the logarithms, to
// base 10, of the mean energy in five octaves of frequencies, along columns, along rows and aslant, of lightness and
// the two opponent colours, followed by the means of these three, of 0 to 1 and -0.5 to 0.5. Photographs are much alike
// in this: energy falls with the square of the frequency (Torralba & Oliva 2003, "Statistics of natural image
// categories"). A mirrored image has the same spectrum, but for rounding.
func Spectrum(m *augment.Image) []float32 {
	planes := transformed(m)
	spectrum := make([]float32, 0, SpectrumWidth)
	for _, plane := range planes {
		var energy [octaves * 3]float64
		var number [octaves * 3]float64
		for y := range Side {
			for x := range Side {
				if x+y > 0 {
					b := band(x, y)
					energy[b] += plane[y*Side+x] * plane[y*Side+x]
					number[b]++
				}
			}
		}
		for b := range energy {
			spectrum = append(spectrum, float32(math.Log10(energy[b]/number[b]+dark)))
		}
	}
	for _, plane := range planes {
		spectrum = append(spectrum, float32(plane[0]/Side))
	}
	return spectrum
}

// Spread returns, for each value of a spectrum, a difference that nobody sees: 12 % of an energy, 1 % of a mean.
func Spread() []float64 {
	least := make([]float64, SpectrumWidth)
	for i := range least {
		least[i] = 0.05
		if i >= SpectrumWidth-3 {
			least[i] = 0.01
		}
	}
	return least
}

// band is the number of the octave and the direction of a frequency that is not 0.
func band(x, y int) int {
	octave := 0
	for n := max(x, y); n > 1; n /= 2 {
		octave++
	}
	switch {
	case y > 2*x:
		return 3 * octave
	case x > 2*y:
		return 3*octave + 1
	}
	return 3*octave + 2
}

// transformed returns the cosine transforms (orthonormal DCT-II, Side x Side, low frequencies first) of an image's
// lightness (R+G+B)/3 and of its opponent colours (R-G)/2 and (R+G)/4 - B/2.
func transformed(m *augment.Image) (planes [3][]float64) {
	small := augment.Crop{W: m.W, H: m.H, OutW: Side, OutH: Side, Interpolation: augment.Bilinear}.Apply(m).Shown()
	for p := range planes {
		planes[p] = make([]float64, Side*Side)
	}
	for i := range Side * Side {
		r, g, b := float64(small.Pix[3*i])/255, float64(small.Pix[3*i+1])/255, float64(small.Pix[3*i+2])/255
		planes[0][i], planes[1][i], planes[2][i] = (r+g+b)/3, (r-g)/2, (r+g)/4-b/2
	}
	for p := range planes {
		planes[p] = byColumns(byColumns(planes[p])) // each transposes
	}
	return planes
}

// byColumns returns the transposed cosine transform of each column.
func byColumns(plane []float64) []float64 {
	out := make([]float64, Side*Side)
	var column [Side]float64
	for x := range Side {
		for y := range column {
			column[y] = plane[y*Side+x]
		}
		for k := range waves {
			sum := 0.0
			for y, w := range &waves[k] {
				sum += w * column[y]
			}
			out[x*Side+k] = sum
		}
	}
	return out
}

// waves are the cosines of the transform.
var waves = func() (w [Side][Side]float64) {
	for k := range w {
		scale := math.Sqrt(2. / Side)
		if k == 0 {
			scale = math.Sqrt(1. / Side)
		}
		for y := range w[k] {
			w[k][y] = scale * math.Cos(math.Pi*(float64(y)+0.5)*float64(k)/Side)
		}
	}
	return w
}()
