// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var moCoV3Entry = Entry{
	Name:     "mocov3",
	Title:    "MoCo v3",
	Date:     "2021-04",
	Paper:    "Chen, Xie & He: An Empirical Study of Training Self-Supervised Vision Transformers. ICCV 2021, arXiv:2104.02057",
	Equation: "L = ctr(q₁,k₂) + ctr(q₂,k₁),  ctr(q,k) = -2τ mean over i of log( exp(cos(qᵢ,kᵢ)/τ) / Σⱼ exp(cos(qᵢ,kⱼ)/τ) ), j over the batch",
	Collapse: "negatives, the other keys of the batch; a predictor and a momentum encoder besides",
	Uses:     []Part{Negatives},
	New:      func() parallax.Method { return NewMoCoV3() },
}

// MoCoV3 finds, for one view's query, the other view's key among those of the batch: MoCo without its queue, with BYOL's
// predictor.
type MoCoV3 struct {
	Temperature         float64   // τ; the official code's 1 for ResNets, 0.2 for ViTs
	TargetMomentum      float64   // of the key encoder at the start: 0.99, and 0.996 for 1,000 epochs
	FinalTargetMomentum float64   // of the key encoder at the end, reached along half a cosine
	Negatives           bool      // off: only -2 cos(qᵢ,kᵢ) is left, BYOL's loss but for a constant
	Symmetric           bool      // both directions; off: only the first view is a query
	ViewCount           int       // 2 in the paper; more: twice the mean over all ordered pairs of views
	Projector           nn.MLP    // two layers for ResNets, three for ViTs; the last batch norm has no affine
	Predictor           nn.MLP    // two layers; for ViTs the official code has batch norm at its end, too
	PredictorMode       Predictor // trained, fixed at its initialisation, or none
	FreezePatches       bool      // keep a ViT's patch projection as it was initialised (section 4.2); of no effect on ResNets

	encoder   parallax.Encoder
	target    target
	predictor nn.Layer
}

// NewMoCoV3 returns MoCo v3 with the hyperparameters of the official code for a ResNet.
func NewMoCoV3() *MoCoV3 {
	return &MoCoV3{
		Temperature:         1,
		TargetMomentum:      0.99,
		FinalTargetMomentum: 1,
		Negatives:           true,
		Symmetric:           true,
		ViewCount:           2,
		Projector:           nn.MLP{Widths: []int{4096, 256}, BatchNorm: true, OutputNorm: true},
		Predictor:           nn.MLP{Widths: []int{4096, 256}, BatchNorm: true},
		PredictorMode:       "trained",
		FreezePatches:       true,
	}
}

// Validate checks the hyperparameters.
func (m *MoCoV3) Validate() error {
	return first(
		positive("temperature", m.Temperature),
		fraction("target_momentum", m.TargetMomentum),
		fraction("final_target_momentum", m.FinalTargetMomentum),
		atLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		matching(m.PredictorMode, m.Predictor, m.Projector),
	)
}

// Views returns BYOL's two recipes, as the appendix says, in turn.
func (m *MoCoV3) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return inTurn(m.ViewCount, one, other)
}

// Build makes f_q (encoder and predictor) and f_k (encoder).
func (m *MoCoV3) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = encoder(b, b.Params, m.Projector)
	if m.FreezePatches {
		b.Params.Sub("backbone.patch_embed").Freeze()
	}
	m.predictor = predictor(b, m.Predictor, m.PredictorMode, m.Projector.Out(b.Backbone.Features()))
	m.target = newTarget(b, m.Projector, "ema")
	return predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Forward returns the keys k₁, k₂ ... and then the queries q₁, q₂ ...; in one direction k₂ ... and q₁.
func (m *MoCoV3) Forward(s *parallax.Step) []torch.Tensor {
	if m.Symmetric {
		q := parallax.Each(m.predictor, embed(m.encoder, s.Views))
		return append(m.target.embed(s.Views), q...)
	}
	q := parallax.Each(m.predictor, embed(m.encoder, s.Views[:1]))
	return append(m.target.embed(s.Views[1:]), q...)
}

// Loss is algorithm 1: the sum of both directions.
func (m *MoCoV3) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	all := gather(s, z)
	last := len(all) - 1
	s.Report("cosine", cosine(all[last].Detach(), all[0])) // of the last view's query and the first's key; in one direction q₁ and k₂
	if m.Symmetric {
		k, q := halves(all)
		return directions(q, k, true, m.ctr).Scale(2)
	}
	return over(all[:last], func(k torch.Tensor) torch.Tensor { return m.ctr(all[last], k) })
}

// ctr is 2τ times the cross-entropy of finding kᵢ by qᵢ.
func (m *MoCoV3) ctr(q, k torch.Tensor) torch.Tensor {
	logits := unit(q).MatMul(unit(k.Detach()).T()).Scale(1 / m.Temperature) // N x N: cos(qᵢ,kⱼ)/τ
	loss := logits.Diagonal().Neg()
	if m.Negatives {
		loss = loss.Add(logits.LogSumExp(1))
	}
	return loss.Mean().Scale(2 * m.Temperature)
}

// Update moves f_k after the optimiser's step, which is before the next keys are made.
func (m *MoCoV3) Update(s *parallax.Step) {
	m.target.follow(nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
}
