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
	Equation: "L = mean of -log( exp(nn(zᵢ,Q)·pᵢ/τ) / Σₖ exp(nn(zᵢ,Q)·pₖ/τ) ), p the predictions of the other view, Q a " +
		"queue of earlier z;  both directions",
	Collapse: "negatives: the predictions of every other image of the batch are pushed away from a neighbour, so a " +
		"constant embedding has the loss ln N and not the smallest (a loss that stays there has no gradient: embeddings " +
		"and queue are one point)",
	Prevents: []Switch{
		{
			[]string{"method.negatives=false", "method.predictor_mode=none"},
			"without negatives the loss is NNSiam's, whose predictor must go, too",
		},
	},
	Uses: []Part{Negatives},
	New:  func() parallax.Method { return NewNNCLR() },
}

// NNCLR takes as an image's positive not its other view but that view's nearest neighbour among earlier images.
type NNCLR struct {
	Temperature   float64        // τ, by which the cosines are divided
	Neighbour     bool           // nn(z,Q); off: the view's own z in its place, through which no gradient passes either
	Queue         int            // how many earlier z the neighbour is looked for among
	EnqueueAll    bool           // the queue takes z of all views; off: of the first alone, as in solo-learn
	Projector     nn.MLP         // three layers, batch norm after each
	Predictor     nn.MLP         // two layers, batch norm on the hidden one
	PredictorMode part.Predictor // trained, fixed at its initialisation, or none
	Symmetric     bool           // both directions; off: only p₁ with nn(z₂)
	Negatives     bool           // off: only -nn(zᵢ)·pᵢ/τ remains
	ViewCount     int            // more than 2: the mean over all ordered pairs of views

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

// Views returns BYOL's two recipes, in turn, as solo-learn has them for NNCLR.
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

// Forward returns z₁, z₂ ... and then p₁, p₂ ..., and offers z to the queue.
func (m *NNCLR) Forward(s *parallax.Step) []torch.Tensor {
	z := part.Embed(m.encoder, s.Views)
	part.Offer(s, m.queue, z, m.EnqueueAll)
	return append(z, parallax.Each(m.predictor, z)...)
}

// Loss is InfoNCE with the neighbours of z as anchors and the predictor's p as keys, averaged over both directions. No
// gradient reaches z by way of its neighbour.
func (m *NNCLR) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z, p := part.Halves(part.Gather(s, z))
	var attraction, repulsion []torch.Tensor
	loss := part.Directions(p, z, m.Symmetric, func(p, z torch.Tensor) torch.Tensor {
		near := part.Neighbour(z, m.queue, m.Neighbour)
		logits := near.MatMul(part.Unit(p).T()).Scale(1 / m.Temperature) // N x N: nn(zᵢ)·pₖ/τ
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

// Collapsed has N predictions that are the same.
func (m *NNCLR) Collapsed(batch int) parallax.Collapsed {
	return part.Contrastive(math.Log(float64(batch)), m.Negatives, m.Temperature)
}
