// SPDX-License-Identifier: Apache-2.0

package lab

var jng01 = Experiment{
	ID: "JNG-01", Method: "simclr", Switch: "negatives",
	Question: "Do negatives keep SimCLR's embeddings from losing dimensions?",
	Claim:    "Not all: although negatives push images apart, some directions of the embedding lose their variance altogether.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, figure 2",
	Reported: "a figure: of 128 singular values of the covariance a part drops to zero (ImageNet, ResNet-18, 100 epochs)",
	Scale:    "Directions with less than a millionth of the largest one's variance count as lost. In a run of minutes they may only have begun to shrink.",
	Arms:     []Arm{simclr},
	Shows:    []Metric{Vanished, EffectiveRank, Participation},
	Expect:   []Expectation{above(Vanished, "SimCLR", 0.5)},
}
