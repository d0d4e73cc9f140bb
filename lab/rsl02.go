// SPDX-License-Identifier: Apache-2.0

package lab

var rsl02 = Experiment{
	ID: "RSL-02", Method: "ressl", NeedsLabels: true,
	Question: "Should ReSSL's teacher see a weakly augmented view?",
	Claim:    "A teacher that sees a crop and a flip only gives better features than one that sees what the student sees.",
	Source:   "Zheng et al. 2021, arXiv:2107.09282, abstract",
	Reported: "an argument: weak augmentation gives a more reliable relation",
	Arms: []Arm{
		ressl,
		{Name: "strong view for the teacher", Method: "ressl", Set: []string{"method.weak=false"}},
	},
	Shows:  []Metric{KNN, "terms.teacher_entropy", EffectiveRank, MeanCosine},
	Expect: []Expectation{more(KNN, "ReSSL", "strong view for the teacher", 0)},
	Effect: &Effect{Metric: KNN, Arm: "ReSSL", Of: "strong view for the teacher"},
}
