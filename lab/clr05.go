// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var clr05 = Experiment{
	ID: "CLR-05", Method: "simclr", NeedsLabels: true,
	Question: "Which augmentations does SimCLR need?",
	Claim:    "Neither crops nor colours alone suffice: both together give far better features than either, or than neither.",
	Source:   "Chen et al. 2020, arXiv:2002.05709, figure 5 and section 3.1",
	Reported: "a figure; \"no single transformation suffices\", and crops with colours stand out",
	Scale:    "Flips remain in all arms, blur is left out of small images by the paper, too. In gray images colours are brightness and contrast.",
	Arms: []Arm{
		simclr,
		simclrNoColour,
		simclrNoCrop,
		{Name: "neither", Method: "simclr", Set: slices.Concat(noColour, noCrop)},
	},
	Shows: []Metric{KNN, EffectiveRank, Loss},
	Expect: []Expectation{
		more(KNN, "SimCLR", "crops without colours", 0),
		more(KNN, "SimCLR", "colours without crops", 0),
		more(KNN, "SimCLR", "neither", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "SimCLR", Of: "neither"},
}
