// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var swavEntry = Entry{
	Name:  "swav",
	Title: "SwAV",
	Date:  "2020-06",
	Paper: "Caron, Misra, Mairal, Goyal, Bojanowski & Joulin: Unsupervised Learning of Visual Features by " +
		"Contrasting Cluster Assignments. NeurIPS 2020, arXiv:2006.09882",
	Equation: "L = -½ ( qᴮ·log pᴬ + qᴬ·log pᴮ ),  p = softmax(zCᵀ/τ),  q = Sinkhorn(zCᵀ/ε), z and the rows of C of " +
		"length 1",
	Collapse: "codes that give every prototype an equal part of the batch (Sinkhorn): all images can share only the " +
		"uniform code, and then the loss is ln K; there are no negative pairs",
	Prevents: []Switch{
		{[]string{"method.sinkhorn=false"}, "codes without equal shares let one prototype win"},
	},
	Uses: []Part{Clusters},
	New:  func() parallax.Method { return NewSwAV() },
}

// SwAV predicts, from one view, the code of another: its assignment to prototypes, which the batch uses equally.
type SwAV struct {
	part.Crops
	Projector   nn.MLP  // two layers, batch norm on the hidden one
	Prototypes  int     // K, the number of prototypes, which are the rows of C
	Temperature float64 // τ of the predictions
	Epsilon     float64 // ε of the codes: smaller makes them harder
	// equal parts for all prototypes; off: the codes are softmax(zCᵀ/ε), and the method collapses
	Sinkhorn           bool
	SinkhornIterations int    // 3 in the paper; more come closer to equal parts
	Codes              string // soft; hard: one prototype, which the paper found worse online (section 3.1)
	// length of a queue per large crop, whose embeddings join the batch in the codes once the queue is full; 0: none
	Queue     int
	QueueFrom int // the epoch from which the queue collects embeddings
	// epochs at the start in which C stays fixed; the official script has 313 steps of 4,096 images, one epoch
	FreezeEpochs int
	FreezeSteps  int // the same in steps: 5,005 in the official script for batches of 256; the longer of the two holds

	encoder    parallax.Encoder
	prototypes torch.Tensor // C: K x d
	queues     []*nn.Queue  // per large crop
}

// NewSwAV returns SwAV with the paper's hyperparameters and its two large crops, and no queue, as for large batches.
func NewSwAV() *SwAV {
	return &SwAV{
		Crops:      part.TwoCrops(),
		Projector:  nn.MLP{Widths: []int{2048, 128}, BatchNorm: true},
		Prototypes: 3000, Temperature: 0.1, Epsilon: 0.05,
		Sinkhorn: true, SinkhornIterations: 3, Codes: "soft",
		QueueFrom: 15, FreezeEpochs: 1,
	}
}

// Validate checks the hyperparameters.
func (m *SwAV) Validate() error {
	return part.First(
		m.Crops.Check(), m.Projector.Validate("method.projector"),
		part.AtLeast("prototypes", m.Prototypes, 1),
		part.Positive("temperature", m.Temperature),
		part.Positive("epsilon", m.Epsilon),
		part.AtLeast("sinkhorn_iterations", m.SinkhornIterations, 1), part.OneOf("codes", m.Codes, "soft", "hard"),
		part.AtLeast("queue", m.Queue, 0),
		part.AtLeast("queue_from", m.QueueFrom, 0),
		part.AtLeast("freeze_epochs", m.FreezeEpochs, 0),
		part.AtLeast("freeze_steps", m.FreezeSteps, 0),
	)
}

// Views returns one recipe for all crops; crops differ in size and scale.
func (m *SwAV) Views(size int) []augment.Recipe { return m.Recipes(size) }

// Build makes f and g, the prototypes C and the queues.
func (m *SwAV) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	d := m.Projector.Out(b.Backbone.Features())
	m.prototypes = b.Params.Sub("prototypes").Param("weight", nn.Uniform(d), m.Prototypes, d)
	m.normalize()
	m.queues = nil
	for i := 0; i < m.LargeCrops && m.Queue > 0; i++ {
		m.queues = append(m.queues, nn.NewQueue(b.Params.Sub("queue").Sub(strconv.Itoa(i)), m.Queue, d, b.Batch))
	}
	return m.encoder
}

// Groups freezes C at the start.
func (m *SwAV) Groups(s *parallax.Step) []nn.Group {
	return []nn.Group{{Prefix: "prototypes.", Scale: 1, Frozen: s.Epoch < m.FreezeEpochs || s.At < m.FreezeSteps}}
}

// Forward returns z of the large crops, for the codes, and then z of all crops, for the predictions.
func (m *SwAV) Forward(s *parallax.Step) []torch.Tensor {
	z := part.EmbedCrops(m.encoder, s.Views)
	for i, q := range m.queues {
		q.Offer(s.Gather(z[i].Detach()))
	}
	return append(part.Detached(z[:m.LargeCrops]), z...)
}

// Joins is true: batch norm sees the crops of one size together.
func (m *SwAV) Joins() bool { return true }

// Loss is the mean of -q·log p over all pairs of a large crop and another crop (equations 1 and 2; section 3.2).
func (m *SwAV) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	p := make([]torch.Tensor, len(z)-m.LargeCrops)
	for v := range p {
		p[v] = m.scores(s.Gather(z[m.LargeCrops+v])).Scale(1 / m.Temperature).LogSoftmax(1) // log p: N x K
	}
	var terms []torch.Tensor
	for i := range m.LargeCrops {
		q := m.CodesOf(i, s.Gather(z[i]))
		for v := range p {
			if v != i {
				terms = append(terms, q.Mul(p[v]).Sum(1).Mean().Neg()) // -q·log p
			}
		}
	}
	s.Report("prototypes_in_use", part.InUse(p[0].Exp()))
	return part.Mean(terms)
}

// scores is z̄Cᵀ, N x K.
func (m *SwAV) scores(z torch.Tensor) torch.Tensor { return z.Normalize(1).MatMul(m.prototypes.T()) }

// CodesOf returns q of the i-th large crop, without gradient. If its queue is full, earlier batches share the
// prototypes.
func (m *SwAV) CodesOf(i int, z torch.Tensor) (q torch.Tensor) {
	torch.NoGrad(func() {
		scores, n := m.scores(z), z.Size(0)
		if m.queues != nil && m.queues[i].Filled() == m.Queue {
			scores = torch.Cat(0, scores, m.scores(m.queues[i].Rows()))
		}
		q = scores.Scale(1 / m.Epsilon).Softmax(1)
		if m.Sinkhorn {
			q = Sinkhorn(scores, m.Epsilon, m.SinkhornIterations)
		}
		if q = q.Narrow(0, 0, n); m.Codes == "hard" {
			q = part.Hard(q)
		}
	})
	return q
}

// normalize gives the prototypes length 1, in place and without gradient, as the official code does before every
// forward pass.
func (m *SwAV) normalize() {
	torch.NoGrad(func() { m.prototypes.Normalize(1).CopyInto(m.prototypes.Detach()) })
}

// Update normalizes the prototypes and enqueues the batch.
func (m *SwAV) Update(s *parallax.Step) {
	m.normalize()
	for i := 0; i < len(m.queues) && s.Epoch >= m.QueueFrom; i++ {
		m.queues[i].Enqueue()
	}
}

// Sinkhorn returns the codes of scores, both B samples x K prototypes: the distribution closest to exp(scores/epsilon)
// in which every prototype has the same share of the samples, after the given number of iterations of Sinkhorn and
// Knopp (Cuturi 2013; SwAV, section 3.1 and its listing). An iteration first gives every prototype the share 1/K, then
// every sample the share 1/B, so that each code sums to 1 at the end. The factors 1/K, 1/B and B of the listing cancel.
//
// Sinkhorn works on logarithms and subtracts the largest one before any exponential, so it neither overflows nor
// becomes 0 as the listing's exp(scores/epsilon) can. At least one iteration is needed.
func Sinkhorn(scores torch.Tensor, epsilon float64, iterations int) torch.Tensor {
	q := scores.Scale(1 / epsilon)
	for range iterations {
		q = q.Sub(q.LogSumExp(0).Unsqueeze(0)) // every prototype, over the samples
		q = q.Sub(q.LogSumExp(1).Unsqueeze(1)) // every sample, over the prototypes
	}
	return q.Exp()
}

// Assign is p, the prediction of the codes.
func (m *SwAV) Assign(z torch.Tensor, _ int) torch.Tensor {
	return m.scores(z).Scale(1 / m.Temperature).Softmax(1)
}

// Collapsed is the loss of uniform codes and predictions. Without Sinkhorn, or with hard codes, one prototype may win,
// and the loss may go to 0.
func (m *SwAV) Collapsed(int) parallax.Collapsed {
	c := part.Chance(math.Log(float64(m.Prototypes)), "codes without equal shares (method.sinkhorn), an epsilon of "+
		"the codes that is too large for their rows to differ (method.epsilon), or prototypes that move before the "+
		"embeddings do (method.freeze_epochs)")
	c.Value.Known = m.Sinkhorn && m.Codes == "soft"
	return c
}
