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

var dclEntry = Entry{
	Name:  "dcl",
	Title: "DCL",
	Date:  "2021-10",
	Paper: "Yeh et al.: Decoupled Contrastive Learning. ECCV 2022, arXiv:2110.06848",
	Equation: "L = mean over the 2N views i of -cos(zᵢ,zⱼ)/τ + log Σₖ exp(cos(zᵢ,zₖ)/τ), j the other view of i's " +
		"image, k over the 2N-2 views of other images",
	Collapse: "negatives, as in SimCLR; the positive is not in the denominator, so an easy positive does not weaken " +
		"their gradient",
	Prevents: []Switch{
		{[]string{"method.negatives=false"}, "only the attraction is left, which a constant embedding minimises"},
	},
	Uses: []Part{Negatives},
	New:  func() parallax.Method { return NewDCL() },
}

var dclwEntry = Entry{
	Name:     "dclw",
	Title:    "DCLW",
	Date:     "2021-10",
	Paper:    dclEntry.Paper,
	Equation: "DCL with wᵢ·cos(zᵢ,zⱼ)/τ instead of cos(zᵢ,zⱼ)/τ,  wᵢ = 2 - N softmaxᵢ(cos(zᵢ,zⱼ)/σ)",
	Collapse: dclEntry.Collapse,
	Prevents: dclEntry.Prevents,
	Uses:     []Part{Negatives},
	New:      func() parallax.Method { return NewDCLW() },
}

// DCL is SimCLR without the positive in the denominator. DCLW adds weights that are larger for positives farther apart.
// The loss has no lower bound at 0.
type DCL struct {
	Temperature    float64 // τ, which divides the cosines
	Sigma          float64 // σ of DCLW's weights; 0: all weights are 1
	WeightGradient bool    // a gradient passes through the weights; lightly's are constant
	Symmetric      bool    // all views are anchors; off: only the first
	Negatives      bool    // off: only the positives' mean -cos/τ is left, which a constant embedding minimises
	ViewCount      int     // views of an image; 2 in the paper
	Projector      nn.MLP  // SimCLR's

	encoder parallax.Encoder
}

// NewDCL returns DCL with the paper's hyperparameters.
func NewDCL() *DCL {
	return &DCL{
		Temperature: 0.1,
		Symmetric:   true,
		Negatives:   true,
		ViewCount:   2,
		Projector:   nn.MLP{Widths: []int{2048, 128}, BatchNorm: true},
	}
}

// NewDCLW returns DCLW with the paper's hyperparameters.
func NewDCLW() *DCL {
	m := NewDCL()
	m.Sigma = 0.5
	return m
}

// Validate checks the hyperparameters.
func (m *DCL) Validate() error {
	return part.First(
		part.Positive("temperature", m.Temperature),
		part.NonNegative("sigma", m.Sigma),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns views of SimCLR's recipe.
func (m *DCL) Views(size int) []augment.Recipe {
	return part.InTurn(m.ViewCount, augment.SimCLRRecipe(size))
}

// Build makes the encoder.
func (m *DCL) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	return m.encoder
}

// Forward returns z of every view.
func (m *DCL) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is the paper's L_DC and, with weights, L_DCW. There is one logarithm, over the negatives of all views; lightly
// had one for each of two views until its pull request 1827.
func (m *DCL) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	c := part.NewContrast(s, z, m.Temperature)
	anchors := 1
	if m.Symmetric {
		anchors = len(z)
	}
	var terms []torch.Tensor
	for i := range anchors {
		for j := range z {
			if i != j {
				cosines := c.Views[i].Mul(c.Views[j]).Sum(1) // N: cos(zᵢ,zⱼ)
				terms = append(terms, m.weights(cosines).Mul(cosines).Mean().Scale(1/m.Temperature))
			}
		}
	}
	attraction := part.Mean(terms)
	repulsion := c.LogSum(c.Negatives).Narrow(0, 0, anchors*c.Views[0].Size(0)).Mean()
	s.Report("attraction", attraction.Neg())
	s.Report("repulsion", repulsion)
	if !m.Negatives {
		return attraction.Neg()
	}
	return repulsion.Sub(attraction)
}

// weights returns wᵢ = 2 - N softmaxᵢ(cosᵢ/σ), whose mean is 1.
func (m *DCL) weights(cosines torch.Tensor) torch.Tensor {
	if m.Sigma == 0 {
		return torch.Ones(cosines.DType(), cosines.Size(0))
	}
	if !m.WeightGradient {
		cosines = cosines.Detach()
	}
	return cosines.Scale(1 / m.Sigma).Softmax(0).Scale(-float64(cosines.Size(0))).Shift(2)
}

// Collapsed is the loss of equal embeddings: the sum has the 2N-2 views of other images.
func (m *DCL) Collapsed(batch int) parallax.Collapsed {
	return part.Contrastive(math.Log(float64(m.ViewCount*(batch-1))), m.Negatives, m.Temperature)
}
