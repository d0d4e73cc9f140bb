// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var byolEntry = Entry{
	Name:  "byol",
	Title: "BYOL",
	Date:  "2020-06",
	Paper: "Grill et al.: Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning. NeurIPS 2020, " +
		"arXiv:2006.07733",
	Equation: "L = ‖p̄ᴬ - z̄'ᴮ‖² + ‖p̄ᴮ - z̄'ᴬ‖² = 4 - 2 cos(pᴬ, z'ᴮ) - 2 cos(pᴮ, z'ᴬ);  φ ← mφ + (1-m)θ after each " +
		"step",
	Collapse: "a predictor and a target network that is a moving average of the online one and gets no gradient",
	Prevents: []Switch{
		{
			[]string{"method.predictor_mode=none"},
			"the online network follows its own average, and a constant satisfies both",
		},
		{
			[]string{"method.target_mode=gradient"},
			"the loss trains the target, too, and a constant satisfies both networks",
		},
	},
	New: func() parallax.Method { return NewBYOL() },
}

// BYOL predicts, from one view, the embedding of the other view by a slowly moving copy of the network.
type BYOL struct {
	// ema: φ is a moving average of θ; gradient: the loss trains φ, too, without a stop-gradient; fixed: φ is not
	// changed. In all modes φ starts as a copy of θ
	TargetMode     part.TargetMode
	TargetMomentum float64 // m at the start: 0.996 for 1,000 epochs, 0.99 for 300 (section 3.3, appendix)
	// m at the end, reached along half a cosine; if equal to the first, m is constant
	FinalTargetMomentum float64
	Projector           nn.MLP         // g, two layers
	Predictor           nn.MLP         // q, of the projector's shape
	PredictorMode       part.Predictor // trained, fixed at its initialisation, or none
	// factor of the predictor's learning rate; 10 for a target without moving average (table 21)
	PredictorRateFactor float64
	// factor of the projector's learning rate; without moving average it must be below the predictor's (table 22)
	ProjectorRateFactor float64
	EncoderDecay        bool // weight decay for all parameters; off: only for the predictor (DirectPred, table 5)
	Symmetric           bool // both directions, as in the paper; off: only pᴬ with z'ᴮ
	// views of an image; 2 in the paper. With more, the mean over all ordered pairs; if symmetric twice that, so that
	// two views give the sum
	ViewCount int

	encoder   parallax.Encoder
	target    part.Target
	predictor nn.Layer
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
		PredictorRateFactor: 1,
		ProjectorRateFactor: 1,
		EncoderDecay:        true,
		Symmetric:           true,
		ViewCount:           2,
	}
}

// Validate checks the hyperparameters.
func (m *BYOL) Validate() error {
	return part.First(
		part.OneOf("target_mode", m.TargetMode, "ema", "gradient", "fixed"),
		part.Fraction("target_momentum", m.TargetMomentum),
		part.Fraction("final_target_momentum", m.FinalTargetMomentum),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		part.Matching(m.PredictorMode, m.Predictor, m.Projector),
		part.Positive("predictor_rate_factor", m.PredictorRateFactor),
		part.Positive("projector_rate_factor", m.ProjectorRateFactor),
	)
}

// Views returns BYOL's two recipes, which differ in blur and solarisation (appendix B, table 6), in turn.
func (m *BYOL) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes the online network θ (encoder and predictor) and the target φ (encoder; ξ in the paper).
func (m *BYOL) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, m.Projector.Out(b.Backbone.Features()))
	m.target = part.NewTarget(b, m.Projector, m.TargetMode)
	return part.Predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Forward returns the target's z'ᴬ, z'ᴮ ... and then the online pᴬ, pᴮ ...
func (m *BYOL) Forward(s *parallax.Step) []torch.Tensor {
	p := parallax.Each(m.predictor, part.Embed(m.encoder, s.Views))
	return append(m.target.Embed(s.Views), p...)
}

// Loss is the sum of equation 2 over both directions: ‖p̄ - z̄'‖² = 2 - 2 cos(p, z').
func (m *BYOL) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(z)
	s.Report("cosine", part.Cosine(p[0].Detach(), z[1].Detach()))
	if m.TargetMode != "gradient" {
		z = part.Detached(z)
	}
	loss := part.Directions(p, z, m.Symmetric, func(p, z torch.Tensor) torch.Tensor {
		return part.Cosine(p, z).Scale(-2).Shift(2)
	})
	if m.Symmetric {
		loss = loss.Scale(2) // the sum; Directions takes the mean
	}
	return loss
}

// Groups sets the learning rates of predictor and projector, and the parameters without weight decay.
func (m *BYOL) Groups(*parallax.Step) []nn.Group {
	return []nn.Group{
		{Prefix: "predictor.", Scale: m.PredictorRateFactor},
		{Prefix: "projector.", Scale: m.ProjectorRateFactor, Undecayed: !m.EncoderDecay},
		{Scale: 1, Undecayed: !m.EncoderDecay},
	}
}

// Update moves the target after the optimiser's step: φ ← mφ + (1-m)θ, with m on its cosine.
func (m *BYOL) Update(s *parallax.Step) {
	m.target.Follow(s, nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
}

// Target is ξ, whose embeddings a run can measure as it does θ's.
func (m *BYOL) Target() parallax.Encoder { return m.target.Encoder }

// byolCauses are the usual causes of a collapse of BYOL and NNBYOL.
const byolCauses = "no predictor (method.predictor_mode), a target that the loss trains, too, or follows at once " +
	"(method.target_momentum), or a network without normalisation that was not started as batch norm would"

// Collapsed is the minimum, at which the prediction is exact.
func (m *BYOL) Collapsed(int) parallax.Collapsed { return part.Minimum(0, byolCauses) }
