// SPDX-License-Identifier: Apache-2.0

package lab

var scn01 = Experiment{
	ID: "SCN-01", Method: "scan", Switch: "balanced clusters",
	Question: "What becomes of SCAN when nothing asks for balanced clusters?",
	Claim:    "Without the entropy of the mean assignment all images end up in one cluster.",
	Source:   "Van Gansbeke et al. 2020, arXiv:2005.12320, section 2.2",
	Reported: "an argument; the weight is 5 in the published settings",
	Scale:    "The pretext is SimCLR, trained for as long as any arm here; the clustering that follows takes as many steps.",
	Arms: []Arm{
		scan,
		{Name: "without the entropy", Method: "scan", Set: []string{"clustering.method.entropy_weight=0"}},
	},
	Shows: []Metric{ClustersUsed, LargestShare, "terms.entropy", "terms.consistency", Matched},
	Expect: []Expectation{
		below(ClustersUsed, "without the entropy", 1.5),
		above(ClustersUsed, "SCAN", 3),
	},
	Effect: &Effect{Metric: ClustersUsed, Arm: "SCAN", Of: "without the entropy", LogScale: true},
}
