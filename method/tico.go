// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var ticoEntry = Entry{
	Name:  "tico",
	Title: "TiCo",
	Date:  "2022-06",
	Paper: "Zhu, Moraes, Karakulak, Sobol, Canziani & LeCun: TiCo: Transformation Invariance and Covariance Contrast " +
		"for Self-Supervised Visual Representation Learning. 2022, arXiv:2206.10698",
	Equation: "L = 1 - 1/N Σ qᵢ·kᵢ + ρ/N Σ qᵢᵀCqᵢ,  C ← βC + (1-β) 1/N Σ qᵢqᵢᵀ, q and k unit vectors, k of φ;  φ ← " +
		"mφ + (1-m)θ after each step",
	Collapse: "the covariance contrast: an embedding is pushed out of the directions in which the embeddings of many " +
		"batches lie, as by an endless memory bank",
	Prevents: []Switch{
		{
			[]string{"method.rho=0", "method.target_momentum=0", "method.final_target_momentum=0"},
			"without the contrast only the invariance is left, and with keys that follow at once a constant " +
				"satisfies it",
		},
	},
	Uses: []Part{Statistics},
	New:  func() parallax.Method { return NewTiCo() },
}

// TiCo draws a query towards the key of the other view, and away from the directions of the last batches' queries.
type TiCo struct {
	// ρ, weight of the covariance contrast: 8, as in lightly 1.6.0; 20 in earlier lightly and in sayannag/TiCo-pytorch;
	// 0 leaves it out
	Rho  float64
	Beta float64 // β, the share of C that a step keeps
	// pass the gradient through this batch's part of C, as in sayannag/TiCo-pytorch; off: do not, as in the paper's
	// figure and in lightly 1.6.0
	CovarianceGradient  bool
	TargetMomentum      float64 // m of the key network at the start
	FinalTargetMomentum float64 // m at the end, reached along half a cosine
	Symmetric           bool    // every view is a query; off: only the first
	// views of an image; 2 in the paper. With more, the mean over pairs of a query and another view's key
	ViewCount int
	Projector nn.MLP // two layers, batch norm on the hidden one

	encoder           parallax.Encoder
	target            part.Target
	covariance, batch torch.Tensor // d x d: C of the earlier steps, and the second moment of this step's queries
}

// NewTiCo returns TiCo with the paper's hyperparameters.
func NewTiCo() *TiCo {
	return &TiCo{
		Rho:                 8,
		Beta:                0.9,
		TargetMomentum:      0.99,
		FinalTargetMomentum: 1,
		ViewCount:           2,
		Projector:           nn.MLP{Widths: []int{4096, 256}, BatchNorm: true},
	}
}

// Validate checks the hyperparameters.
func (m *TiCo) Validate() error {
	return part.First(
		part.NonNegative("rho", m.Rho),
		part.Fraction("beta", m.Beta),
		part.Fraction("target_momentum", m.TargetMomentum),
		part.Fraction("final_target_momentum", m.FinalTargetMomentum),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns BYOL's two recipes in turn.
func (m *TiCo) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes the network of the queries, that of the keys, and the buffers of C, which begins as 0.
func (m *TiCo) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	m.target = part.NewTarget(b, m.Projector, "ema")
	d := m.Projector.Out(b.Backbone.Features())
	m.covariance = b.Params.Buffer("covariance", torch.Zeros(b.Params.DType(), d, d))
	m.batch = b.Params.Buffer("batch", torch.Zeros(b.Params.DType(), d, d))
	return m.encoder
}

// Forward returns the keys and then the queries. It keeps the second moment of the queries for Update; in a step that
// accumulates several batches, that of the last batch.
func (m *TiCo) Forward(s *parallax.Step) []torch.Tensor {
	keys, queries := s.Views[1:], s.Views[:1]
	if m.Symmetric {
		keys, queries = s.Views, s.Views
	}
	q := part.Embed(m.encoder, queries)
	torch.NoGrad(func() {
		torch.Autocast(false, func() { secondMoment(s, q).To(m.batch.DType()).CopyInto(m.batch) })
	})
	return append(m.target.Embed(keys), q...)
}

// Joins reports whether the network of the queries sees one view only.
func (m *TiCo) Joins() bool { return !m.Symmetric }

// Loss is the paper's (algorithm 1). No gradient goes through this batch's part of C: the paper's figure shows none, as
// lightly's authors read it (lightly-ai/lightly pull request 1484). The part then counts half, because the queries
// enter it twice.
func (m *TiCo) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	c := m.covariance.Scale(m.Beta)
	at := len(z) - 1
	if m.Symmetric {
		at = len(z) / 2
	}
	keys, queries := z[:at], z[at:]
	var cosines []torch.Tensor
	for i, q := range queries {
		for j, k := range keys {
			if !m.Symmetric || i != j {
				cosines = append(cosines, part.Cosine(q, k.Detach()))
			}
		}
	}
	share := secondMoment(s, queries)
	if !m.CovarianceGradient {
		share = share.Detach()
	}
	c = c.Add(share.Scale(1 - m.Beta)) // βC + (1-β) 1/N Σ qᵢqᵢᵀ
	invariance := part.Mean(cosines).Neg().Shift(1)
	contrast := part.Over(queries, func(q torch.Tensor) torch.Tensor {
		q = q.Normalize(1)
		return q.MatMul(c).Mul(q).Sum(1).Mean() // 1/N Σ qᵢᵀCqᵢ
	})
	s.Report("invariance", invariance)
	s.Report("contrast", contrast)
	return invariance.Add(contrast.Scale(m.Rho))
}

// secondMoment is 1/N Σ qᵢqᵢᵀ, d x d, over the whole batch's rows of all queries.
func secondMoment(s *parallax.Step, queries []torch.Tensor) torch.Tensor {
	return part.Over(part.Gather(s, queries), func(q torch.Tensor) torch.Tensor {
		q = q.Normalize(1)
		return q.T().MatMul(q).Scale(1 / float64(q.Size(0)))
	})
}

// Update adds the step's queries to C and moves the key network.
func (m *TiCo) Update(s *parallax.Step) {
	torch.LerpInto([]torch.Tensor{m.covariance}, []torch.Tensor{m.batch}, 1-m.Beta)
	m.target.Follow(s, nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
}

// Collapsed is the contrast of one direction: qᵀCq = 1.
func (m *TiCo) Collapsed(int) parallax.Collapsed {
	return part.LeastAtZero(m.Rho, "too small a weight of the covariance contrast (method.rho)")
}
