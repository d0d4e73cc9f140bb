// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var nnBYOLEntry = Entry{
	Name:  "nnbyol",
	Title: "NNBYOL",
	Date:  "2021-04",
	Paper: "BYOL with the neighbours of NNCLR, Dwibedi et al.: With a Little Help from My Friends. ICCV 2021, " +
		"arXiv:2104.14548; after solo-learn",
	Equation: "L = 4 - 2 cos(p₁, nn(z'₂,Q)) - 2 cos(p₂, nn(z'₁,Q)), Q a queue of earlier z';  ξ ← τξ + (1-τ)θ after " +
		"each step",
	Collapse: "as in BYOL, a predictor and a target that is a moving average; what is predicted is another image",
	Prevents: []Switch{
		{
			[]string{"method.predictor_mode=none"},
			"the online network would follow its own average, which agrees with it on a constant",
		},
	},
	New: func() parallax.Method { return NewNNBYOL() },
}

// NNBYOL predicts, from one view, the nearest neighbour of the embedding that the target gives the other view.
type NNBYOL struct {
	TargetMomentum      float64        // τ at the start, as in BYOL
	FinalTargetMomentum float64        // τ at the end, reached along half a cosine; equal to the first: constant
	Neighbour           bool           // nn(z',Q); off: the view's own z' in its place, which is BYOL
	Queue               int            // how many earlier z' the neighbour is looked for among
	EnqueueAll          bool           // the queue takes z' of all views; off: of the first alone
	Projector           nn.MLP         // BYOL's
	Predictor           nn.MLP         // of the projector's shape
	PredictorMode       part.Predictor // trained, fixed at its initialisation, or none
	Symmetric           bool           // both directions; off: only p₁ with nn(z'₂)
	ViewCount           int            // more than 2: twice the mean over all ordered pairs of views

	encoder   parallax.Encoder
	target    part.Target
	predictor nn.Layer
	queue     *nn.Queue
}

// NewNNBYOL returns NNBYOL with BYOL's hyperparameters and NNCLR's queue.
func NewNNBYOL() *NNBYOL {
	return &NNBYOL{
		TargetMomentum:      0.996,
		FinalTargetMomentum: 1,
		Neighbour:           true,
		Queue:               98304,
		Projector:           nn.MLP{Widths: []int{4096, 256}, BatchNorm: true},
		Predictor:           nn.MLP{Widths: []int{4096, 256}, BatchNorm: true},
		PredictorMode:       "trained",
		Symmetric:           true,
		ViewCount:           2,
	}
}

// Validate checks the hyperparameters.
func (m *NNBYOL) Validate() error {
	return part.First(
		part.Fraction("target_momentum", m.TargetMomentum),
		part.Fraction("final_target_momentum", m.FinalTargetMomentum),
		part.AtLeast("queue", m.Queue, 1),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		part.Matching(m.PredictorMode, m.Predictor, m.Projector),
	)
}

// Views returns BYOL's two recipes, in turn.
func (m *NNBYOL) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes the online network, the target and the queue.
func (m *NNBYOL) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	d := m.Projector.Out(b.Backbone.Features())
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, d)
	m.target = part.NewTarget(b, m.Projector, "ema")
	m.queue = nn.NewQueue(b.Params.Sub("queue"), m.Queue, d, m.ViewCount*b.Batch)
	return part.Predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Forward returns the target's z'₁, z'₂ ... and then the online p₁, p₂ ..., and offers z' to the queue.
func (m *NNBYOL) Forward(s *parallax.Step) []torch.Tensor {
	p := parallax.Each(m.predictor, part.Embed(m.encoder, s.Views))
	z := m.target.Embed(s.Views)
	part.Offer(s, m.queue, z, m.EnqueueAll)
	return append(z, p...)
}

// Loss is BYOL's, each target replaced by its nearest neighbour.
func (m *NNBYOL) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(z)
	loss := part.Directions(p, z, m.Symmetric, func(p, z torch.Tensor) torch.Tensor {
		return part.Cosine(p, part.Neighbour(z, m.queue, m.Neighbour)).Scale(-2).Shift(2) // 2 - 2 cos(p, nn(z'))
	})
	if m.Symmetric {
		loss = loss.Scale(2) // the sum, where directions takes the mean
	}
	s.Report("cosine", part.Cosine(p[0].Detach(), z[1]))
	return loss
}

// Update moves the target after the optimiser's step, and enqueues z'.
func (m *NNBYOL) Update(s *parallax.Step) {
	m.target.Follow(nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
	m.queue.Enqueue()
}

// Collapsed is BYOL's.
func (m *NNBYOL) Collapsed(int) parallax.Collapsed { return part.Minimum(0, byolCauses) }
