// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// Four rows of a cross in the first two of three dimensions, one axis longer: the plane is the cross itself.
func TestPlane(t *testing.T) {
	err := torch.Scope(func() error {
		c, s := math.Cos(0.3), math.Sin(0.3)
		z := torch.FromFloat64([]float64{s, 0, c, -s, 0, c, 0, s / 2, math.Sqrt(1 - s*s/4), 0, -s / 2,
			math.Sqrt(1 - s*s/4)}, 4, 3).Scale(7)
		got := Plane(z)
		want := [][2]float64{{s, 0}, {-s, 0}, {0, s / 2}, {0, -s / 2}}
		for i := range want {
			for k := range want[i] {
				if math.Abs(got[i][k]-want[i][k]) > 1e-9 {
					t.Errorf("row %d lies at %.6f, want %.6f", i, got[i], want[i])
				}
			}
		}
		for i, p := range Plane(torch.Ones(torch.F64, 5, 3)) {
			if math.Hypot(p[0], p[1]) > 1e-7 {
				t.Errorf("one point: row %d lies at %v", i, p)
			}
		}
		if got := Plane(torch.Ones(torch.F64, 1, 3)); len(got) != 1 || got[0] != [2]float64{} {
			t.Errorf("one row lies at %v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
