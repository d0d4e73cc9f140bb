// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var entry = method.Entry{
	Name:  "alignuniform",
	Title: "Alignment and uniformity",
	Date:  "2020-05",
	Paper: "Wang & Isola: Understanding Contrastive Representation Learning through Alignment and Uniformity on the " +
		"Hypersphere. ICML 2020, arXiv:2005.10242",
	Equation: "L = mean ‖uᵢ - vᵢ‖² + λ ½ ( U(u) + U(v) ),  U(u) = log mean_{i≠j} exp(-t ‖uᵢ - uⱼ‖²)",
	Collapse: "the uniformity term: it is largest, 0, when all embeddings are one point",
	Prevents: []method.Switch{
		{Set: []string{"method.weight=0"}, Why: "only the alignment is left, which one point minimises"},
	},
	Uses: []method.Part{method.Negatives},
	New:  func() parallax.Method { return NewAlignUniform() },
}

// AlignUniform pulls the two views of an image together and spreads all images over the sphere, with a term for each.
type AlignUniform struct {
	Weight    float64 // λ of the uniformity term
	Scale     float64 // t of its kernel exp(-t‖u - v‖²)
	Projector nn.MLP  // the last layer of the paper's f; linear

	encoder parallax.Encoder
}

// NewAlignUniform returns the objective with the paper's t and with equal weights of the two terms.
func NewAlignUniform() *AlignUniform {
	return &AlignUniform{Weight: 1, Scale: 2, Projector: nn.MLP{Widths: []int{128}}}
}

// Validate checks the hyperparameters.
func (m *AlignUniform) Validate() error {
	if m.Weight < 0 {
		return fmt.Errorf("method.weight is %v: it must be at least 0", m.Weight)
	}
	if m.Scale <= 0 {
		return fmt.Errorf("method.scale is %v: it must be above 0", m.Scale)
	}
	return m.Projector.Validate("method.projector")
}

// Views returns SimCLR's recipe for both views, because it exists already. The paper has a recipe of its own.
func (m *AlignUniform) Views(size int) []augment.Recipe {
	return []augment.Recipe{augment.SimCLRRecipe(size), augment.SimCLRRecipe(size)}
}

// Build makes f.
func (m *AlignUniform) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = parallax.Encoder{
		Backbone:  b.Backbone.Build(b.Params.Sub("backbone")),
		Projector: m.Projector.Build(b.Params.Sub("projector"), b.Backbone.Features()),
		Params:    b.Params.Sub("backbone"),
		Features:  b.Backbone.Features(),
	}
	return m.encoder
}

// Forward returns z of both views.
func (m *AlignUniform) Forward(s *parallax.Step) []torch.Tensor {
	return parallax.Each(m.encoder.Projector, parallax.Each(m.encoder.Backbone, s.Views))
}

// Loss is L_align + λ ½ (L_uniform(u) + L_uniform(v)), section 4.1, u and v the normalised embeddings.
func (m *AlignUniform) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	u, v := s.Gather(z[0]).Normalize(1), s.Gather(z[1]).Normalize(1) // N x d
	alignment := u.Sub(v).Square().Sum(1).Mean()                     // E ‖uᵢ - vᵢ‖²
	uniformity := m.uniformity(u).Add(m.uniformity(v)).Scale(0.5)
	s.Report("alignment", alignment)
	s.Report("uniformity", uniformity)
	return alignment.Add(uniformity.Scale(m.Weight))
}

// uniformity is log E_{i≠j} exp(-t‖uᵢ - uⱼ‖²).
func (m *AlignUniform) uniformity(u torch.Tensor) torch.Tensor {
	n := u.Size(0)
	squares := u.MatMul(u.T()).Scale(-2).Shift(2) // N x N: ‖uᵢ - uⱼ‖² = 2 - 2 uᵢ·uⱼ
	self := torch.Eye(n, torch.Bool)
	kernel := squares.Scale(-m.Scale).MaskedFill(self, math.Inf(-1)) // without i = j
	return kernel.LogSumExp(0, 1).Shift(-math.Log(float64(n * (n - 1))))
}
