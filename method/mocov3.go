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

var moCoV3Entry = Entry{
	Name:  "mocov3",
	Title: "MoCo v3",
	Date:  "2021-04",
	Paper: "Chen, Xie & He: An Empirical Study of Training Self-Supervised Vision Transformers. ICCV 2021, " +
		"arXiv:2104.02057",
	Equation: "L = ctr(pᴬ,kᴮ) + ctr(pᴮ,kᴬ),  ctr(p,k) = -2τ mean over i of log( exp(cos(pᵢ,kᵢ)/τ) / Σⱼ " +
		"exp(cos(pᵢ,kⱼ)/τ) ), j over the batch",
	Collapse: "negatives, the other keys of the batch; in addition a predictor and a momentum encoder",
	Prevents: []Switch{
		{
			[]string{"method.negatives=false", "method.predictor_mode=none", "method.projector.output_norm=false"},
			"without negatives the loss is BYOL's; its predictor has to go, too, and the batch norm that spreads " +
				"what is left",
		},
	},
	Uses: []Part{Negatives},
	New:  func() parallax.Method { return NewMoCoV3() },
}

// MoCoV3 finds, for one view's query, the other view's key among the keys of the batch: MoCo without its queue, with
// BYOL's predictor.
type MoCoV3 struct {
	Temperature         float64 // τ; the official code's 1 for ResNets, 0.2 for ViTs
	TargetMomentum      float64 // m at the start: 0.99, and 0.996 for 1,000 epochs
	FinalTargetMomentum float64 // m at the end, reached along half a cosine
	Negatives           bool    // off: only -2 cos(pᵢ,kᵢ) is left, BYOL's loss apart from a constant
	Symmetric           bool    // both directions; off: only the first view is a query
	// views of an image; 2 in the paper. With more, twice the mean over all ordered pairs
	ViewCount     int
	Projector     nn.MLP         // two layers for ResNets, three for ViTs; the last batch norm has no affine
	Predictor     nn.MLP         // two layers; for ViTs the official code has batch norm at its end, too
	PredictorMode part.Predictor // trained, fixed at its initialisation, or none
	// keep a ViT's patch projection as it was initialised (section 4.2); without effect on ResNets
	FreezePatches bool

	encoder   parallax.Encoder
	target    part.Target
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
	return part.First(
		part.Positive("temperature", m.Temperature),
		part.Fraction("target_momentum", m.TargetMomentum),
		part.Fraction("final_target_momentum", m.FinalTargetMomentum),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
		part.Matching(m.PredictorMode, m.Predictor, m.Projector),
	)
}

// Views returns BYOL's two recipes, as the appendix says, in turn.
func (m *MoCoV3) Views(size int) []augment.Recipe {
	one, other := augment.BYOLRecipes(size)
	return part.InTurn(m.ViewCount, one, other)
}

// Build makes the online network θ (encoder and predictor) and the target φ (encoder).
func (m *MoCoV3) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	if m.FreezePatches {
		b.Params.Sub("backbone.patch_embed").Freeze()
	}
	m.predictor = part.NewPredictor(b, m.Predictor, m.PredictorMode, m.Projector.Out(b.Backbone.Features()))
	m.target = part.NewTarget(b, m.Projector, "ema")
	return part.Predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Forward returns the keys kᴬ, kᴮ ... and then the queries pᴬ, pᴮ ...; in one direction kᴮ ... and pᴬ.
func (m *MoCoV3) Forward(s *parallax.Step) []torch.Tensor {
	if m.Symmetric {
		q := parallax.Each(m.predictor, part.Embed(m.encoder, s.Views))
		return append(m.target.Embed(s.Views), q...)
	}
	q := parallax.Each(m.predictor, part.Embed(m.encoder, s.Views[:1]))
	return append(m.target.Embed(s.Views[1:]), q...)
}

// Joins reports whether the online network sees one view only.
func (m *MoCoV3) Joins() bool { return !m.Symmetric }

// Loss is algorithm 1: the sum of both directions.
func (m *MoCoV3) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	all := part.Gather(s, z)
	last := len(all) - 1
	// Of the last view's query and the first view's key; in one direction, of pᴬ and kᴮ.
	s.Report("cosine", part.Cosine(all[last].Detach(), all[0]))
	if m.Symmetric {
		k, q := part.Halves(all)
		return part.Directions(q, k, true, m.ctr).Scale(2)
	}
	return part.Over(all[:last], func(k torch.Tensor) torch.Tensor { return m.ctr(all[last], k) })
}

// ctr is 2τ times the cross-entropy of finding kᵢ by pᵢ.
func (m *MoCoV3) ctr(p, k torch.Tensor) torch.Tensor {
	logits := part.Unit(p).MatMul(part.Unit(k.Detach()).T()).Scale(1 / m.Temperature) // N x N: cos(pᵢ,kⱼ)/τ
	loss := logits.Diagonal().Neg()
	if m.Negatives {
		loss = loss.Add(logits.LogSumExp(1))
	}
	return loss.Mean().Scale(2 * m.Temperature)
}

// Update moves φ after the optimiser's step, before the next keys are made.
func (m *MoCoV3) Update(s *parallax.Step) {
	m.target.Follow(s, nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
}

// Collapsed is the loss of N equal keys in each direction.
func (m *MoCoV3) Collapsed(batch int) parallax.Collapsed {
	directions := 1.0
	if m.Symmetric {
		directions = 2
	}
	if !m.Negatives {
		return part.Minimum(-2*directions, "without negatives all rests on the predictor and on a key encoder that "+
			"moves slowly")
	}
	c := part.Contrastive(2*directions*m.Temperature*math.Log(float64(batch)), true, m.Temperature)
	c.Causes = "a learning rate that is too high: the paper found that a ViT's first layer becomes unstable " +
		"(method.freeze_patches)"
	return c
}
