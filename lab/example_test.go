// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"fmt"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// An experiment of a program's own, judged on readings made by hand. Its rule is that one number lies between two others.
func ExampleExperiment_Judge() {
	ratio := lab.Metric("gradients.ratio")
	e := lab.Experiment{
		ID: "MY-01", Method: "simsiam",
		Question: "Is the gradient that a stop-gradient takes away the smaller part?",
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
	// gradients.ratio is from 0 to 0.5
	// in 80 % of the seeds, of which 5 are asked for
	// confirmed: 4 of 5 seeds agree
}
