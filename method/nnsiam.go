// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var nnSiamEntry = Entry{
	Name:  "nnsiam",
	Title: "NNSiam",
	Date:  "2021-04",
	Paper: "SimSiam with the neighbours of NNCLR, Dwibedi et al.: With a Little Help from My Friends. ICCV 2021, " +
		"arXiv:2104.14548; after solo-learn",
	Equation: "L = ½ D(pᴬ, nn(zᴮ,Q)) + ½ D(pᴮ, nn(zᴬ,Q)),  D(p, z) = -cos(p, z), Q a queue of earlier z",
	Collapse: "a predictor on one side, and on the other side an earlier embedding, which gets no gradient",
	Prevents: []Switch{
		{
			[]string{"method.predictor_mode=none"},
			"without the predictor nothing keeps the embedding from being its own neighbour, a constant",
		},
	},
	New: func() parallax.Method { return NewNNSiam() },
}

// NNSiam predicts, from the embedding of one view, the nearest neighbour of the other view's embedding.
type NNSiam struct {
	Neighbour     bool           // use nn(z,Q); off: the view's own z, which is SimSiam
	Queue         int            // K, the number of earlier z in which the neighbour is searched
	EnqueueAll    bool           // the queue takes z of all views; off: only of the first
	Projector     nn.MLP         // SimSiam's
	Predictor     nn.MLP         // q: wide; SimSiam's is a bottleneck
	PredictorMode part.Predictor // trained, fixed at its initialisation, or none
	PredictorRate part.Rate      // constant: the predictor's learning rate does not decay
	Symmetric     bool           // both directions; off: only D(pᴬ, nn(zᴮ,Q))
	ViewCount     int            // views of an image; with more than 2, the mean over all ordered pairs

	encoder   parallax.Encoder
	predictor nn.Layer
	queue     *nn.Queue
}

// NewNNSiam returns NNSiam with SimSiam's hyperparameters, NNCLR's queue and predictor.
func NewNNSiam() *NNSiam {
	return &NNSiam{
		Neighbour:     true,
		Queue:         98304,
		Projector:     nn.MLP{Widths: []int{2048, 2048, 2048}, BatchNorm: true, OutputNorm: true},
		Predictor:     nn.MLP{Widths: []int{4096, 2048}, BatchNorm: true},
		PredictorMode: "trained",
		PredictorRate: "constant",
		Symmetric:     true,
		ViewCount:     2,
	}
}

// Validate checks the hyperparameters.
func (m *NNSiam) Validate() error {
	return part.First(
		part.AtLeast("queue", m.Queue, 1),
		part.OneOf("predictor_rate", m.PredictorRate, "constant", "scheduled"),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		part.Matching(m.PredictorMode, m.Predictor, m.Projector),
	)
}

// Views returns BYOL's two recipes in turn, as solo-learn does for NNSiam.
func (m *NNSiam) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes encoder, predictor and queue.
func (m *NNSiam) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	d := m.Projector.Out(b.Backbone.Features())
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, d)
	m.queue = nn.NewQueue(b.Params.Sub("queue"), m.Queue, d, m.ViewCount*b.Batch)
	return part.Predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Groups keeps the predictor's learning rate constant, if so set.
func (m *NNSiam) Groups(*parallax.Step) []nn.Group { return m.PredictorRate.Groups() }

// Forward returns zᴬ, zᴮ ... and then pᴬ, pᴮ ..., and offers z to the queue.
func (m *NNSiam) Forward(s *parallax.Step) []torch.Tensor {
	z := part.Embed(m.encoder, s.Views)
	part.Offer(s, m.queue, z, m.EnqueueAll)
	return append(z, parallax.Each(m.predictor, z)...)
}

// Loss is SimSiam's, with each target replaced by its nearest neighbour.
func (m *NNSiam) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(z)
	s.Report("cosine", part.Cosine(p[0].Detach(), z[1].Detach()))
	return part.Directions(p, z, m.Symmetric, func(p, z torch.Tensor) torch.Tensor {
		return part.Cosine(p, part.Neighbour(z, m.queue, m.Neighbour)).Neg() // D(p, nn(z,Q))
	})
}

// Update enqueues z, after the neighbours were looked up.
func (m *NNSiam) Update(*parallax.Step) { m.queue.Enqueue() }

// Collapsed is SimSiam's: the neighbour is an embedding, too.
func (m *NNSiam) Collapsed(int) parallax.Collapsed {
	return part.Minimum(-1, "no predictor (method.predictor_mode), or one that learns more slowly than the encoder "+
		"(method.predictor_rate)")
}
