// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var simSiamEntry = Entry{
	Name:     "simsiam",
	Title:    "SimSiam",
	Date:     "2020-11",
	Paper:    "Chen & He: Exploring Simple Siamese Representation Learning. CVPR 2021, arXiv:2011.10566",
	Equation: "L = ½ D(pᴬ, sg(zᴮ)) + ½ D(pᴮ, sg(zᴬ)),  D(p, z) = -cos(p, z)",
	Collapse: "a stop-gradient on one side and a predictor on the other: without the stop-gradient the outputs " +
		"become constant",
	Prevents: []Switch{
		{
			[]string{"method.stop_gradient=false"},
			"without the stop-gradient both sides may become the same constant (section 4.1)",
		},
		{
			[]string{"method.predictor_mode=none"},
			"without the predictor the stop-gradient only halves the gradient (section 4.2)",
		},
	},
	New: func() parallax.Method { return NewSimSiam() },
}

// SimSiam predicts, from the embedding of one view, that of the other view, which a stop-gradient holds constant.
type SimSiam struct {
	Projector     nn.MLP         // three layers, batch norm after each, the last without affine; part of f in the paper
	Predictor     nn.MLP         // q, a bottleneck of two layers, batch norm on the hidden one; h in the paper
	PredictorMode part.Predictor // trained; fixed at its initialisation (table 1b); none (table 1a)
	PredictorRate part.Rate      // constant: the predictor's learning rate does not decay (table 1c, official default)
	StopGradient  bool           // sg; without it the method collapses (section 4.1)
	// k: an older network gives the targets and is renewed every k steps (section 5.2: 10, 100); 1: no older network
	TargetEvery int
	Symmetric   bool       // both directions; off: only D(pᴬ, sg(zᴮ)) (section 4.6)
	Similarity  Similarity // cosine, or cross_entropy between softmaxes (section 4.5)
	ViewCount   int        // views of an image; 2 in the paper. With more, the mean over all ordered pairs

	encoder   parallax.Encoder
	target    part.Target // the older network, if TargetEvery is more than 1
	predictor nn.Layer
}

// Similarity is how SimSiam compares p and z: cosine or cross_entropy.
type Similarity string

// NewSimSiam returns SimSiam with the paper's hyperparameters.
func NewSimSiam() *SimSiam {
	return &SimSiam{
		Projector:     nn.MLP{Widths: []int{2048, 2048, 2048}, BatchNorm: true, OutputNorm: true},
		Predictor:     nn.MLP{Widths: []int{512, 2048}, BatchNorm: true},
		PredictorMode: "trained",
		PredictorRate: "constant",
		StopGradient:  true,
		TargetEvery:   1,
		Symmetric:     true,
		Similarity:    "cosine",
		ViewCount:     2,
	}
}

// Validate checks the hyperparameters.
func (m *SimSiam) Validate() error {
	return part.First(
		part.OneOf("predictor_rate", m.PredictorRate, "constant", "scheduled"),
		part.OneOf("similarity", m.Similarity, "cosine", "cross_entropy"),
		part.AtLeast("target_every", m.TargetEvery, 1),
		m.alternating(),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		part.Matching(m.PredictorMode, m.Predictor, m.Projector),
	)
}

// Views returns views of one recipe (appendix A).
func (m *SimSiam) Views(size int) []augment.Recipe {
	return part.InTurn(m.ViewCount, augment.SimSiamRecipe(size))
}

// Build makes backbone, projector and predictor, and the older network if there is one.
func (m *SimSiam) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	if m.TargetEvery > 1 {
		m.target = part.NewTarget(b, m.Projector, "ema")
	}
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, m.Projector.Out(b.Backbone.Features()))
	return part.Predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Groups keeps the predictor's learning rate constant, if so set.
func (m *SimSiam) Groups(*parallax.Step) []nn.Group { return m.PredictorRate.Groups() }

// Forward returns zᴬ, zᴮ ..., from the older network if there is one, and then pᴬ, pᴮ ...
func (m *SimSiam) Forward(s *parallax.Step) []torch.Tensor {
	z := part.Embed(m.encoder, s.Views)
	p := parallax.Each(m.predictor, z)
	if m.TargetEvery > 1 {
		z = m.target.Embed(s.Views)
	}
	return append(z, p...)
}

// Update renews the older network after every k-th step: η ← F_θ (equation 10).
func (m *SimSiam) Update(s *parallax.Step) {
	if m.TargetEvery > 1 {
		m.target.FollowEvery(s, m.TargetEvery, 0)
	}
}

// Loss is equation 2.
func (m *SimSiam) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(z)
	s.Report("cosine", part.Cosine(p[0].Detach(), z[1].Detach()))
	return part.Directions(p, z, m.Symmetric, m.d) // ½ D(pᴬ, sg(zᴮ)) + ½ D(pᴮ, sg(zᴬ))
}

// d is D(p, sg(z)), averaged over the batch.
func (m *SimSiam) d(p, z torch.Tensor) torch.Tensor {
	if m.StopGradient {
		z = z.Detach()
	}
	if m.Similarity == "cross_entropy" {
		return z.Softmax(1).Mul(p.LogSoftmax(1)).Sum(1).Mean().Neg() // -softmax(z)·log softmax(p)
	}
	return part.Cosine(p, z).Neg() // -p·z / (‖p‖ ‖z‖)
}

// alternating refuses a gradient through the targets of an older network.
func (m *SimSiam) alternating() error {
	if m.TargetEvery > 1 && !m.StopGradient {
		return fmt.Errorf("method.target_every is %d: the targets come from an older network, which gets no "+
			"gradient, so leave method.stop_gradient on", m.TargetEvery)
	}
	return nil
}

// Collapsed is the minimum for the cosine. The cross-entropy is least for a one-hot softmax, which is never reached, so
// its loss at a collapse is not known.
func (m *SimSiam) Collapsed(int) parallax.Collapsed {
	c := part.Minimum(-1, "no stop-gradient (method.stop_gradient), no predictor (method.predictor_mode), or one "+
		"that learns more slowly than the encoder (method.predictor_rate)")
	c.Value.Known = m.Similarity == "cosine"
	return c
}
