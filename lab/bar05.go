// SPDX-License-Identifier: Apache-2.0

package lab

var bar05 = Experiment{
	ID: "BAR-05", Method: "barlowtwins", NeedsLabels: true,
	Question: "Does Barlow Twins profit from wider embeddings than SimCLR?",
	Claim:    "Yes: it goes on improving as far as its embeddings were widened, where SimCLR stops early.",
	Source:   "Zbontar et al. 2021, arXiv:2103.03230, figure 4",
	Reported: "a figure: from 16 to 16,384 numbers Barlow Twins gains throughout, SimCLR and BYOL hardly anything beyond 256",
	Scale:    "A factor of sixteen for both, over 64 features: from 64 to 1,024 numbers, and for SimCLR from 32 to 512.",
	Arms: []Arm{
		barlow,
		{Name: "Barlow Twins, 64", Method: "barlowtwins", Set: []string{"method.projector.widths=[256, 256, 64]"}},
		{Name: "Barlow Twins, 1,024", Method: "barlowtwins", Set: []string{"method.projector.widths=[256, 256, 1024]"}},
		{Name: "SimCLR, 32", Method: "simclr", Set: []string{"method.projector.widths=[128, 32]"}},
		{Name: "SimCLR, 512", Method: "simclr", Set: []string{"method.projector.widths=[128, 512]"}},
	},
	Shows: []Metric{KNN, EffectiveRank, FeatureRank},
	Expect: []Expectation{
		survives("Barlow Twins, 64"), survives("Barlow Twins, 1,024"),
		more(KNN, "Barlow Twins, 1,024", "Barlow Twins, 64", 0),
		loses(KNN, step{"Barlow Twins, 1,024", "Barlow Twins, 64"}, step{"SimCLR, 512", "SimCLR, 32"}),
	},
	Effect: &Effect{Metric: KNN, Arm: "Barlow Twins, 1,024", Of: "Barlow Twins, 64"},
}
