// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var simSiamEntry = Entry{
	Name:     "simsiam",
	Title:    "SimSiam",
	Date:     "2020-11",
	Paper:    "Chen & He: Exploring Simple Siamese Representation Learning. CVPR 2021, arXiv:2011.10566",
	Equation: "L = ½ D(p₁, sg(z₂)) + ½ D(p₂, sg(z₁)),  D(p, z) = -cos(p, z)",
	Collapse: "stop-gradient on one side and a predictor on the other: without the stop-gradient the outputs become constant",
	New:      func() parallax.Method { return NewSimSiam() },
}

// SimSiam predicts one view's embedding from the other's, the target held still by a stop-gradient.
type SimSiam struct {
	Projector     nn.MLP     // the end of the paper's f: three layers, batch norm after each, the last without affine
	Predictor     nn.MLP     // the paper's h: a bottleneck of two layers, batch norm on the hidden one
	PredictorMode Predictor  // trained; fixed at its initialisation (table 1b); none (table 1a)
	PredictorForm string     // mlp; bias: p = z/‖z‖ + b, a trained vector alone (Zhang et al. 2022, arXiv:2203.16262)
	PredictorRate Rate       // constant: the predictor's learning rate does not decay (table 1c, official default)
	StopGradient  bool       // sg; without it the method collapses (section 4.1)
	TargetEvery   int        // k steps between two renewals of the network that gives the targets (section 5.2: 10, 100); 1: there is none apart
	Symmetric     bool       // both directions; off: only D(p₁, sg(z₂)) (section 4.6)
	Similarity    Similarity // cosine, or cross_entropy between softmaxes (section 4.5)
	Variance      float64    // of VICReg's variance term on every view's z, beside the loss: 1 in VICReg's experiment (arXiv:2105.04906, table 4); 0 is SimSiam
	Covariance    float64    // of its covariance term: 0.01 there
	ViewCount     int        // 2 in the paper; more: the mean over all ordered pairs of views

	encoder   parallax.Encoder
	target    target // where TargetEvery is more than 1
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
		PredictorForm: "mlp",
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
	return first(
		oneOf("predictor_form", m.PredictorForm, "mlp", "bias"),
		oneOf("predictor_rate", m.PredictorRate, "constant", "scheduled"),
		oneOf("similarity", m.Similarity, "cosine", "cross_entropy"),
		atLeast("target_every", m.TargetEvery, 1),
		m.alternating(),
		atLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		matching(m.PredictorMode, m.Predictor, m.Projector),
		nonNegative("variance", m.Variance),
		nonNegative("covariance", m.Covariance),
	)
}

// Views returns views of one recipe (appendix A).
func (m *SimSiam) Views(size int) []augment.Recipe {
	return inTurn(m.ViewCount, augment.SimSiamRecipe(size))
}

// Build makes f, backbone and projector, and h.
func (m *SimSiam) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = encoder(b, b.Params, m.Projector)
	if m.TargetEvery > 1 {
		m.target = newTarget(b, m.Projector, "ema")
	}
	var form shape = m.Predictor
	if m.PredictorForm == "bias" {
		form = offset{}
	}
	m.predictor = predictor(b, form, m.PredictorMode, m.Projector.Out(b.Backbone.Features()))
	return predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Groups keeps the predictor's learning rate constant when asked.
func (m *SimSiam) Groups(*parallax.Step) []nn.Group { return m.PredictorRate.groups() }

// Forward returns z₁, z₂ ..., of the older network where there is one, and then p₁, p₂ ...
func (m *SimSiam) Forward(s *parallax.Step) []torch.Tensor {
	z := embed(m.encoder, s.Views)
	p := parallax.Each(m.predictor, z)
	if m.TargetEvery > 1 {
		z = m.target.embed(s.Views)
	}
	return append(z, p...)
}

// Update renews the network that gives the targets after every k-th step: η ← F_θ (equation 10).
func (m *SimSiam) Update(s *parallax.Step) {
	if m.TargetEvery > 1 && (s.At+1)%m.TargetEvery == 0 {
		m.target.follow(0)
	}
}

// Loss is equation 2, and beside it what [SimSiam.spread] weighs.
func (m *SimSiam) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := halves(z)
	s.Report("cosine", cosine(p[0].Detach(), z[1].Detach()))
	loss := directions(p, z, m.Symmetric, m.d) // ½ D(p₁, sg(z₂)) + ½ D(p₂, sg(z₁))
	if m.Variance == 0 && m.Covariance == 0 {
		return loss
	}
	return loss.Add(m.spread(s, z))
}

// d is D(p, sg(z)), averaged over the batch.
func (m *SimSiam) d(p, z torch.Tensor) torch.Tensor {
	if m.StopGradient {
		z = z.Detach()
	}
	if m.Similarity == "cross_entropy" {
		return z.Softmax(1).Mul(p.LogSoftmax(1)).Sum(1).Mean().Neg() // -softmax(z)·log softmax(p)
	}
	return cosine(p, z).Neg() // -p·z / (‖p‖ ‖z‖)
}
