// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
)

// Claims about all methods at once.

var stb01 = lab.Experiment{
	ID: "STB-01", Method: "simclr", Switch: "other",
	Question: "What do all methods that do not collapse have in common?",
	Claim: "Every method keeps the mean of all embeddings short, while the mean of the views of one " +
		"image stays long.",
	Source:   "Jha et al. 2024, arXiv:2402.14957, abstract",
	Reported: "a common mechanism; curves of the mean's length",
	Scale: "Squared lengths are compared: the mean cosine of different images and that of two views of one image. " +
		"The first must be smaller by 0.2, for all of nine methods.",
	Arms:  []lab.Arm{simsiam, byol, simclr, moco, swav, dino, vicreg, barlow, wmse},
	Shows: []lab.Metric{lab.MeanCosine, lab.PositiveCosine},
	Expect: []lab.Expectation{
		expect.Survives("SimSiam"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "SimSiam", 0.2),
		expect.Survives("BYOL"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "BYOL", 0.2),
		expect.Survives("SimCLR"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "SimCLR", 0.2),
		expect.Survives("MoCo v2"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "MoCo v2", 0.2),
		expect.Survives("SwAV"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "SwAV", 0.2),
		expect.Survives("DINO"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "DINO", 0.2),
		expect.Survives("VICReg"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "VICReg", 0.2),
		expect.Survives("Barlow Twins"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "Barlow Twins", 0.2),
		expect.Survives("W-MSE"),
		expect.Exceeds(lab.PositiveCosine, lab.MeanCosine, "W-MSE", 0.2),
	},
}
