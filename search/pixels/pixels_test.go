// SPDX-License-Identifier: Apache-2.0

package pixels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/search/pixels"
)

// scene draws some soft spots, the same for a seed whatever the size.
func scene(w, h int, seed uint64) *augment.Image {
	r := rand.New(rand.NewPCG(seed, 1))
	m := augment.NewImage(w, h)
	var spots [12][6]float64
	for i := range spots {
		for j := range spots[i] {
			spots[i][j] = r.Float64()
		}
	}
	for i := range w * h {
		x, y := (float64(i%w)+0.5)/float64(w), (float64(i/w)+0.5)/float64(h)
		for c := range 3 {
			v := 0.0
			for _, s := range spots {
				v += s[3+c] * math.Exp(-((x-s[0])*(x-s[0])+(y-s[1])*(y-s[1]))/(0.002+0.05*s[2]))
			}
			m.Pix[3*i+c] = uint8(255 * min(v/3, 1))
		}
	}
	return m
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+float64(a[i]*b[i]), aa+float64(a[i]*a[i]), bb+float64(b[i]*b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func signature(t *testing.T, m *augment.Image) []float32 {
	t.Helper()
	s, ok := pixels.Signature(m)
	if !ok || len(s) != pixels.SignatureWidth {
		t.Fatalf("%d values, want %d; ok is %t", len(s), pixels.SignatureWidth, ok)
	}
	return s
}

// TestSignature: the same scene in another size, another shape or mirrored has the same signature, another has not.
func TestSignature(t *testing.T) {
	for seed := range uint64(20) {
		m := scene(96, 64, seed)
		one := signature(t, m)
		for name, other := range map[string]*augment.Image{
			"larger":   scene(200, 133, seed),
			"square":   scene(48, 48, seed),
			"mirrored": augment.Flip{}.Apply(m.Clone()),
			"deep":     m.Deepen(),
		} {
			if c := cosine(one, signature(t, other)); c < 0.998 {
				t.Errorf("scene %d, %s: cosine %.4f", seed, name, c)
			}
		}
		for name, other := range map[string]*augment.Image{
			"other":       scene(96, 64, seed+100),
			"upside down": augment.Flip{Vertical: true}.Apply(m.Clone()),
		} {
			if c := cosine(one, signature(t, other)); c > 0.98 {
				t.Errorf("scene %d, %s: cosine %.4f", seed, name, c)
			}
		}
	}
}

// TestMirror: of an image that is not resized, the mirror image has the same bits but for the order of sums.
func TestMirror(t *testing.T) {
	m := scene(pixels.Side, pixels.Side, 1)
	a, b := signature(t, m), signature(t, augment.Flip{}.Apply(m.Clone()))
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 1e-5 {
			t.Errorf("value %d: %g and %g", i, a[i], b[i])
		}
	}
}

func TestPlain(t *testing.T) {
	m := augment.NewImage(50, 40)
	for i := range m.Pix {
		m.Pix[i] = 77
	}
	if _, ok := pixels.Signature(m); ok {
		t.Error("a plain colour has a signature")
	}
}

// TestSpectrum: the values are where the documentation says.
func TestSpectrum(t *testing.T) {
	if n := len(pixels.Spread()); n != pixels.SpectrumWidth {
		t.Fatalf("%d spreads, want %d", n, pixels.SpectrumWidth)
	}
	m := augment.NewImage(pixels.Side, pixels.Side)
	for i := range pixels.Side * pixels.Side { // grey, one cosine of frequency 8 along the rows
		v := 128 + 100*math.Cos(math.Pi*8*(float64(i%pixels.Side)+0.5)/pixels.Side)
		for c := range 3 {
			m.Pix[3*i+c] = uint8(v + 0.5)
		}
	}
	s := pixels.Spectrum(m)
	if len(s) != pixels.SpectrumWidth {
		t.Fatalf("%d values, want %d", len(s), pixels.SpectrumWidth)
	}
	if at := slices.Index(s, slices.Max(s[:pixels.SpectrumWidth-3])); at != 3*3+1 {
		t.Errorf("the greatest energy is at %d, not at octave 3, along the rows", at)
	}
	means := s[pixels.SpectrumWidth-3:]
	if math.Abs(float64(means[0])-128./255) > 0.01 || means[1] != 0 || means[2] != 0 {
		t.Errorf("the means are %v", means)
	}
	if mirrored := pixels.Spectrum(augment.Flip{}.Apply(m)); cosine(s, mirrored) < 0.99999 {
		t.Error("the mirror image has another spectrum")
	}
}

func ExampleSignature() {
	m := scene(96, 64, 1)
	a, _ := pixels.Signature(m)
	b, _ := pixels.Signature(augment.Flip{}.Apply(m.Clone()))
	fmt.Printf("mirrored: %.2f\n", cosine(a, b))
	// Output: mirrored: 1.00
}

func BenchmarkDescribe(b *testing.B) {
	m := scene(256, 256, 1)
	for b.Loop() {
		pixels.Signature(m)
		pixels.Spectrum(m)
	}
}
