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
