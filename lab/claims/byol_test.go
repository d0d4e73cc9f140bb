// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"testing"

	"github.com/parallax-ssl/parallax/lab"
)

// The identity holds on every seed's random variables, and these differ.
func TestConditionalVariance(t *testing.T) {
	seen := map[float64]bool{}
	var all []lab.Sample
	for seed := range uint64(20) {
		s, err := byo10.Closed(seed)
		if err != nil {
			t.Fatal(err)
		}
		if got := byo10.Outcome(s); got != lab.Agrees {
			t.Errorf("seed %d: %v", seed, s.Values)
		}
		seen[s.Values[constantLoss]] = true
		all = append(all, s)
	}
	if len(seen) != len(all) {
		t.Errorf("%d seeds gave %d different numbers", len(all), len(seen))
	}
	if f := byo10.Judge(all[:5], nil); f.Verdict != lab.Confirmed || f.Preliminary {
		t.Errorf("%s: %s", f.Verdict, f.Why)
	}
}
