// SPDX-License-Identifier: Apache-2.0

package lab

import "fmt"

var viw01 = Experiment{
	ID: "VIW-01", Method: "simsiam", Switch: "views",
	Question: "Do more views of each image help against collapse?",
	Claim:    "More than two views contribute to solutions that have not collapsed: what collapses with two does not with four.",
	Source: "the review \"An incomplete and slightly outdated literature review on augmentation based self-supervised learning\", on BYOL; it refers to Tian, " +
		"Krishnan & Isola 2020, arXiv:1906.05849, whose loss has negatives",
	Reported: "no number",
	Scale:    "More views are more pairs under the same loss, whose minimum stays a constant: a refutation is expected. It concerns losses that nothing else keeps from collapse.",
	Arms: []Arm{simsiam, views(simsiam, 3), views(simsiam, 4), simsiamNoPredictor, views(simsiamNoPredictor, 3), views(simsiamNoPredictor, 4),
		{Name: "SimCLR", Method: "simclr"}, simclrAlone, views(simclrAlone, 3), views(simclrAlone, 4)},
	Shows: []Metric{EffectiveRank, MeanCosine, Std},
	Expect: []Expectation{
		visible("without predictor"), visible("SimCLR without negatives"),
		survives("without predictor, 4 views"), survives("SimCLR without negatives, 4 views"),
	},
}

var simclrAlone = Arm{Name: "SimCLR without negatives", Method: "simclr", Set: []string{"method.negatives=false"}}

// views is the arm with n views of an image.
func views(a Arm, n int) Arm {
	return Arm{Name: fmt.Sprintf("%s, %d views", a.Name, n), Method: a.Method, Set: append(append([]string{}, a.Set...), fmt.Sprintf("method.view_count=%d", n))}
}
