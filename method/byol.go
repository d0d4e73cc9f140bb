// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var byolEntry = Entry{
	Name:     "byol",
	Title:    "BYOL",
	Date:     "2020-06",
	Paper:    "Grill et al.: Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning. NeurIPS 2020, arXiv:2006.07733",
	Equation: "L = ‖p̄₁ - z̄'₂‖² + ‖p̄₂ - z̄'₁‖² = 4 - 2 cos(p₁, z'₂) - 2 cos(p₂, z'₁);  ξ ← τξ + (1-τ)θ after each step",
	Collapse: "a predictor and a target network that is a moving average of the online one and gets no gradient",
	New:      func() parallax.Method { return NewBYOL() },
}

// BYOL predicts, from one view, the embedding that a slowly moving copy of the network gives the other view.
type BYOL struct {
	TargetMode          Target    // ema; gradient: the loss trains ξ, too, without a stop-gradient, from the same start as θ; fixed: ξ stays as it began
	TargetMomentum      float64   // τ at the start: 0.996 for 1,000 epochs, 0.99 for 300 (section 3.3, appendix)
	FinalTargetMomentum float64   // τ at the end, reached along half a cosine; equal to the first: constant
	Projector           nn.MLP    // g, two layers
	Predictor           nn.MLP    // q, of the projector's shape
	PredictorMode       Predictor // trained, fixed at its initialisation, or none
	PredictorForm       string    // mlp; linear: one layer without bias in its place; symmetric: that, whose weights W become (W + Wᵀ)/2 after every step; symmetric_mlp: two layers, whose W₁ and W₂ᵀ become their mean; direct: one layer that is set, not trained (DirectPred, arXiv:2102.06810)
	Direct              Direct    // how that one is set
	PredictorRateFactor float64   // of the predictor's learning rate: 10 for a target without moving average (table 21)
	ProjectorRateFactor float64   // of the projector's: without moving average it must be below the predictor's (table 22)
	EncoderDecay        bool      // weight decay for all; off: for the predictor alone (DirectPred, table 5)
	Symmetric           bool      // both directions, as in the paper; off: only p₁ with z'₂
	ViewCount           int       // 2 in the paper; more: the mean over all ordered pairs of views, twice it when symmetric, so that two views give the sum

	encoder   parallax.Encoder
	target    target
	predictor nn.Layer
	tied      tied   // of a symmetric predictor
	direct    direct // of one that is set
}

// NewBYOL returns BYOL with the paper's hyperparameters.
func NewBYOL() *BYOL {
	return &BYOL{
		TargetMode:          "ema",
		TargetMomentum:      0.996,
		FinalTargetMomentum: 1,
		Projector:           nn.MLP{Widths: []int{4096, 256}, BatchNorm: true},
		Predictor:           nn.MLP{Widths: []int{4096, 256}, BatchNorm: true},
		PredictorMode:       "trained",
		PredictorForm:       "mlp",
		Direct:              Direct{Rho: 0.3, Epsilon: 0.1, Every: 1},
		PredictorRateFactor: 1,
		ProjectorRateFactor: 1,
		EncoderDecay:        true,
		Symmetric:           true,
		ViewCount:           2,
	}
}

// Validate checks the hyperparameters.
func (m *BYOL) Validate() error {
	return first(
		oneOf("target_mode", m.TargetMode, "ema", "gradient", "fixed"),
		fraction("target_momentum", m.TargetMomentum),
		fraction("final_target_momentum", m.FinalTargetMomentum),
		atLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		matching(m.PredictorMode, m.Predictor, m.Projector),
		oneOf("predictor_form", m.PredictorForm, "mlp", "linear", "symmetric", "symmetric_mlp", "direct"),
		tieable(m.PredictorForm, m.Predictor),
		m.Direct.Validate(),
		positive("predictor_rate_factor", m.PredictorRateFactor),
		positive("projector_rate_factor", m.ProjectorRateFactor),
	)
}

// Views returns BYOL's two recipes, which differ in blur and solarisation (appendix B, table 6), in turn.
func (m *BYOL) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return inTurn(m.ViewCount, one, other)
}

// Build makes the online network θ (encoder and predictor) and the target ξ (encoder).
func (m *BYOL) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = encoder(b, b.Params, m.Projector)
	var form shape = m.Predictor
	if m.PredictorForm == "linear" || m.PredictorForm == "symmetric" || m.PredictorForm == "direct" {
		form = square{}
	}
	m.predictor = predictor(b, form, m.PredictorMode, m.Projector.Out(b.Backbone.Features()))
	m.tied = tie(b.Params, m.PredictorForm)
	m.tied.mean()
	m.direct = m.Direct.set(b.Params, m.PredictorForm, m.PredictorMode)
	m.target = newTarget(b, m.Projector, m.TargetMode)
	return predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Forward returns the target's z'₁, z'₂ ... and then the online p₁, p₂ ...
func (m *BYOL) Forward(s *parallax.Step) []torch.Tensor {
	p := m.direct.predict(s, m.predictor, embed(m.encoder, s.Views))
	return append(m.target.embed(s.Views), p...)
}

// Loss is the sum of equation 2 over both directions: ‖p̄ - z̄'‖² = 2 - 2 cos(p, z').
func (m *BYOL) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := halves(z)
	s.Report("cosine", cosine(p[0].Detach(), z[1].Detach()))
	if m.TargetMode != "gradient" {
		z = detached(z)
	}
	loss := directions(p, z, m.Symmetric, func(p, z torch.Tensor) torch.Tensor {
		return cosine(p, z).Scale(-2).Shift(2)
	})
	if m.Symmetric {
		loss = loss.Scale(2) // the sum, where directions takes the mean
	}
	return loss
}

// Groups has the rates of predictor and projector, and what weight decay leaves out.
func (m *BYOL) Groups(*parallax.Step) []nn.Group {
	return []nn.Group{
		{Prefix: "predictor.", Scale: m.PredictorRateFactor},
		{Prefix: "projector.", Scale: m.ProjectorRateFactor, Undecayed: !m.EncoderDecay},
		{Scale: 1, Undecayed: !m.EncoderDecay},
	}
}

// Update sets what of the predictor is set, and moves the target after the optimiser's step: ξ ← τξ + (1-τ)θ, τ on its cosine.
func (m *BYOL) Update(s *parallax.Step) {
	m.tied.mean()
	m.direct.update(s)
	m.target.follow(nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
}
