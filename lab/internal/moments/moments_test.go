// SPDX-License-Identifier: Apache-2.0

package moments

import (
	"math"
	"testing"
)

func TestMoments(t *testing.T) {
	for _, c := range []struct {
		of             []float64
		mean, variance float64
	}{{[]float64{3}, 3, 0}, {[]float64{1, 3}, 2, 2}, {[]float64{1, 2, 3, 4}, 2.5, 5. / 3}} {
		if mean, variance := Of(c.of); math.Abs(mean-c.mean) > 1e-12 || math.Abs(variance-c.variance) > 1e-12 {
			t.Errorf("%v: %g and %g", c.of, mean, variance)
		}
	}
}
