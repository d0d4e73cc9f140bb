// SPDX-License-Identifier: Apache-2.0

package lab

var moc04 = Experiment{
	ID: "MOC-04", Method: "mocov2", NeedsLabels: true, Switch: "head",
	Question: "What made MoCo v2 better than v1, the head or the augmentation?",
	Claim:    "Both the head of two layers and the stronger augmentation help on their own, the head more, and together most.",
	Source:   "Chen et al. 2020, arXiv:2003.04297, table 1",
	Reported: "v1 60.6, with the head 66.2, with the augmentation 63.4, with both 67.3 (ImageNet, ResNet-50, 200 epochs)",
	Scale:    "The temperature goes with the head, 0.2 with and 0.07 without, as in the report. Its blur does not exist for small images, where v1 changes colours more than v2, so the second half may turn around.",
	Arms: []Arm{
		moco,
		{Name: "MoCo v1", Method: "mocov1"},
		{Name: "v1 with the head", Method: "mocov1", Set: []string{"method.projector.widths=[128, 128]", "method.temperature=0.2"}},
		{Name: "v1 with the augmentation", Method: "mocov2", Set: []string{"method.projector.widths=[128]", "method.temperature=0.07"}},
	},
	Shows: []Metric{KNN, EffectiveRank, FeatureRank},
	Expect: []Expectation{
		more(KNN, "MoCo v2", "MoCo v1", 0),
		more(KNN, "v1 with the head", "MoCo v1", 0),
		more(KNN, "v1 with the augmentation", "MoCo v1", 0),
	},
	Effect: &Effect{Metric: KNN, Arm: "MoCo v2", Of: "MoCo v1"},
}
