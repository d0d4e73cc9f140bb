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

var wmseEntry = Entry{
	Name:  "wmse",
	Title: "W-MSE",
	Date:  "2020-07",
	Paper: "Ermolov, Siarohin, Sangineto & Sebe: Whitening for Self-Supervised Representation Learning. ICML 2021, " +
		"arXiv:2007.06346",
	Equation: "L = 2/(N V(V-1)) Σ over the pairs of V views of ‖z̄ⁱ - z̄ʲ‖²,  z = L⁻¹(v - µ),  LLᵀ = Σ, with µ and Σ " +
		"of v's slice of the batch",
	Collapse: "whitening: within every slice of the batch the covariance of the embeddings is the identity, whatever " +
		"the network does",
	Prevents: []Switch{
		{[]string{"method.whitening=false"}, "only the distance is left, which a constant minimises"},
	},
	Uses: []Part{Statistics},
	New:  func() parallax.Method { return NewWMSE() },
}

// WMSE draws the views together after whitening each view over slices of the batch.
type WMSE struct {
	ViewCount int // V, views of an image: 2 or 4 (d in the paper)
	// w, the number of rows whitened together: 128 for CIFAR, 256 with 128 features (section 4.2); at most the batch
	Slice int
	// random partitions of the batch, over which the loss is averaged: 1, and 4 for STL-10 and Tiny ImageNet
	Iterations int
	Whitening  bool     // without it nothing prevents collapse
	Eps        float64  // ε of (1-ε)Σ + εI; if that is not positive definite, larger ones are tried and reported
	Distance   Distance // cosine, or euclidean: the mean square without normalising
	Projector  nn.MLP   // two layers, batch norm on the hidden one (the official code)

	encoder parallax.Encoder
}

// Distance is W-MSE's distance between whitened embeddings: cosine, that of unit vectors, 2 - 2 cos, or euclidean, the
// mean square.
type Distance string

// NewWMSE returns W-MSE with the paper's hyperparameters for two views on CIFAR.
func NewWMSE() *WMSE {
	return &WMSE{
		ViewCount:  2,
		Slice:      128,
		Iterations: 1,
		Whitening:  true,
		Distance:   "cosine",
		Projector:  nn.MLP{Widths: []int{1024, 64}, BatchNorm: true},
	}
}

// Validate checks the hyperparameters.
func (m *WMSE) Validate() error {
	return part.First(
		part.AtLeast("view_count", m.ViewCount, 2),
		part.AtLeast("slice", m.Slice, 2),
		part.AtLeast("iterations", m.Iterations, 1),
		part.Fraction("eps", m.Eps),
		part.OneOf("distance", m.Distance, "cosine", "euclidean"),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns views of one recipe.
func (m *WMSE) Views(size int) []augment.Recipe {
	return part.InTurn(m.ViewCount, augment.WMSERecipe(size))
}

// Build makes the encoder.
func (m *WMSE) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	return m.encoder
}

// Forward returns v of every view. As in the official code, all views go through the projector together, so that its
// batch norm sees them together.
func (m *WMSE) Forward(s *parallax.Step) []torch.Tensor {
	return part.BySize(m.encoder.Projector, parallax.Each(m.encoder.Backbone, s.Views), s.Views)
}

// Loss is equation 6 for random partitions of the batch, which are the same for all views (section 3.2).
func (m *WMSE) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z = part.Gather(s, z)
	partitions := make([][]int, m.Iterations)
	for i := range partitions {
		partitions[i] = s.Rand.Perm(z[0].Size(0))
	}
	return m.LossOf(s, z, partitions)
}

// LossOf is the loss for given partitions. A partition is a permutation of the rows, which are cut into slices in that
// order.
func (m *WMSE) LossOf(s *parallax.Step, z []torch.Tensor, partitions [][]int) torch.Tensor {
	var losses []torch.Tensor
	largest, escalations := m.Eps, 0
	for _, order := range partitions {
		w := make([]torch.Tensor, len(z))
		for i := range z {
			w[i] = z[i]
			if m.Whitening {
				var eps float64
				var raised int
				w[i], eps, raised = Whiten(z[i], order, m.Slice, m.Eps)
				largest, escalations = math.Max(largest, eps), escalations+raised
			}
		}
		losses = append(losses, part.Pairwise(w, m.distance))
	}
	if m.Whitening {
		n := len(partitions[0])
		s.Report("epsilon", torch.Full(largest, torch.F32))
		s.Report("escalations", torch.Full(float64(escalations), torch.F32))
		s.Report("dropped", torch.Full(float64(n%min(n, m.Slice)), torch.F32)) // rows of every view in no slice
	}
	return part.Mean(losses)
}

func (m *WMSE) distance(a, b torch.Tensor) torch.Tensor {
	if m.Distance == "euclidean" {
		return a.Sub(b).Square().Mean()
	}
	return part.Cosine(a, b).Scale(-2).Shift(2) // ‖ā - b̄‖² = 2 - 2 cos
}

// Whiten takes the rows v of z, N x d, in the given order, and whitens every slice of them by its own mean and
// covariance, Σ = LLᵀ over w-1. It returns the rows L⁻¹(v - µ), in that order. Rows after the last whole slice are
// dropped; a batch with fewer rows than a slice is one slice. If (1-ε)Σ + εI has no Cholesky factor, or if ε = 0 and a
// slice has too few rows, ε is raised, at least to 1e-6 and then a hundredfold each time. Whiten returns the ε that it
// used, and how often it was raised.
func Whiten(z torch.Tensor, order []int, slice int, eps float64) (white torch.Tensor, used float64, raised int) {
	slice = min(slice, len(order))
	slices, d := len(order)/slice, z.Size(1)
	v := z.IndexSelect(0, torch.FromInts(order[:slices*slice], slices*slice)).Reshape(slices, slice, d)
	centred := v.Sub(v.MeanKeep(1)).Transpose(1, 2)                                   // slices x d x w
	covariance := centred.MatMul(centred.Transpose(1, 2)).Scale(1 / float64(slice-1)) // Σ: slices x d x d
	singular := slice <= d && eps == 0
	for {
		if !singular {
			l, ok := covariance.Scale(1 - eps).Add(torch.Eye(d, z.DType()).Scale(eps)).Cholesky()
			if ok || eps == 1 {
				white = l.SolveTriangular(centred, false).Transpose(1, 2).Reshape(slices*slice, d) // L⁻¹(v - µ)
				return white, eps, raised
			}
		}
		eps, raised, singular = math.Min(1, math.Max(1e-6, 100*eps)), raised+1, false
	}
}

// Collapsed is the minimum without whitening. Whitening amplifies tiny differences until all is noise, whose cosines
// are 0; the euclidean distance is then that of noise, not that of the constant.
func (m *WMSE) Collapsed(int) parallax.Collapsed {
	if m.Whitening {
		c := part.Chance(2, "slices with few more rows than there are features (method.slice), whose whitening "+
			"amplifies noise")
		c.Value.Known = m.Distance == "cosine"
		return c
	}
	c := part.Minimum(0, "without whitening (method.whitening) nothing keeps embeddings apart")
	c.SeesLength = m.Distance == "euclidean"
	return c
}
