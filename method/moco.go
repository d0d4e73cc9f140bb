// SPDX-License-Identifier: Apache-2.0

package method

import (
	"strconv"

	"parallax"
	"parallax/augment"
	"parallax/nn"
	"parallax/torch"
)

const (
	moCoPaper    = "He, Fan, Wu, Xie & Girshick: Momentum Contrast for Unsupervised Visual Representation Learning. CVPR 2020, arXiv:1911.05722"
	moCoEquation = "L = mean of -log( exp(q·k₊/τ) / (exp(q·k₊/τ) + Σ_{j=1..K} exp(q·kⱼ/τ)) ), all of length 1;  θₖ ← mθₖ + (1-m)θ_q after each step"
	moCoCollapse = "negatives: the keys of K earlier images are pushed away, so a constant embedding has the loss ln(1+K) and not the smallest"
)

var moCoV1Entry = Entry{
	Name: "mocov1", Title: "MoCo v1", Date: "2019-11", Paper: moCoPaper, Equation: moCoEquation, Collapse: moCoCollapse, Uses: []Part{Negatives},
	New: func() parallax.Method { return NewMoCoV1() },
}
var moCoV2Entry = Entry{
	Name: "mocov2", Title: "MoCo v2", Date: "2020-03", Equation: moCoEquation, Collapse: moCoCollapse, Uses: []Part{Negatives},
	Paper: "Chen, Fan, Girshick & He: Improved Baselines with Momentum Contrastive Learning. 2020, arXiv:2003.04297",
	New:   func() parallax.Method { return NewMoCoV2() },
}
var moCoV2PlusEntry = Entry{
	Name: "mocov2plus", Title: "MoCo v2+", Date: "2020-11", Collapse: moCoCollapse, Uses: []Part{Negatives},
	Paper:    "the improved reproduction of MoCo v2 in Chen & He: Exploring Simple Siamese Representation Learning. CVPR 2021, arXiv:2011.10566",
	Equation: "L = ½ L(q₁, k₂, queue of k₂) + ½ L(q₂, k₁, queue of k₁), L as in MoCo",
	New:      func() parallax.Method { return NewMoCoV2Plus() },
}

// MoCo looks a query's key up among the keys of many earlier images, which a slowly moving copy of the encoder made.
type MoCo struct {
	Temperature         float64 // τ
	Queue               int     // K, the number of negatives; any, where the official code wants a multiple of the batch
	TargetMomentum      float64 // m at the start
	FinalTargetMomentum float64 // m at the end, reached along half a cosine; equal to the first: constant
	Projector           nn.MLP  // linear in v1, an MLP in v2; without batch norm
	Symmetric           bool    // also L(q₂, k₁), with a queue for the keys of each view (v2+)
	Negatives           bool    // without them only -q·k₊/τ remains, and the method collapses
	ShuffleGroups       int     // groups of the batch that batch norm sees one at a time in the key encoder, after a shuffle; 1: off

	colours bool // v1's recipe, else v2's
	encoder parallax.Encoder
	target  target
	queues  []*nn.Queue // number i holds the keys that view i's queries meet
}

// NewMoCoV1 returns MoCo with the paper's hyperparameters (section 3.3, and the official code).
func NewMoCoV1() *MoCo {
	m := NewMoCoV2()
	m.Temperature, m.Projector, m.colours = 0.07, nn.MLP{Widths: []int{128}}, true
	return m
}

// NewMoCoV2 returns MoCo v2 with the paper's hyperparameters: an MLP, its temperature, and more augmentation.
func NewMoCoV2() *MoCo {
	return &MoCo{
		Temperature:         0.2,
		Queue:               65536,
		TargetMomentum:      0.999,
		FinalTargetMomentum: 0.999,
		Projector:           nn.MLP{Widths: []int{2048, 128}},
		Negatives:           true,
		ShuffleGroups:       1,
	}
}

// NewMoCoV2Plus returns MoCo v2+ as solo-learn has it: symmetric, and a target that begins faster.
func NewMoCoV2Plus() *MoCo {
	m := NewMoCoV2()
	m.TargetMomentum, m.Projector.Widths, m.Symmetric = 0.99, []int{2048, 256}, true
	return m
}

// Validate checks the hyperparameters.
func (m *MoCo) Validate() error {
	return first(
		positive("temperature", m.Temperature),
		atLeast("queue", m.Queue, 1),
		fraction("target_momentum", m.TargetMomentum),
		fraction("final_target_momentum", m.FinalTargetMomentum),
		atLeast("shuffle_groups", m.ShuffleGroups, 1),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns two views of one recipe, v1's or v2's, which blurs.
func (m *MoCo) Views(size int) []augment.Recipe {
	if m.colours {
		return inTurn(2, augment.MoCoV1Recipe(size))
	}
	return inTurn(2, augment.MoCoV2Recipe(size))
}

// Build makes the query encoder, the key encoder (the target) and the queues.
func (m *MoCo) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = encoder(b, b.Params, m.Projector)
	m.target = newTarget(b, m.Projector, "ema")
	m.queues = make([]*nn.Queue, 1, 2)
	if m.Symmetric {
		m.queues = m.queues[:2]
	}
	for i := range m.queues {
		m.queues[i] = nn.NewQueue(b.Params.Sub("queue").Sub(strconv.Itoa(i)), m.Queue, m.Projector.Out(b.Backbone.Features()), b.Batch)
	}
	return m.encoder
}

// Forward returns q₁ and k₂ and, when symmetric, q₂ and k₁, and offers the keys to the queues.
func (m *MoCo) Forward(s *parallax.Step) (z []torch.Tensor) {
	for i, queue := range m.queues {
		q, k := embed(m.encoder, s.Views[i:i+1])[0], m.target.shuffled(s, s.Views[1-i], m.ShuffleGroups)
		queue.Offer(s.Gather(k))
		z = append(z, q, k)
	}
	return z
}

// Loss is InfoNCE (equation 1) over 1 + K keys.
func (m *MoCo) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	var attraction, repulsion []torch.Tensor
	for i := 0; i < len(z); i += 2 {
		q, k := z[i].Normalize(1), z[i+1].Detach().Normalize(1)
		positive := q.Mul(k).Sum(1).Scale(1 / m.Temperature)                     // N: q·k₊/τ
		negatives := q.MatMul(m.queues[i/2].Rows().T()).Scale(1 / m.Temperature) // N x K: q·kⱼ/τ
		all := torch.Cat(1, positive.Unsqueeze(1), negatives)                    // N x (1 + K)
		attraction = append(attraction, positive.Mean().Neg())                   // -log exp(q·k₊/τ)
		repulsion = append(repulsion, all.LogSumExp(1).Mean())                   // log( exp(q·k₊/τ) + Σⱼ exp(q·kⱼ/τ) )
	}
	s.Report("attraction", mean(attraction))
	s.Report("repulsion", mean(repulsion))
	if !m.Negatives {
		return mean(attraction)
	}
	return mean(attraction).Add(mean(repulsion))
}

// Update moves the target after the optimiser's step (the official code: before the next key), and enqueues the keys.
func (m *MoCo) Update(s *parallax.Step) {
	m.target.follow(nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
	for _, queue := range m.queues {
		queue.Enqueue()
	}
}
