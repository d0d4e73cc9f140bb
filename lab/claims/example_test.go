// SPDX-License-Identifier: Apache-2.0

package claims_test

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
)

// The claims about BYOL that can be computed, with the rule for each verdict.
func ExampleAll() {
	for _, e := range claims.All {
		if e.Method == "byol" && e.Closed != nil {
			fmt.Println(e.ID, e.Question)
			fmt.Println(" ", strings.Join(e.Rule()[:2], "\n  "))
		}
	}
	// Output:
	// BYO-10 BYOL's paper argues that with a good predictor there is no reason to collapse. Is its mathematics right?
	//   identity.error is between 0 and 1e-12
	//   identity.increase is between -1e-12 and 1
	// DPR-09 Can weight decay alone make BYOL collapse?
	//   threshold.least is between 0.98 and 1.02
	//   threshold.most is between 0.98 and 1.02
}

// Ids may be in upper or lower case. "review" and "all" stand for many.
func ExampleSelect() {
	ids, err := claims.Select("sim-01", "byo-10", "SIM-01")
	fmt.Println(ids, err)
	// Output: [SIM-01 BYO-10] <nil>
}

// A claim in closed form needs no runs. It is judged from what it computes for each seed.
func Example() {
	e, err := lab.Find(claims.All, "BYO-10")
	if err != nil {
		fmt.Println(err)
		return
	}
	var samples []lab.Sample
	for seed := 1; seed <= lab.Seeds; seed++ {
		s, err := e.Closed(uint64(seed))
		if err != nil {
			fmt.Println(err)
			return
		}
		s.Seed = seed
		samples = append(samples, s)
	}
	f := e.Judge(samples, nil)
	fmt.Printf("%s: %s, because %s\n", f.ID, f.Verdict, f.Why)
	// Output: BYO-10: confirmed, because 5 of 5 seeds agree
}
