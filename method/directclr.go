// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var directCLREntry = Entry{
	Name:  "directclr",
	Title: "DirectCLR",
	Date:  "2021-10",
	Paper: "Jing, Vincent, LeCun & Tian: Understanding Dimensional Collapse in Contrastive Self-supervised Learning. " +
		"ICLR 2022, arXiv:2110.09348",
	Equation: "L = mean over the 2N views i of -log( exp(cos(rᵢ,rⱼ)/τ) / Σ_{k≠i} exp(cos(rᵢ,rₖ)/τ) ), j the other " +
		"view of i's image, r the first d₀ features of h",
	Collapse: "negatives, as in SimCLR; the loss does not see the features after the first d₀, which protects them " +
		"from dimensional collapse",
	Prevents: []Switch{
		{[]string{"method.negatives=false"}, "only the attraction is left, which a constant h minimises"},
	},
	Uses: []Part{Negatives},
	New:  func() parallax.Method { return NewDirectCLR() },
}

// DirectCLR applies SimCLR's loss to a part of h, without a projector. The rest of h learns through the backbone's
// residual connections.
type DirectCLR struct {
	Temperature float64 // τ
	Dimensions  int     // d₀, the number of features that the loss sees; all if h has fewer
	// all: the 2N-1 other views, as in SimCLR; other: the N of the other view, as in the official code
	Candidates Candidates
	Negatives  bool // off: only the positives' mean -cos/τ is left, which a constant h minimises
	ViewCount  int  // views of an image; 2 in the paper

	encoder parallax.Encoder
}

// Candidates are the views that a view is compared with: all, every other view of the batch, or other, the views made
// by the other recipe.
type Candidates string

// NewDirectCLR returns DirectCLR with the hyperparameters of the official code, for a ResNet-50.
func NewDirectCLR() *DirectCLR {
	return &DirectCLR{Temperature: 0.1, Dimensions: 360, Candidates: "all", Negatives: true, ViewCount: 2}
}

// Validate checks the hyperparameters.
func (m *DirectCLR) Validate() error {
	return part.First(
		part.Positive("temperature", m.Temperature),
		part.AtLeast("dimensions", m.Dimensions, 1),
		part.OneOf("candidates", m.Candidates, "all", "other"),
		part.AtLeast("view_count", m.ViewCount, 2),
	)
}

// Views returns BYOL's two recipes in turn, as in the official code.
func (m *DirectCLR) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes the backbone. The layer that replaces the projector returns the first d₀ features.
func (m *DirectCLR) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, nn.MLP{})
	d := min(m.Dimensions, m.encoder.Features)
	m.encoder.Projector = nn.Func(func(h torch.Tensor) torch.Tensor { return h.Narrow(1, 0, d) })
	return m.encoder
}

// Forward returns r of every view.
func (m *DirectCLR) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is SimCLR's.
func (m *DirectCLR) Loss(s *parallax.Step, r []torch.Tensor) torch.Tensor {
	if m.Candidates == "all" || !m.Negatives {
		return (&SimCLR{Temperature: m.Temperature, Negatives: m.Negatives}).Loss(s, r)
	}
	r = part.Gather(s, r)
	return part.Directions(r, r, true, func(one, other torch.Tensor) torch.Tensor {
		logits := part.Unit(one).MatMul(part.Unit(other).T()).Scale(1 / m.Temperature) // N x N
		return logits.LogSumExp(1).Sub(logits.Diagonal()).Mean()
	})
}

// Collapsed is SimCLR's, or the loss of N equal candidates.
func (m *DirectCLR) Collapsed(batch int) parallax.Collapsed {
	if m.Candidates == "all" || !m.Negatives {
		return (&SimCLR{Temperature: m.Temperature, Negatives: m.Negatives, ViewCount: m.ViewCount}).Collapsed(batch)
	}
	return part.Contrastive(math.Log(float64(batch)), true, m.Temperature)
}
