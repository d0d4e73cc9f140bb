// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var sim14 = Experiment{
	ID: "SIM-14", Method: "simsiam", NeedsLabels: true, Switch: "optimiser",
	Question: "Has a network collapsed whose features are no better than an untrained one's?",
	Claim:    "Not necessarily: a network that has diverged, or learnt nothing, has poor features as well.",
	Source:   "Chen & He 2021, arXiv:2011.10566, footnote 4 and table 1b",
	Reported: "a rule: \"a chance-level accuracy is not sufficient to indicate collapsing\"; linear accuracy 1.5 with a fixed predictor, whose training does not converge",
	Scale: "It is the laboratory's own diagnosis that is put to the test. SimSiam's loss has bounds, so it is VICReg's that diverges, with a rate that grows to ten thousand times what " +
		"it began with; a loss that is not finite would end the run. At a hundred-thousandth of the rate next to nothing is learnt.",
	Arms: []Arm{
		simsiam, simsiamFixed,
		{Name: "hardly any rate", Method: "simsiam", Set: []string{"optim.base_rate=6e-7"}},
		simsiamNoStop, vicreg,
		{Name: "VICReg, a rate that grows without end", Method: "vicreg", Set: []string{"optim.final_rate=10"}},
	},
	Shows: []Metric{KNN, EffectiveRank, MeanCosine, Loss},
	Expect: []Expectation{
		survives("predictor fixed"), survives("hardly any rate"), fails("hardly any rate"),
		collapses("VICReg, a rate that grows without end", collapse.Diverged), visible("without stop-gradient"),
	},
}
