// SPDX-License-Identifier: Apache-2.0

package lab

var byg01 = Experiment{
	ID: "BYG-01", Method: "byol", NeedsLabels: true,
	Question: "Batch norm lets the images of a batch see one another. Does BYOL need that in order not to collapse?",
	Claim:    "No: with group norm and weight standardisation, which see one image at a time, BYOL does not collapse and learns as well.",
	Source:   "Richemond et al. 2020, arXiv:2010.10241, abstract",
	Reported: "linear accuracy 73.9 with group norm and weight standardisation, 74.3 with batch norm",
	Scale:    "That it learns is tested against the untrained network: less than a point between two kinds of normalisation cannot be told in runs this short.",
	Arms:     []Arm{byol, byolGroupNorm, byolNoPredictor},
	Shows:    []Metric{Std, EffectiveRank, KNN},
	Expect:   []Expectation{survives("group norm"), gains("group norm", knnGain), visible("without predictor")},
}
