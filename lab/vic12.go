// SPDX-License-Identifier: Apache-2.0

package lab

var weightsApart = []string{"method.shared_weights=false"}

var vic12 = Experiment{
	ID: "VIC-12", Method: "vicreg", Switch: "network",
	Question: "Must the two branches share their weights?",
	Claim:    "VICReg, Barlow Twins and SimCLR learn with two networks that share no weights, at a loss of one to five points; methods like BYOL cannot.",
	Source:   "Bardes, Ponce & LeCun 2022, arXiv:2105.04906, section 6 and table 5",
	Reported: "with and without shared weights: VICReg 68.6 and 66.5, Barlow Twins 68.7 and 64.2, SimCLR 64.4 and 63.1 (ImageNet, ResNet-50, 100 epochs, linear); BYOL 69.3 and none",
	Scale: "One of the two networks is looked at. In runs this short it has to find what it shares with another that began elsewhere, so that it does not collapse is asked, and not " +
		"how much it loses. BYOL's target is a moving average of its network, and networks of other architectures are no setting here.",
	Arms: []Arm{
		vicreg,
		{Name: "VICReg, weights apart", Method: "vicreg", Set: weightsApart},
		barlow,
		{Name: "Barlow Twins, weights apart", Method: "barlowtwins", Set: weightsApart},
		simclr,
		{Name: "SimCLR, weights apart", Method: "simclr", Set: weightsApart},
		vicregInvariance,
	},
	Shows: []Metric{EffectiveRank, MeanCosine, KNN},
	Expect: []Expectation{
		survives("VICReg, weights apart"), survives("Barlow Twins, weights apart"), survives("SimCLR, weights apart"), visible("invariance alone"),
	},
}
