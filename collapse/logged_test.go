// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
)

func TestSpearman(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{1, 2, 3}, []float64{10, 200, 3000}, 1},
		{[]float64{1, 2, 3}, []float64{3, 2, 1}, -1},
		{[]float64{1, 2, 3, 4}, []float64{1, 4, 2, 3}, 1 - 6.0*6/(4*15)}, // 1 - 6Σd²/(n(n²-1))
		{[]float64{1, 1, 2}, []float64{1, 2, 3}, math.Sqrt(0.75)},        // ranks 0.5, 0.5, 2
		{[]float64{1, 1, 1}, []float64{1, 2, 3}, math.NaN()},
		{[]float64{1, math.NaN(), 2}, []float64{1, 2, 3}, math.NaN()},
	} {
		if got := collapse.Spearman(c.x, c.y); math.Abs(got-c.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%v and %v: %v, want %v", c.x, c.y, got, c.want)
		}
	}
}

func TestLossFloor(t *testing.T) {
	for _, c := range []struct{ loss, first, trivial, want float64 }{
		{-0.83, 0, -1, 0.17}, {-1, 0, -1, 0}, {0, 0, -1, 1}, {3, 2, 0, 1.5}, {-0.1, 2, 0, -0.05},
	} {
		near(t, "loss floor", collapse.LossFloor(c.loss, c.first, c.trivial).Value, c.want, 1e-12)
	}
	for _, c := range [][3]float64{{1, 2, math.NaN()}, {math.Inf(1), 2, 0}, {1, math.NaN(), 0}, {-0.9, -0.9999, -1},
		{0, 0.0005, 0}} {
		if got := collapse.LossFloor(c[0], c[1], c[2]); got.Known {
			t.Errorf("%v: %+v", c, got)
		}
	}
}
