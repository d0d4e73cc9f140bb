// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"fmt"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about the number of views.

var viw01 = lab.Experiment{
	ID: "VIW-01", Method: "simsiam", Switch: "views",
	Question: "Do more views of each image help against collapse?",
	Claim: "More than two views contribute to solutions that have not collapsed: what collapses with two views does " +
		"not with four.",
	Source: "the review \"An incomplete and slightly outdated literature review on augmentation based " +
		"self-supervised learning\", on BYOL; it refers to Tian, Krishnan & Isola 2020, arXiv:1906.05849, whose loss " +
		"has negatives",
	Reported: "no number",
	Scale: "More views are more pairs under the same loss, which a constant still minimises, so a refutation is " +
		"expected. The claim is about losses that nothing else keeps from collapse.",
	Arms: []lab.Arm{
		simsiam,
		views(simsiam, 3),
		views(simsiam, 4),
		simsiamNoPredictor,
		views(simsiamNoPredictor, 3),
		views(simsiamNoPredictor, 4),
		{Name: "SimCLR", Method: "simclr"},
		simclrAlone,
		views(simclrAlone, 3),
		views(simclrAlone, 4),
	},
	Shows: []lab.Metric{lab.EffectiveRank, lab.MeanCosine, lab.Std},
	Expect: []lab.Expectation{
		expect.Visible("without predictor"),
		expect.Visible("SimCLR without negatives"),
		expect.Survives("without predictor, 4 views"),
		expect.Survives("SimCLR without negatives, 4 views"),
	},
}

var simclrAlone = lab.Arm{Name: "SimCLR without negatives", Method: "simclr", Set: []string{"method.negatives=false"}}

// views returns the arm with n views of each image.
func views(a lab.Arm, n int) lab.Arm {
	return lab.Arm{Name: fmt.Sprintf("%s, %d views", a.Name, n), Method: a.Method,
		Set: append(append([]string{}, a.Set...), fmt.Sprintf("method.view_count=%d", n))}
}
