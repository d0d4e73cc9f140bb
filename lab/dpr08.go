// SPDX-License-Identifier: Apache-2.0

package lab

var dpr08 = Experiment{
	ID: "DPR-08", Method: "byol", Switch: "predictor",
	Question: "What does a linear predictor become in training?",
	Claim:    "Its eigenvectors come to be those of E[zzᵀ], the correlation matrix of what it is given.",
	Source:   "Tian, Chen & Ganguli 2021, arXiv:2102.06810, theorem 3 and figure 2",
	Reported: "curves, of STL-10: the cosine of eigenvectors of E[zzᵀ] with what the predictor makes of them goes towards 1",
	Scale: "The theorem is for a symmetric predictor. The mean of ten cosines with random vectors of 128 numbers has a standard deviation of 0.03, and the rule asks for " +
		"a rise by 0.1. The commutator of a random matrix is small, √(2/128), where the embeddings have few directions yet, so it is compared with that at half of the run.",
	Arms:   []Arm{byolLinear, byolSymmetric},
	Shows:  []Metric{EigenCosine, Commutator, SpectrumRank},
	Expect: []Expectation{rises(EigenCosine, "symmetric predictor", 0.1), rises(EigenCosine, "linear predictor", 0.1), declines(Commutator, "symmetric predictor")},
}
