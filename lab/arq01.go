// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var arq01 = Experiment{
	ID: "ARQ-01", Method: "vicreg", NeedsLabels: true, Switch: "other",
	Question: "Does the slope of the features' spectrum tell which run has the better ones, without labels?",
	Claim:    "The eigenvalues of good features fall as a power of their rank, with an exponent near 1; the farther from it, the worse they are.",
	Source:   "Agrawal et al. 2022, NeurIPS, abstract: α in a well-defined interval; that it is near 1 is from memory",
	Reported: "no number in the abstract",
	Scale:    "The runs of RKM-01. Features of 64 dimensions leave the fit eigenvalues 5 to 32.",
	Arms:     slices.Concat(vicregSweep, simclrSweep),
	Shows:    []Metric{ExponentOff, KNN, FeatureRank},
	Expect: []Expectation{
		foretells(ExponentOff, -1, names(simclrSweep)...),
		foretells(ExponentOff, -1, names(vicregSweep)...),
	},
}
