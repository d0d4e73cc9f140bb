// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
)

// Arms of Hua et al.'s plain loss, the distance of the two views alone, by what the projector ends with. VIbCReg's iterative
// normalisation, an approximation of decorrelated batch norm, stands for that, in groups of 16 features. With its usual five steps
// it is so rough that the network finds embeddings which it leaves correlated and short: a participation ratio of 2.1 after 40
// steps, and with ten 24.
var (
	plainLoss         = []string{"method.invariance=1", "method.variance=0", "method.covariance=0"}
	plainDecorrelated = Arm{Name: "decorrelated", Method: "vibcreg", Set: append(slices.Clone(plainLoss), "method.iter_norm_groups=16", "method.iter_norm_steps=10")}
	plainStandardised = Arm{Name: "standardised", Method: "vibcreg", Set: append(slices.Clone(plainLoss), "method.iter_norm=false", "method.projector.output_norm=true")}
	plainBare         = Arm{Name: "not normalised", Method: "vibcreg", Set: append(slices.Clone(plainLoss), "method.iter_norm=false", "method.projector.output_norm=false")}
)

var dbn01 = Experiment{
	ID: "DBN-01", Method: "vibcreg", Switch: "whitening",
	Question: "What becomes of embeddings that are only drawn together, and not normalised?",
	Claim:    "They become one point; normalising them prevents that, with nothing else to keep them apart.",
	Source:   "Hua et al. 2021, arXiv:2105.00470, abstract",
	Reported: "complete collapse; no number",
	Scale:    "VIbCReg without its variance and covariance terms stands for the paper's loss, and its iterative normalisation for decorrelated batch norm.",
	Arms:     []Arm{plainDecorrelated, plainBare},
	Shows:    []Metric{MeanCosine, RawStd, EffectiveRank},
	Expect:   []Expectation{collapses("not normalised", collapse.Complete, collapse.Collapsing)},
	Effect:   &Effect{Metric: MeanCosine, Arm: "not normalised", Of: "decorrelated"},
}
