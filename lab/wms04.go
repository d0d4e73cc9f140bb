// SPDX-License-Identifier: Apache-2.0

package lab

var wms04 = Experiment{
	ID: "WMS-04", Method: "wmse",
	Question: "Does averaging over several partitions of the batch steady W-MSE's loss?",
	Claim:    "Whitening in small slices depends on which images meet; averaging the loss over several random partitions makes it vary less from step to step.",
	Source:   "Ermolov et al. 2021, arXiv:2007.06346, section 3.2",
	Reported: "an argument; four partitions in the published settings for STL-10 and Tiny ImageNet",
	Scale:    "Batches differ from each other, too, which no partition changes.",
	Arms: []Arm{
		{Name: "slices of 128 rows", Method: "wmse", Set: []string{"train.log_every=1"}},
		{Name: "slices of 72 rows", Method: "wmse", Set: []string{"method.slice=72", "train.log_every=1"}},
		{Name: "slices of 72 rows, four partitions", Method: "wmse", Set: []string{"method.slice=72", "method.iterations=4", "train.log_every=1"}},
	},
	Shows:  []Metric{LossNoise, Loss},
	Expect: []Expectation{more(LossNoise, "slices of 72 rows", "slices of 72 rows, four partitions", 0)},
	Effect: &Effect{Metric: LossNoise, Arm: "slices of 72 rows", Of: "slices of 72 rows, four partitions"},
}
