// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"math"
	"math/rand/v2"
	"testing"
)

// between fails the test unless lo <= got <= hi.
func between(t *testing.T, what string, got, lo, hi float64) {
	t.Helper()
	if !(got >= lo && got <= hi) {
		t.Errorf("%s = %.9g, want it in [%g, %g]", what, got, lo, hi)
	}
}

// near fails the test unless got is want up to a relative tolerance (absolute for |want| < 1).
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	slack := tolerance * math.Max(1, math.Abs(want))
	between(t, what, got, want-slack, want+slack)
}

func rng() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }
