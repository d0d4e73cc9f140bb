// SPDX-License-Identifier: Apache-2.0

package method

import (
	"iter"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// MoCo looks a query's key up among the keys of many earlier images, which a slowly moving copy of the encoder made.
// NewMoCoV1, NewMoCoV2 and NewMoCoV2Plus are its versions.
type MoCo struct {
	Temperature         float64 // τ, by which the cosines are divided
	Queue               int     // K, the number of negatives; any, where the official code wants a multiple of the batch
	TargetMomentum      float64 // m at the start: how much of the key encoder stays at every step
	FinalTargetMomentum float64 // m at the end, reached along half a cosine; equal to the first: constant
	Projector           nn.MLP  // one linear layer in v1, two layers in v2; without batch norm
	Symmetric           bool    // every view is a query and has a key, with a queue for the keys of each (v2+); off: L(q₁, k₂) alone
	ViewCount           int     // 2 in the papers; more: the last view's key meets the queries of all others or, symmetric, every key those of all other views. The mean is taken
	Negatives           bool    // off: only -q·k₊/τ remains, and the method collapses
	Groups              int     // groups of the batch that batch norm sees one at a time, of queries and keys alike, as each of several GPUs would; 1: off
	ShuffleGroups       int     // groups of the batch that batch norm sees one at a time in the key encoder, after a shuffle; 1: off
	MeasureLeak         bool    // report as bn_leak how much more often a query finds its key in training than in evaluation mode: another forward pass

	colours bool // v1's recipe, else v2's
	params  *nn.Params
	encoder parallax.Encoder
	target  target
	queues  []*nn.Queue // of every view that has keys
}

// Validate checks the hyperparameters.
func (m *MoCo) Validate() error {
	return first(
		positive("temperature", m.Temperature),
		atLeast("queue", m.Queue, 1),
		fraction("target_momentum", m.TargetMomentum),
		fraction("final_target_momentum", m.FinalTargetMomentum),
		atLeast("view_count", m.ViewCount, 2),
		atLeast("groups", m.Groups, 1),
		atLeast("shuffle_groups", m.ShuffleGroups, 1),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns views of one recipe, v1's or v2's, which blurs.
func (m *MoCo) Views(size int) []augment.Recipe {
	if m.colours {
		return inTurn(m.ViewCount, augment.MoCoV1Recipe(size))
	}
	return inTurn(m.ViewCount, augment.MoCoV2Recipe(size))
}

// Build makes the query encoder, the key encoder (the target) and the queues.
func (m *MoCo) Build(b *parallax.Build) parallax.Encoder {
	m.params, m.encoder = b.Params, encoder(b, b.Params, m.Projector)
	m.target = newTarget(b, m.Projector, "ema")
	m.queues = make([]*nn.Queue, 1)
	if m.Symmetric {
		m.queues = make([]*nn.Queue, m.ViewCount)
	}
	for i := range m.queues {
		m.queues[i] = nn.NewQueue(b.Params.Sub("queue").Sub(strconv.Itoa(i)), m.Queue, m.Projector.Out(b.Backbone.Features()), b.Batch)
	}
	return m.encoder
}

// sides are the views that keys are made of, and those that queries are.
func (m *MoCo) sides(s *parallax.Step) (keyed, asking []torch.Tensor) {
	if m.Symmetric {
		return s.Views, s.Views
	}
	last := len(s.Views) - 1
	return s.Views[last:], s.Views[:last]
}

// Forward returns the keys and then the queries: k₂ and q₁, and when symmetric k₁, k₂ ... and q₁, q₂ ... It offers the keys
// to the queues.
func (m *MoCo) Forward(s *parallax.Step) []torch.Tensor {
	keyed, asking := m.sides(s)
	var z []torch.Tensor
	for j, view := range keyed {
		k := m.key(s, view)
		m.queues[j].Offer(s.Gather(k))
		z = append(z, k)
	}
	for _, view := range asking {
		z = append(z, m.query(view))
	}
	if m.MeasureLeak {
		s.Report("bn_leak", m.leak(s, z))
	}
	return z
}

// logits are q·k₊/τ, N, and q·kⱼ/τ, N x K, of every query with every key of another view.
func (m *MoCo) logits(z []torch.Tensor) iter.Seq2[torch.Tensor, torch.Tensor] {
	return func(yield func(positive, negatives torch.Tensor) bool) {
		keys, queries := z[:len(m.queues)], z[len(m.queues):]
		for i, q := range queries {
			for j, k := range keys {
				if m.Symmetric && i == j {
					continue // of one view
				}
				q, k := q.Normalize(1), k.Detach().Normalize(1)
				if !yield(q.Mul(k).Sum(1).Scale(1/m.Temperature), q.MatMul(m.queues[j].Rows().T()).Scale(1/m.Temperature)) {
					return
				}
			}
		}
	}
}

// Loss is InfoNCE (equation 1) over 1 + K keys.
func (m *MoCo) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	var attraction, repulsion, found []torch.Tensor
	for positive, negatives := range m.logits(z) {
		all := torch.Cat(1, positive.Unsqueeze(1), negatives)  // N x (1 + K)
		attraction = append(attraction, positive.Mean().Neg()) // -log exp(q·k₊/τ)
		repulsion = append(repulsion, all.LogSumExp(1).Mean()) // log( exp(q·k₊/τ) + Σⱼ exp(q·kⱼ/τ) )
		found = append(found, hits(positive, negatives))
	}
	s.Report("attraction", mean(attraction))
	s.Report("repulsion", mean(repulsion))
	s.Report("accuracy", mean(found)) // of picking k₊ among 1 + K
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
