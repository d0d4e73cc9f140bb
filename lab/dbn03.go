// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var dbn03 = Experiment{
	ID: "DBN-03", Method: "vibcreg", NeedsLabels: true, Switch: "whitening",
	Question: "Does a layer that decorrelates the dimensions prevent what standardising leaves?",
	Claim:    "Standardised embeddings lose dimensions, decorrelated ones do not, and learn without any other means.",
	Source:   "Hua et al. 2021, arXiv:2105.00470; accuracies as later work quotes them",
	Reported: "CIFAR-10, ResNet-18: 90.45 linear and 88.15 5-NN with shuffled decorrelated batch norm",
	Scale: "VIbCReg without its variance and covariance terms stands for the paper's loss, and its iterative normalisation, in groups of 16 of 256 features that are not shuffled, " +
		"for decorrelated batch norm.",
	Arms:  []Arm{plainDecorrelated, plainStandardised},
	Shows: []Metric{Correlation, Participation, EffectiveRank, KNN},
	Expect: []Expectation{
		collapses("standardised", collapse.Dimensional), more(Correlation, "standardised", "decorrelated", 0), gains("decorrelated", knnGain),
	},
	Effect: &Effect{Metric: Correlation, Arm: "standardised", Of: "decorrelated"},
}
