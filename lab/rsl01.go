// SPDX-License-Identifier: Apache-2.0

package lab

var rsl01 = Experiment{
	ID: "RSL-01", Method: "ressl", NeedsLabels: true,
	Question: "Must ReSSL's teacher be sharper than its student?",
	Claim:    "With the student's own temperature for the teacher, the relations to be learnt are flat and the features worse.",
	Source:   "Zheng et al. 2021, arXiv:2107.09282, on the sharpened distribution",
	Reported: "0.04 with a student's 0.1, in the official code",
	Scale:    "With equal temperatures two equal distributions cost nothing to keep, however flat they are.",
	Arms: []Arm{
		ressl,
		{Name: "equal temperatures", Method: "ressl", Set: []string{"method.teacher_temperature=0.1"}},
	},
	Shows: []Metric{KNN, "terms.teacher_entropy", MeanCosine, EffectiveRank},
	Expect: []Expectation{
		more("terms.teacher_entropy", "equal temperatures", "ReSSL", 0),
		more(KNN, "ReSSL", "equal temperatures", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "ReSSL", Of: "equal temperatures"},
}
