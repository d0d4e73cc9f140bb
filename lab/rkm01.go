// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var rkm01 = Experiment{
	ID: "RKM-01", Method: "simclr", NeedsLabels: true, Switch: "other",
	Question: "Does the rank of the embeddings tell which run has the better features, without labels?",
	Claim:    "Among runs of one method that differ in hyperparameters those whose embeddings have the higher RankMe have the better features.",
	Source:   "Garrido et al. 2023, arXiv:2210.02885, abstract and section 3",
	Reported: "hyperparameters chosen by it, SimCLR's temperature among them, lose nearly nothing; it is for runs of one method only",
	Scale: "Two small sweeps, of SimCLR's temperature, batch and projector and of VICReg's coefficients. The paper measures 25,600 embeddings and trains a linear classifier. " +
		"Runs from which a term is missing are left out: those of VIC-02 and VIC-03 have high ranks and poor features.",
	Arms:  slices.Concat(simclrSweep, vicregSweep),
	Shows: []Metric{RankMe, KNN, EffectiveRank},
	Expect: []Expectation{
		foretells(RankMe, 1, names(simclrSweep)...),
		foretells(RankMe, 1, names(vicregSweep)...),
	},
}

// Runs that differ in hyperparameters, all of which other experiments have, too.
var (
	simclrSweep = []Arm{simclr, simclrCold, simclrWarm, simclrSmall, simclrLinear}
	vicregSweep = []Arm{vicreg, vicregNoCovariance, vicregOnes, vicregVariance, vicregDrawn}
)

func names(arms []Arm) []string {
	all := make([]string, len(arms))
	for i, a := range arms {
		all[i] = a.Name
	}
	return all
}
