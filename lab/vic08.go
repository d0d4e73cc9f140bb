// SPDX-License-Identifier: Apache-2.0

package lab

var vic08 = Experiment{
	ID: "VIC-08", Method: "simsiam", Switch: "other",
	Question: "Do healthy runs of SimSiam and BYOL collapse after all, only slowly?",
	Claim:    "Their embeddings' spread goes down all the time.",
	Source:   "Bardes et al. 2022, arXiv:2105.04906, section 6",
	Reported: "read from curves; the variance term adds 0.9 to BYOL's accuracy and 0.2 to SimSiam's",
	Scale:    "Judged by the second half of a short run, in which the learning rate falls as well.",
	Arms:     []Arm{simsiam, byol},
	Shows:    []Metric{Std, MeanCosine, EffectiveRank},
	Expect:   []Expectation{declines(Std, "SimSiam"), declines(Std, "BYOL")},
}
