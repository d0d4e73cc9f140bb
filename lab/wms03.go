// SPDX-License-Identifier: Apache-2.0

package lab

var wms03 = Experiment{
	ID: "WMS-03", Method: "wmse", NeedsLabels: true,
	Question: "How many images must W-MSE whiten together?",
	Claim:    "Slices that have hardly more rows than the embedding has dimensions whiten badly; the published settings take at least twice as many.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, section 4.2, and the commands of htdt/self-supervised",
	Reported: "slices of 128 rows for 64 dimensions, of 256 for 128",
	Scale:    "Where a slice has no more rows than dimensions its covariance has no inverse, and a ridge is added to it; terms.epsilon says how large.",
	Arms: []Arm{
		wmse,
		{Name: "slices of 72 rows", Method: "wmse", Set: []string{"method.slice=72"}},
		{Name: "slices of 64 rows", Method: "wmse", Set: []string{"method.slice=64"}},
	},
	Shows: []Metric{KNN, Loss, "terms.escalations", EffectiveRank},
	Expect: []Expectation{
		above("terms.escalations", "slices of 64 rows", 0),
		below("terms.escalations", "W-MSE", 0.01),
		more(KNN, "W-MSE", "slices of 64 rows", 0),
		more(KNN, "W-MSE", "slices of 72 rows", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "W-MSE", Of: "slices of 64 rows"},
}
