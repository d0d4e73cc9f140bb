// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/torch"
)

func TestHubness(t *testing.T) {
	in(t, func() {
		// Rows at even angles: each is among the two nearest of exactly two others, so nothing varies.
		const n = 12
		circle := make([]float64, 0, 2*n)
		for i := range n {
			angle := 2 * math.Pi * float64(i) / n
			circle = append(circle, math.Cos(angle), math.Sin(angle))
		}
		if got := measure.Hubness(matrix(circle, 2), 2); !math.IsNaN(got) {
			t.Errorf("a circle, where N_k does not vary: %v", got)
		}
		// Rows e₁ ... e₅ and their mean. The mean is the nearest row of all five, and one of the five is the mean's. So
		// N_1 is 5 for the mean, 1 for that row, and 0 for the others.
		star := torch.Cat(0, torch.Eye(5, torch.F64), torch.Ones(torch.F64, 1, 5))
		near(t, "a star", measure.Hubness(star, 1), skewness(5, 1, 0, 0, 0, 0), 1e-12)

		// In many dimensions, hubs appear near the mean (the paper, section 4). Scale and order do not matter.
		r := rng()
		low, high := matrix(gaussian(r, 1000, 3), 3).Shift(1), matrix(gaussian(r, 1000, 100), 100).Shift(1)
		if a, b := measure.Hubness(low, 10), measure.Hubness(high, 10); b < a+0.5 {
			t.Errorf("hubness %v in 3 dimensions and %v in 100", a, b)
		}
		want := measure.Hubness(high, 10)
		near(t, "scaled", measure.Hubness(high.Scale(1e-3), 10), want, 1e-9)
		near(t, "permuted", measure.Hubness(high.IndexSelect(0, torch.FromInts(r.Perm(1000), 1000)), 10), want, 1e-9)
		if got := measure.Hubness(high.Narrow(0, 0, 10), 10); !math.IsNaN(got) {
			t.Errorf("too few rows: %v", got)
		}
	})
	if err := torch.Scope(func() error { measure.Hubness(torch.Ones(torch.F64, 3, 2), 0); return nil }); err == nil {
		t.Error("no neighbours were accepted")
	}
}

// skewness is the sample's third moment over the cube of its deviation, adjusted for its size (Joanes & Gill 1998, G₁).
func skewness(values ...float64) float64 {
	n, mean := float64(len(values)), 0.0
	for _, v := range values {
		mean += v / n
	}
	var squares, cubes float64
	for _, v := range values {
		squares += (v - mean) * (v - mean)
		cubes += (v - mean) * (v - mean) * (v - mean)
	}
	return cubes / n / math.Pow(squares/n, 1.5) * math.Sqrt(n*(n-1)) / (n - 2)
}
