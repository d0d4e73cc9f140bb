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
	Equation: "L = 4 - 2 cos(pᴬ, nn(z'ᴮ,Q)) - 2 cos(pᴮ, nn(z'ᴬ,Q)), Q a queue of earlier z';  φ ← mφ + (1-m)θ after " +
		"each step",
	Collapse: "as in BYOL, a predictor and a target that is a moving average; but the prediction is of another image",
	Prevents: []Switch{
		{
			[]string{"method.predictor_mode=none"},
			"the online network follows its own average, and a constant satisfies both",
		},
	},
	New: func() parallax.Method { return NewNNBYOL() },
}

// NNBYOL predicts, from one view, the nearest neighbour of the target's embedding of the other view.
type NNBYOL struct {
	TargetMomentum float64 // m at the start, as in BYOL
	// m at the end, reached along half a cosine; if equal to the first, m is constant
	FinalTargetMomentum float64
	Neighbour           bool           // use nn(z',Q); off: the view's own z', which is BYOL
	Queue               int            // K, the number of earlier z' in which the neighbour is searched
	EnqueueAll          bool           // the queue takes z' of all views; off: only of the first
	Projector           nn.MLP         // BYOL's
	Predictor           nn.MLP         // q, of the projector's shape
	PredictorMode       part.Predictor // trained, fixed at its initialisation, or none
	Symmetric           bool           // both directions; off: only pᴬ with nn(z'ᴮ,Q)
	ViewCount           int            // views of an image; with more than 2, twice the mean over all ordered pairs

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

// Forward returns the target's z'ᴬ, z'ᴮ ... and then the online pᴬ, pᴮ ..., and offers z' to the queue.
func (m *NNBYOL) Forward(s *parallax.Step) []torch.Tensor {
	p := parallax.Each(m.predictor, part.Embed(m.encoder, s.Views))
	z := m.target.Embed(s.Views)
	part.Offer(s, m.queue, z, m.EnqueueAll)
	return append(z, p...)
}

// Loss is BYOL's, with each target replaced by its nearest neighbour.
func (m *NNBYOL) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(z)
	loss := part.Directions(p, z, m.Symmetric, func(p, z torch.Tensor) torch.Tensor {
		return part.Cosine(p, part.Neighbour(z, m.queue, m.Neighbour)).Scale(-2).Shift(2) // 2 - 2 cos(p, nn(z',Q))
	})
	if m.Symmetric {
		loss = loss.Scale(2) // the sum; Directions takes the mean
	}
	s.Report("cosine", part.Cosine(p[0].Detach(), z[1]))
	return loss
}

// Update moves the target after the optimiser's step, and enqueues z'.
func (m *NNBYOL) Update(s *parallax.Step) {
	m.target.Follow(s, nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
	m.queue.Enqueue()
}

// Collapsed is BYOL's.
func (m *NNBYOL) Collapsed(int) parallax.Collapsed { return part.Minimum(0, byolCauses) }
