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

var simCLREntry = Entry{
	Name:  "simclr",
	Title: "SimCLR",
	Date:  "2020-02",
	Paper: "Chen, Kornblith, Norouzi & Hinton: A Simple Framework for Contrastive Learning of Visual " +
		"Representations. ICML 2020, arXiv:2002.05709",
	Equation: "L = mean over the 2N views i of -log( exp(cos(zᵢ,zⱼ)/τ) / Σ_{k≠i} exp(cos(zᵢ,zₖ)/τ) ), j the other " +
		"view of i's image",
	Collapse: "negatives: every other image of the batch is pushed away, so a constant embedding has the loss " +
		"ln(2N-1), which is not the smallest",
	Prevents: []Switch{
		{[]string{"method.negatives=false"}, "only the attraction is left, which a constant embedding minimises"},
	},
	Uses: []Part{Negatives},
	New:  func() parallax.Method { return NewSimCLR() },
}

// SimCLR draws the views of one image together and pushes away those of all other images of the batch.
type SimCLR struct {
	Temperature float64 // τ; 0.1 for ImageNet, 0.5 for CIFAR-10 (section 5.1, appendix B.9)
	Negatives   bool    // off: only the positives' mean -cos/τ is left, which a constant embedding minimises
	ViewCount   int     // views of an image; 2 in the paper
	Projector   nn.MLP  // g, with batch norm in the hidden layer; the official code has it at the output, too

	encoder parallax.Encoder
}

// NewSimCLR returns SimCLR with the paper's hyperparameters.
func NewSimCLR() *SimCLR {
	return &SimCLR{
		Temperature: 0.1,
		Negatives:   true,
		ViewCount:   2,
		Projector:   nn.MLP{Widths: []int{2048, 128}, BatchNorm: true},
	}
}

// Validate checks the hyperparameters.
func (m *SimCLR) Validate() error {
	return part.First(
		part.Positive("temperature", m.Temperature),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns views of one recipe (section 3, appendix A).
func (m *SimCLR) Views(size int) []augment.Recipe {
	return part.InTurn(m.ViewCount, augment.SimCLRRecipe(size))
}

// Build makes f and g.
func (m *SimCLR) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	return m.encoder
}

// Forward returns z of every view.
func (m *SimCLR) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is NT-Xent (equation 1), averaged over all views as anchors. With more than two views, all views of the anchor's
// image are positives and their exponentials are summed.
func (m *SimCLR) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	c := part.NewContrast(s, z, m.Temperature)
	if !m.Negatives {
		return c.Mean(c.Positives).Mean().Neg()
	}
	attraction := c.LogSum(c.Positives).Mean() // log Σ over positives
	repulsion := c.LogSum(c.Others).Mean()     // log Σ_{k≠i}
	s.Report("attraction", attraction.Neg())
	s.Report("repulsion", repulsion)
	return repulsion.Sub(attraction)
}

// Collapsed is the loss of equal embeddings: the positive is one of 2N-1 equal candidates.
func (m *SimCLR) Collapsed(batch int) parallax.Collapsed {
	v := float64(m.ViewCount)
	return part.Contrastive(math.Log((v*float64(batch)-1)/(v-1)), m.Negatives, m.Temperature)
}
