// SPDX-License-Identifier: Apache-2.0

package search_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/search"
)

// TestDeviations: by hand. The first column is 0 to 4 with quartiles 1 and 3. The second is 7 everywhere but once, so
// the least spread counts. The row of NaN does not count.
func TestDeviations(t *testing.T) {
	nan := float32(math.NaN())
	got, err := search.Deviations([]float32{0, 7, 1, 7, nan, 0, 2, 7, 3, 7, 4, 8}, 2, []float64{0.1, 0.5})
	if err != nil {
		t.Fatal(err)
	}
	unit := 1.349 / 2
	want := []float64{2 * unit / math.Sqrt2, unit / math.Sqrt2, math.NaN(), 0, unit / math.Sqrt2,
		math.Sqrt((4*unit*unit + 4) / 2)}
	for i := range want {
		if math.IsNaN(want[i]) != math.IsNaN(got[i]) || math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("row %d: %g, want %g", i, got[i], want[i])
		}
	}
	if _, err := search.Deviations(make([]float32, 5), 2, make([]float64, 2)); err == nil {
		t.Error("5 values are rows of width 2")
	}
}
