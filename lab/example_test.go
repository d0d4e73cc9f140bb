// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"fmt"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// A program's own experiment, judged on readings made by hand. Its rule is that a number lies in a range.
func ExampleExperiment_Judge() {
	ratio := lab.Metric("gradients.ratio")
	e := lab.Experiment{
		ID: "MY-01", Method: "simsiam",
		Question: "Is the gradient that a stop-gradient removes the smaller part?",
		Expect:   []lab.Expectation{expect.Holds(ratio, 0, 0.5)},
	}
	var seeds []lab.Sample
	for i, reading := range []float64{0.31, 0.28, 0.35, 0.30, 0.62} {
		seeds = append(seeds, lab.Sample{Seed: i + 1, Values: map[lab.Metric]float64{ratio: reading}})
	}
	for _, rule := range e.Rule() {
		fmt.Println(rule)
	}
	f := e.Judge(seeds, nil)
	fmt.Printf("%s: %s\n", f.Verdict, f.Why)
	// Output:
	// gradients.ratio is between 0 and 0.5
	// in at least 80 % of the seeds; the verdict is preliminary with fewer than 5
	// confirmed: 4 of 5 seeds agree
}
