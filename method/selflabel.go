// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/torch"
)

var selfLabelEntry = Entry{
	Name:     "scan-selflabel",
	Title:    "SCAN, self-labelling",
	Date:     "2020-05",
	Paper:    scanEntry.Paper,
	Equation: "L = mean over clusters c of the mean of -log Φ(strong view)_c over the images whose weak view has Φ_c above the threshold",
	Collapse: "it begins with SCAN's clusters, and a large cluster counts no more than a small one",
	Uses:     []Part{Clusters},
	New:      func() parallax.Method { return NewSelfLabel() },
}

// SelfLabel trains on the images that SCAN is sure of: the cluster of the weak view is the label of the strong one.
type SelfLabel struct {
	Classes   int     // C, as in the clustering stage
	Threshold float64 // the probability above which an image has a label
	Balance   bool    // clusters count alike; else images do

	heads
}

// NewSelfLabel returns SCAN's self-labelling stage with the paper's hyperparameters (section 2.3 and the official configs).
func NewSelfLabel() *SelfLabel { return &SelfLabel{Classes: 10, Threshold: 0.99, Balance: true} }

// Command is how it is run: it needs what the clustering stage has made.
func (m *SelfLabel) Command() string { return "cluster" }

// Validate checks the hyperparameters.
func (m *SelfLabel) Validate() error {
	return first(atLeast("classes", m.Classes, 2), fraction("threshold", m.Threshold))
}

// Views returns the weak view, which labels, and the strong one, which learns.
func (m *SelfLabel) Views(size int) []augment.Recipe {
	return []augment.Recipe{augment.EvalRecipe(size), augment.SCANStrongRecipe(size)}
}

// Build makes the backbone and one head.
func (m *SelfLabel) Build(b *parallax.Build) parallax.Encoder { return m.heads.build(b, 1, m.Classes) }

// Forward returns the logits of the weak view, without gradient, and of the strong one.
func (m *SelfLabel) Forward(s *parallax.Step) []torch.Tensor {
	var weak torch.Tensor
	torch.NoGrad(func() { weak = m.logits(s.Views[0])[0] })
	return []torch.Tensor{weak, m.logits(s.Views[1])[0]}
}

// Loss is the cross-entropy on confident images; 0 when the batch has none.
func (m *SelfLabel) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	p := z[0].Detach().Softmax(1)
	label := torch.Eye(m.Classes, p.DType()).IndexSelect(0, p.ArgMax(1)) // N x C, one-hot
	sure := p.Max(1).Gt(torch.Full(m.Threshold, p.DType())).To(p.DType()).Unsqueeze(1)
	label = s.Gather(label.Mul(sure))                     // 0 where not sure
	cost := s.Gather(z[1].LogSoftmax(1)).Mul(label).Neg() // N x C: -log Φ_c
	s.Report("confident", label.Sum(1).Mean())
	count := label.Sum(0) // of each cluster
	if m.Balance {
		// Weights in inverse proportion to the counts, divided by their sum, as the official code has them.
		clusters := count.Clamp(0, 1).Sum().Clamp(1, math.Inf(1))
		return cost.Sum(0).Div(count.Clamp(1, math.Inf(1))).Sum().Div(clusters)
	}
	return cost.Sum().Div(count.Sum().Clamp(1, math.Inf(1)))
}
