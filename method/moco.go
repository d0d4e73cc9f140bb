// SPDX-License-Identifier: Apache-2.0

package method

import (
	"iter"
	"math"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// MoCo finds a query's key among the keys of many earlier images. A slowly moving copy of the encoder makes the keys.
// [NewMoCoV1], [NewMoCoV2] and [NewMoCoV2Plus] are its versions.
type MoCo struct {
	Temperature float64 // τ, which divides the cosines
	// K, the number of negatives; it need not be a multiple of the batch, as in the official code
	Queue               int
	TargetMomentum      float64 // m at the start: the share of the key encoder that a step keeps
	FinalTargetMomentum float64 // m at the end, reached along half a cosine; if equal to the first, m is constant
	Projector           nn.MLP  // one linear layer in v1, two layers in v2; without batch norm
	// every view is a query and has a key, with a queue for the keys of each view (v2+); off: only L(qᴬ, kᴮ)
	Symmetric bool
	// views of an image; 2 in the papers. With more, the loss is the mean over the queries of all other views with the
	// last view's key; if symmetric, with every view's key
	ViewCount int
	Negatives bool // off: only -q·k₊/τ is left, and the method collapses
	// groups of the batch that batch norm sees separately, for queries and keys alike, as on several GPUs; 1: off
	Groups int
	// groups of the batch that batch norm sees separately in the key encoder, after a shuffle; 1: off
	ShuffleGroups int

	colours bool // v1's recipe; off: v2's
	params  *nn.Params
	encoder parallax.Encoder
	target  part.Target
	queues  []*nn.Queue // one for every view that has keys
}

// Validate checks the hyperparameters.
func (m *MoCo) Validate() error {
	return part.First(
		part.Positive("temperature", m.Temperature),
		part.AtLeast("queue", m.Queue, 1),
		part.Fraction("target_momentum", m.TargetMomentum),
		part.Fraction("final_target_momentum", m.FinalTargetMomentum),
		part.AtLeast("view_count", m.ViewCount, 2),
		part.AtLeast("groups", m.Groups, 1),
		part.AtLeast("shuffle_groups", m.ShuffleGroups, 1),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns views of one recipe: v1's, or v2's with its blur.
func (m *MoCo) Views(size int) []augment.Recipe {
	if m.colours {
		return part.InTurn(m.ViewCount, augment.MoCoV1Recipe(size))
	}
	return part.InTurn(m.ViewCount, augment.MoCoV2Recipe(size))
}

// Build makes the query encoder, the key encoder (the target) and the queues.
func (m *MoCo) Build(b *parallax.Build) parallax.Encoder {
	m.params, m.encoder = b.Params, part.NewEncoder(b, b.Params, m.Projector)
	m.target = part.NewTarget(b, m.Projector, "ema")
	m.queues = make([]*nn.Queue, 1)
	if m.Symmetric {
		m.queues = make([]*nn.Queue, m.ViewCount)
	}
	d := m.Projector.Out(b.Backbone.Features())
	for i := range m.queues {
		m.queues[i] = nn.NewQueue(b.Params.Sub("queue").Sub(strconv.Itoa(i)), m.Queue, d, b.Batch)
	}
	return m.encoder
}

// sides returns the views of the keys and those of the queries.
func (m *MoCo) sides(s *parallax.Step) (keyed, asking []torch.Tensor) {
	if m.Symmetric {
		return s.Views, s.Views
	}
	last := len(s.Views) - 1
	return s.Views[last:], s.Views[:last]
}

// Forward returns the keys and then the queries: kᴮ and qᴬ; if symmetric, kᴬ, kᴮ ... and qᴬ, qᴮ ... It offers the keys
// to the queues.
func (m *MoCo) Forward(s *parallax.Step) []torch.Tensor {
	keyed, asking := m.sides(s)
	keys := m.target.Keys(s, keyed, m.Groups, m.ShuffleGroups)
	for j, k := range keys {
		m.queues[j].Offer(s.Gather(k))
	}
	return append(keys, part.EmbedGroups(s, m.encoder, asking, m.Groups)...)
}

// Joins reports whether the network of the queries sees one view only, and that as a whole.
func (m *MoCo) Joins() bool { return !m.Symmetric && m.ViewCount == 2 && m.Groups == 1 }

// logits yields q·k₊/τ, N, and q·kⱼ/τ, N x K, for every query and every key of another view.
func (m *MoCo) logits(z []torch.Tensor) iter.Seq2[torch.Tensor, torch.Tensor] {
	return func(yield func(positive, negatives torch.Tensor) bool) {
		keys, queries := z[:len(m.queues)], z[len(m.queues):]
		for i, q := range queries {
			for j, k := range keys {
				if m.Symmetric && i == j {
					continue // query and key of the same view
				}
				q, k := q.Normalize(1), k.Detach().Normalize(1)
				positive := q.Mul(k).Sum(1).Scale(1 / m.Temperature)
				if !yield(positive, q.MatMul(m.queues[j].Rows().T()).Scale(1/m.Temperature)) {
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
	s.Report("attraction", part.Mean(attraction))
	s.Report("repulsion", part.Mean(repulsion))
	s.Report("accuracy", part.Mean(found)) // of picking k₊ among 1 + K
	if !m.Negatives {
		return part.Mean(attraction)
	}
	return part.Mean(attraction).Add(part.Mean(repulsion))
}

// Update moves the target after the optimiser's step (in the official code before the next key), and enqueues the keys.
func (m *MoCo) Update(s *parallax.Step) {
	m.target.Follow(s, nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
	for _, queue := range m.queues {
		queue.Enqueue()
	}
}

const (
	moCoPaper = "He, Fan, Wu, Xie & Girshick: Momentum Contrast for Unsupervised Visual Representation Learning. " +
		"CVPR 2020, arXiv:1911.05722"
	moCoEquation = "L = mean of -log( exp(q·k₊/τ) / (exp(q·k₊/τ) + Σ_{j=1..K} exp(q·kⱼ/τ)) ), all of length 1;  φ ← " +
		"mφ + (1-m)θ after each step"
	moCoCollapse = "negatives: the keys of K earlier images are pushed away, so a constant embedding has the loss " +
		"ln(1+K), which is not the smallest"
)

// moCoPrevents holds for all versions.
var moCoPrevents = []Switch{
	{[]string{"method.negatives=false"}, "only the attraction is left, which a constant embedding minimises"},
}

var moCoV1Entry = Entry{
	Name: "mocov1", Title: "MoCo v1", Date: "2019-11",
	Paper: moCoPaper, Equation: moCoEquation, Collapse: moCoCollapse, Uses: []Part{Negatives}, Prevents: moCoPrevents,
	New: func() parallax.Method { return NewMoCoV1() },
}
var moCoV2Entry = Entry{
	Name: "mocov2", Title: "MoCo v2", Date: "2020-03",
	Equation: moCoEquation, Collapse: moCoCollapse, Uses: []Part{Negatives}, Prevents: moCoPrevents,
	Paper: "Chen, Fan, Girshick & He: Improved Baselines with Momentum Contrastive Learning. 2020, arXiv:2003.04297",
	New:   func() parallax.Method { return NewMoCoV2() },
}
var moCoV2PlusEntry = Entry{
	Name: "mocov2plus", Title: "MoCo v2+", Date: "2020-11",
	Collapse: moCoCollapse, Uses: []Part{Negatives}, Prevents: moCoPrevents,
	Paper: "the improved reproduction of MoCo v2 in Chen & He: Exploring Simple Siamese Representation Learning. " +
		"CVPR 2021, arXiv:2011.10566",
	Equation: "L = ½ L(qᴬ, kᴮ, Qᴮ) + ½ L(qᴮ, kᴬ, Qᴬ), L as in MoCo, Qᴬ and Qᴮ the queues of kᴬ and kᴮ",
	New:      func() parallax.Method { return NewMoCoV2Plus() },
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
		ViewCount:           2,
		Negatives:           true,
		Groups:              1,
		ShuffleGroups:       1,
	}
}

// NewMoCoV2Plus returns MoCo v2+ with solo-learn's settings: symmetric, and with a target that begins faster.
func NewMoCoV2Plus() *MoCo {
	m := NewMoCoV2()
	m.TargetMomentum, m.Projector.Widths, m.Symmetric = 0.99, []int{2048, 256}, true
	return m
}

// Leak returns how much more often a query finds its key among 1 + K in training mode than in evaluation mode, for the
// same views and the same queue: what the statistics of the batch give away. The second pass has no gradient.
func (m *MoCo) Leak(s *parallax.Step, z []torch.Tensor) (difference torch.Tensor) {
	defer m.params.Train(m.params.Training())
	torch.NoGrad(func() {
		m.params.Train(false)
		keyed, asking := m.sides(s)
		again := append(part.Embed(m.target.Encoder, keyed), part.Embed(m.encoder, asking)...)
		torch.Autocast(false, func() { difference = m.found(z).Sub(m.found(again)) }) // as the loss is computed
	})
	return difference
}

// found is the accuracy of the pretext task: the share of queries that are nearer to their own key than to all keys in
// the queue.
func (m *MoCo) found(z []torch.Tensor) torch.Tensor {
	var shares []torch.Tensor
	exact := make([]torch.Tensor, len(z)) // autocast may have made another type
	for i := range z {
		exact[i] = z[i].To(m.params.DType())
	}
	for positive, negatives := range m.logits(exact) {
		shares = append(shares, hits(positive, negatives))
	}
	return part.Mean(shares)
}

// hits is the share of rows whose positive, N, is above all their negatives, N x K.
func hits(positive, negatives torch.Tensor) torch.Tensor {
	return positive.Detach().Gt(negatives.Detach().Max(1)).To(torch.F32).Mean()
}

// Collapsed is the loss of 1 + K equal keys, once the queue holds them.
func (m *MoCo) Collapsed(int) parallax.Collapsed {
	c := part.Contrastive(math.Log(float64(1+m.Queue)), m.Negatives, m.Temperature)
	if m.Negatives {
		c.Causes = "a key encoder that moves too fast (method.target_momentum), so that the queue's keys are no " +
			"longer comparable, or batch norm that tells which images are of one batch (method.shuffle_groups)"
	}
	return c
}
