// SPDX-License-Identifier: Apache-2.0

package lab

var byg03 = Experiment{
	ID: "BYG-03", Method: "byol", NeedsLabels: true,
	Question: "Is BYOL a contrastive method in disguise, because batch norm in its heads compares the images of a batch?",
	Claim:    "Without batch norm in its heads BYOL performs no better than random.",
	Source:   "Fetterman & Albrecht 2020, untitled-ai.github.io/understanding-self-supervised-contrastive-learning.html",
	Reported: "generally no better than random. Against it: 72.1 with batch norm in the backbone alone and 73.9 with group norm throughout, of 74.3 (Richemond et al. 2020)",
	Scale: "The claim is of a necessity, so that one way to do without is enough to refute it: heads without any normalisation may fail, and heads with " +
		"group norm, which compares nothing, must fail as well.",
	Arms: []Arm{byol,
		{Name: "no normalisation in the heads", Method: "byol", Set: []string{"method.projector.norm=none", "method.predictor.norm=none"}}, byolGroupNorm},
	Shows:  []Metric{KNN, MeanCosine, EffectiveRank},
	Expect: []Expectation{fails("no normalisation in the heads"), fails("group norm")},
}
