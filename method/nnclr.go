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

var nnCLREntry = Entry{
	Name:  "nnclr",
	Title: "NNCLR",
	Date:  "2021-04",
	Paper: "Dwibedi, Aytar, Tompson, Sermanet & Zisserman: With a Little Help from My Friends: Nearest-Neighbor " +
		"Contrastive Learning of Visual Representations. ICCV 2021, arXiv:2104.14548",
	Equation: "L = mean of -log( exp(nn(zᵢ,Q)·pᵢ/τ) / Σₖ exp(nn(zᵢ,Q)·pₖ/τ) ), p the predictions of the other " +
		"view, Q a queue of earlier z;  both directions",
	Collapse: "negatives: the predictions of every other image of the batch are pushed away from a neighbour, so a " +
		"constant embedding has the loss ln N, which is not the smallest (but there is no gradient there once " +
		"embeddings and queue are one point)",
	Prevents: []Switch{
		{
			[]string{"method.negatives=false", "method.predictor_mode=none"},
			"without negatives the loss is NNSiam's; its predictor has to go, too",
		},
	},
	Uses: []Part{Negatives},
	New:  func() parallax.Method { return NewNNCLR() },
}

// NNCLR is SimCLR with another positive: the nearest neighbour of the other view among earlier images.
type NNCLR struct {
	Temperature   float64        // τ, which divides the cosines
	Neighbour     bool           // use nn(z,Q); off: the view's own z, also without gradient
	Queue         int            // K, the number of earlier z in which the neighbour is searched
	EnqueueAll    bool           // the queue takes z of all views; off: only of the first, as in solo-learn
	Projector     nn.MLP         // g: three layers, batch norm after each
	Predictor     nn.MLP         // q: two layers, batch norm on the hidden one
	PredictorMode part.Predictor // trained, fixed at its initialisation, or none
	Symmetric     bool           // both directions; off: only pᴬ with nn(zᴮ,Q)
	Negatives     bool           // off: only -nn(zᵢ,Q)·pᵢ/τ is left
	ViewCount     int            // views of an image; with more than 2, the mean over all ordered pairs

	encoder   parallax.Encoder
	predictor nn.Layer
	queue     *nn.Queue
}

// NewNNCLR returns NNCLR with the paper's hyperparameters.
func NewNNCLR() *NNCLR {
	return &NNCLR{
		Temperature:   0.1,
		Neighbour:     true,
		Queue:         98304,
		Projector:     nn.MLP{Widths: []int{2048, 2048, 256}, BatchNorm: true, OutputNorm: true, OutputAffine: true},
		Predictor:     nn.MLP{Widths: []int{4096, 256}, BatchNorm: true},
		PredictorMode: "trained",
		Symmetric:     true,
		Negatives:     true,
		ViewCount:     2,
	}
}

// Validate checks the hyperparameters.
func (m *NNCLR) Validate() error {
	return part.First(
		part.Positive("temperature", m.Temperature),
		part.AtLeast("queue", m.Queue, 1),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		part.Matching(m.PredictorMode, m.Predictor, m.Projector),
	)
}

// Views returns BYOL's two recipes in turn, as solo-learn does for NNCLR.
func (m *NNCLR) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes encoder, predictor and queue.
func (m *NNCLR) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	d := m.Projector.Out(b.Backbone.Features())
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, d)
	m.queue = nn.NewQueue(b.Params.Sub("queue"), m.Queue, d, m.ViewCount*b.Batch)
	return part.Predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Forward returns zᴬ, zᴮ ... and then pᴬ, pᴮ ..., and offers z to the queue.
func (m *NNCLR) Forward(s *parallax.Step) []torch.Tensor {
	z := part.Embed(m.encoder, s.Views)
	part.Offer(s, m.queue, z, m.EnqueueAll)
	return append(z, parallax.Each(m.predictor, z)...)
}

// Loss is InfoNCE with the neighbours of z as anchors and the predictions p as candidates, averaged over both
// directions. No gradient reaches z through its neighbour.
func (m *NNCLR) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(part.Gather(s, z))
	var attraction, repulsion []torch.Tensor
	loss := part.Directions(p, z, m.Symmetric, func(p, z torch.Tensor) torch.Tensor {
		near := part.Neighbour(z, m.queue, m.Neighbour)
		logits := near.MatMul(part.Unit(p).T()).Scale(1 / m.Temperature) // N x N: nn(zᵢ,Q)·pₖ/τ
		a, r := logits.Diagonal().Mean().Neg(), logits.LogSumExp(1).Mean()
		attraction, repulsion = append(attraction, a), append(repulsion, r)
		if !m.Negatives {
			return a
		}
		return a.Add(r)
	})
	s.Report("attraction", part.Mean(attraction))
	s.Report("repulsion", part.Mean(repulsion))
	return loss
}

// Update enqueues z, after the neighbours were looked up.
func (m *NNCLR) Update(*parallax.Step) { m.queue.Enqueue() }

// Collapsed is the loss of N equal predictions.
func (m *NNCLR) Collapsed(batch int) parallax.Collapsed {
	return part.Contrastive(math.Log(float64(batch)), m.Negatives, m.Temperature)
}
