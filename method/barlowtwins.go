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

var barlowTwinsEntry = Entry{
	Name:  "barlowtwins",
	Title: "Barlow Twins",
	Date:  "2021-03",
	Paper: "Zbontar, Jing, Misra, LeCun & Deny: Barlow Twins: Self-Supervised Learning via Redundancy Reduction. " +
		"ICML 2021, arXiv:2103.03230",
	Equation: "L = Σᵢ (1 - Cᵢᵢ)² + λ Σ_{i≠j} Cᵢⱼ²,  C the correlation over the batch of the features of zᴬ with " +
		"those of zᴮ",
	Collapse: "the diagonal of the cross-correlation: a constant feature correlates with nothing; redundancy " +
		"reduction keeps features from repeating each other",
	Prevents: []Switch{
		{[]string{"method.lambda=0"}, "without the redundancy term all features may become one"},
		{[]string{"method.on_diagonal=0"}, "without the diagonal a constant has the smallest loss"},
	},
	Uses: []Part{Statistics},
	New:  func() parallax.Method { return NewBarlowTwins() },
}

// BarlowTwins makes the cross-correlation of the two views' features the identity.
type BarlowTwins struct {
	OnDiagonal float64     // weight of the invariance term; 0 leaves it out
	Lambda     float64     // λ of the redundancy term; 0 leaves it out
	Scale      float64     // factor of the whole loss; 0.024 in the official code until June 2021
	Centring   bool        // subtract each feature's mean over the batch; part of the definition
	Deviation  Correlation // biased, or unbiased as in the paper's algorithm 1
	ViewCount  int         // views of an image; with more than 2, the mean over all pairs
	// the paper's three layers; the official last layer has no bias, which centring would remove anyway
	Projector nn.MLP

	encoder parallax.Encoder
}

// Correlation is the standard deviation that Barlow Twins divides by: biased, with ε = 1e-5 (batch norm, as in the
// official code), so that a feature's correlation with itself is 1; or unbiased without ε, so that this correlation is
// (N-1)/N.
type Correlation string

// NewBarlowTwins returns Barlow Twins with the paper's hyperparameters, and the official code's λ; the paper has 5e-3.
func NewBarlowTwins() *BarlowTwins {
	return &BarlowTwins{
		OnDiagonal: 1,
		Lambda:     0.0051,
		Scale:      1,
		Centring:   true,
		Deviation:  "biased",
		ViewCount:  2,
		Projector:  nn.MLP{Widths: []int{8192, 8192, 8192}, BatchNorm: true},
	}
}

// Validate checks the hyperparameters.
func (m *BarlowTwins) Validate() error {
	return part.First(
		part.NonNegative("on_diagonal", m.OnDiagonal),
		part.NonNegative("lambda", m.Lambda),
		part.Positive("scale", m.Scale),
		part.OneOf("deviation", m.Deviation, "biased", "unbiased"),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns BYOL's two recipes, as section 2.2 says, in turn.
func (m *BarlowTwins) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes the encoder.
func (m *BarlowTwins) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	return m.encoder
}

// Forward returns z of every view.
func (m *BarlowTwins) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is equation 1. The official code once scaled it, which with LARS affected only biases and norms. Commit 046eec3
// of facebookresearch/barlowtwins gives these a learning rate of their own instead.
func (m *BarlowTwins) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	var on, off []torch.Tensor
	total := part.Pairwise(part.Gather(s, z), func(a, b torch.Tensor) torch.Tensor {
		c := m.CrossCorrelation(a, b)
		i := len(on)
		on = append(on, c.Diagonal().Shift(-1).Square().Sum()) // Σᵢ (1 - Cᵢᵢ)²
		off = append(off, c.OffDiagonal().Square().Sum())      // Σ_{i≠j} Cᵢⱼ²
		return on[i].Scale(m.OnDiagonal).Add(off[i].Scale(m.Lambda))
	})
	s.Report("on_diagonal", part.Mean(on))
	s.Report("off_diagonal", part.Mean(off))
	return total.Scale(m.Scale)
}

// CrossCorrelation returns C, d x d, of the embeddings of two views, N x d each (equation 2).
func (m *BarlowTwins) CrossCorrelation(a, b torch.Tensor) torch.Tensor {
	return m.standardized(a).T().MatMul(m.standardized(b)).Scale(1 / float64(a.Size(0)))
}

// standardized returns each feature of z, N x d, divided by its standard deviation. Without centring it divides by the
// root of the mean square, and C is what some texts call Barlow Twins' cross-correlation.
func (m *BarlowTwins) standardized(z torch.Tensor) torch.Tensor {
	n, eps := float64(z.Size(0)), 1e-5
	if !m.Centring {
		return z.Normalize(0).Scale(math.Sqrt(n))
	}
	z = z.Sub(z.MeanKeep(0))
	if m.Deviation == "unbiased" {
		n, eps = n-1, 0
	}
	return z.Div(z.Square().Sum(0).Scale(1 / n).Shift(eps).Sqrt())
}

// Collapsed is (1 - 0)² for every feature, because nothing correlates with a constant. Without centring all
// correlations are 1 or -1.
func (m *BarlowTwins) Collapsed(int) parallax.Collapsed {
	d := float64(m.Projector.Out(m.encoder.Features))
	loss := m.OnDiagonal * d
	if !m.Centring {
		loss = m.Lambda * d * (d - 1)
	}
	c := part.LeastAtZero(m.Scale*loss, "no diagonal term (method.on_diagonal) or no centring, which complete "+
		"collapse needs, or no redundancy term (method.lambda), without which dimensions repeat each other")
	c.Value.Known = !m.Centring || m.Deviation == "biased" // unbiased is 0/0
	return c
}
