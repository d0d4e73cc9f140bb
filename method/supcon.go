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

var supConEntry = Entry{
	Name:  "supcon",
	Title: "SupCon",
	Date:  "2020-04",
	Paper: "Khosla et al.: Supervised Contrastive Learning. NeurIPS 2020, arXiv:2004.11362",
	Equation: "L = mean over all views i of -1/|P(i)| Σ_{p∈P(i)} log( exp(cos(zᵢ,zₚ)/τ) / Σ_{k≠i} exp(cos(zᵢ,zₖ)/τ) " +
		"), P(i) the other views of i's class",
	Collapse: "negatives, as in SimCLR, but only of other classes; it uses labels",
	Prevents: []Switch{
		{[]string{"method.negatives=false"}, "only the attraction is left, which a constant embedding minimises"},
	},
	Uses: []Part{Negatives},
	New:  func() parallax.Method { return NewSupCon() },
}

// SupCon draws together the views of all images of one class. It is supervised. An image without a known label has only
// its own views as positives; without any label the method is SimCLR.
type SupCon struct {
	Temperature float64 // τ; 0.1 in the paper and in the commands of both official codes
	// the loss is multiplied by τ divided by this; 1 in the paper, 0.07 in HobbitLong/SupContrast; 0: it is not
	// multiplied
	BaseTemperature float64
	Form            SupConForm // out: the sum over positives is outside the logarithm; in: inside
	Negatives       bool       // off: only the positives' mean -cos/τ is left, which a constant embedding minimises
	ViewCount       int        // views of an image; 2 in the paper
	Projector       nn.MLP     // the paper's one hidden layer of 2,048, without batch norm as in both official codes

	encoder parallax.Encoder
}

// SupConForm is one of the paper's two losses: out, the better one (equation 2), or in (equation 3), the logarithm of
// the sum. As in solo-learn, in lacks the factor 1/|P(i)| inside the logarithm, which changes no gradient.
type SupConForm string

// NewSupCon returns SupCon with the paper's hyperparameters.
func NewSupCon() *SupCon {
	return &SupCon{
		Temperature: 0.1,
		Form:        "out",
		Negatives:   true,
		ViewCount:   2,
		Projector:   nn.MLP{Widths: []int{2048, 128}},
	}
}

// Validate checks the hyperparameters.
func (m *SupCon) Validate() error {
	return part.First(
		part.Positive("temperature", m.Temperature),
		part.NonNegative("base_temperature", m.BaseTemperature),
		part.OneOf("form", m.Form, "out", "in"),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

// Supervised says what the labels are for.
func (m *SupCon) Supervised() string { return "draws images of one class together" }

// Views returns views of SimCLR's recipe, as solo-learn does. The paper prefers AutoAugment for a ResNet-50. For CIFAR
// the official code has crops from 0.2 of the area, a jitter of 0.4, 0.4, 0.4 and 0.1, and no blur.
func (m *SupCon) Views(size int) []augment.Recipe {
	return part.InTurn(m.ViewCount, augment.SimCLRRecipe(size))
}

// Build makes the encoder.
func (m *SupCon) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	return m.encoder
}

// Forward returns z of every view.
func (m *SupCon) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is equation 2 or 3, as a mean over all views as anchors; the paper has a sum. The paper multiplies it by τ
// (section 4.5), the official code by τ over a base temperature of 0.07. By default neither is done, so that the best
// learning rate does not depend on τ.
func (m *SupCon) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	c := part.NewContrast(s, z, m.Temperature)
	p := c.Positives.Maximum(sameClass(s, len(z)).Minimum(c.Others)) // P(i)
	s.Report("positives", p.To(c.Logits.DType()).Sum(1).Mean())

	attraction := c.Mean(p) // 1/|P(i)| Σ_{p∈P(i)} cos(zᵢ,zₚ)/τ
	if m.Form == "in" {
		attraction = c.LogSum(p)
	}
	if !m.Negatives {
		return attraction.Mean().Scale(-m.scale())
	}
	return c.LogSum(c.Others).Sub(attraction).Mean().Scale(m.scale())
}

// scale is the factor of the loss.
func (m *SupCon) scale() float64 {
	if m.BaseTemperature == 0 {
		return 1
	}
	return m.Temperature / m.BaseTemperature
}

// sameClass is a mask, VN x VN, of the pairs of rows with the same known label.
func sameClass(s *parallax.Step, views int) torch.Tensor {
	labels := s.Gather(torch.FromInts(s.Labels, len(s.Labels)))
	labels = torch.Cat(0, part.Repeat(labels, views)...)
	known := labels.Ge(torch.Zeros(torch.I64))
	return labels.Unsqueeze(1).Eq(labels.Unsqueeze(0)).Minimum(known.Unsqueeze(0))
}

// Collapsed is SimCLR's. In the form in, the loss depends on how many images of the batch are of one class. Healthy
// embeddings of ten classes had a participation ratio of 1.9 on CIFAR-10.
func (m *SupCon) Collapsed(batch int) parallax.Collapsed {
	c := part.Contrastive(math.Log(float64(m.ViewCount*batch-1)), m.Negatives, m.Temperature)
	c.Value.Value *= m.scale()
	c.Value.Known = m.Form == "out" || !m.Negatives
	c.FewDirections = true
	return c
}
