// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"testing"

	"github.com/parallax-ssl/parallax/lab"
)

func closed(t *testing.T, e lab.Experiment, seed uint64) lab.Sample {
	t.Helper()
	s, err := e.Closed(seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The threshold of the weight decay takes long to compute: two seeds are enough.
func TestWeightDecayAgreesWithItsClaim(t *testing.T) {
	if f := dpr09.Judge([]lab.Sample{closed(t, dpr09, 1), closed(t, dpr09, 2)}, nil); f.Verdict != lab.Confirmed {
		t.Errorf("%s: %s", f.Verdict, f.Why)
	}
}

func TestClosedFormsAgreeWithTheirClaims(t *testing.T) {
	for _, e := range []lab.Experiment{byo10, scn03, jng03, jng04, vic13, stp01} {
		var samples []lab.Sample
		for seed := uint64(1); seed <= lab.FullSeeds; seed++ {
			s, err := e.Closed(seed)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := e.Closed(seed)
			for m, v := range s.Values {
				if again.Values[m] != v {
					t.Errorf("%s, seed %d: %s is %v and then %v", e.ID, seed, m, v, again.Values[m])
				}
			}
			samples = append(samples, s)
			t.Log(e.ID, seed, s.Values)
		}
		if f := e.Judge(samples, nil); f.Verdict != lab.Confirmed {
			t.Errorf("%s is %s: %s", e.ID, f.Verdict, f.Why)
		}
	}
}
