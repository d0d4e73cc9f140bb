// SPDX-License-Identifier: Apache-2.0

package lab

var stb01 = Experiment{
	ID: "STB-01", Method: "simclr", Switch: "other",
	Question: "What have all the methods in common that do not collapse?",
	Claim:    "Every method keeps the mean of all embeddings short while the mean of one image's views stays long.",
	Source:   "Jha et al. 2024, arXiv:2402.14957, abstract",
	Reported: "a common mechanism; curves of the mean's length",
	Scale:    "Squared lengths: the mean cosine of different images, and that of two views of one image. The first is to be the smaller by 0.2, in all of nine methods.",
	Arms:     []Arm{simsiam, byol, simclr, moco, swav, dino, vicreg, barlow, wmse},
	Shows:    []Metric{MeanCosine, PositiveCosine},
	Expect: []Expectation{
		survives("SimSiam"),
		exceeds(PositiveCosine, MeanCosine, "SimSiam", 0.2),
		survives("BYOL"),
		exceeds(PositiveCosine, MeanCosine, "BYOL", 0.2),
		survives("SimCLR"),
		exceeds(PositiveCosine, MeanCosine, "SimCLR", 0.2),
		survives("MoCo v2"),
		exceeds(PositiveCosine, MeanCosine, "MoCo v2", 0.2),
		survives("SwAV"),
		exceeds(PositiveCosine, MeanCosine, "SwAV", 0.2),
		survives("DINO"),
		exceeds(PositiveCosine, MeanCosine, "DINO", 0.2),
		survives("VICReg"),
		exceeds(PositiveCosine, MeanCosine, "VICReg", 0.2),
		survives("Barlow Twins"),
		exceeds(PositiveCosine, MeanCosine, "Barlow Twins", 0.2),
		survives("W-MSE"),
		exceeds(PositiveCosine, MeanCosine, "W-MSE", 0.2),
	},
}
