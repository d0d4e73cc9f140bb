// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var scanEntry = Entry{
	Name:  "scan",
	Title: "SCAN",
	Date:  "2020-05",
	Paper: "Van Gansbeke, Vandenhende, Georgoulis, Proesmans & Van Gool: SCAN: Learning to Classify Images without " +
		"Labels. ECCV 2020, arXiv:2005.12320",
	Equation: "L = -mean of log⟨Φ(x), Φ(n(x))⟩ - λ H(mean of Φ(x)),  Φ the probabilities of C clusters, n(x) one of " +
		"x's nearest neighbours",
	Collapse: "maximising the entropy of the batch's mean assignment, which is 0 if all images are in one cluster",
	Prevents: []Switch{
		{[]string{"method.entropy_weight=0"}, "without the entropy one cluster takes all images"},
	},
	Uses: []Part{Clusters},
	New:  func() parallax.Method { return NewSCAN() },
}

// SCAN gives an image and its nearest neighbours, by the features of a pretext task, the same cluster. It is the
// clustering stage; [SelfLabel] follows it.
type SCAN struct {
	Classes int // C, the number of clusters
	Heads   int // heads that cluster independently; the one with the smallest loss is kept at the end
	// K, nearest neighbours of an image, of which a step draws one; 20, and 50 for ImageNet (section 3.1)
	Neighbours  int
	IncludeSelf bool // the image itself is one more neighbour, as in the official code
	// features by which neighbours are found: z, the projector's output, as in the official code; or h, the backbone's
	NeighboursBy string
	// λ; 5 in the paper's supplement and the configs, which do not use the official code's default of 2; 0 leaves the
	// entropy out
	EntropyWeight float64
	SumHeads      bool // the losses of the heads are summed, as in the official code; off: averaged
	HeadsOnly     bool // the backbone stays as it is, as in the official configs for ImageNet
	// batch norm uses the pretext's running statistics, which do not change; off in the official code. A short stage
	// then begins with the clusters that an evaluation sees
	FrozenNorm bool
	// passes over the features of the images, without augmentation, in which the heads learn before the stage begins; 0
	// in the official code, whose heads begin at random
	HeadEpochs int

	heads
	neighbours [][]int
}

// NewSCAN returns SCAN's clustering stage with the paper's hyperparameters (section 3.1 and the official configs).
func NewSCAN() *SCAN {
	return &SCAN{
		Classes: 10, Heads: 10, Neighbours: 20, IncludeSelf: true, NeighboursBy: "z", EntropyWeight: 5, SumHeads: true,
	}
}

// Command is the command that runs it: it needs an encoder that a pretext task has trained.
func (m *SCAN) Command() string { return "cluster" }

// Validate checks the hyperparameters.
func (m *SCAN) Validate() error {
	return part.First(
		part.AtLeast("classes", m.Classes, 2),
		part.AtLeast("heads", m.Heads, 1),
		part.AtLeast("neighbours", m.Neighbours, 1),
		part.NonNegative("entropy_weight", m.EntropyWeight),
		part.OneOf("neighbours_by", m.NeighboursBy, "z", "h"),
		part.AtLeast("head_epochs", m.HeadEpochs, 0),
	)
}

// Views returns two strong views, the second of a neighbour; milder ones if only the heads learn.
func (m *SCAN) Views(size int) []augment.Recipe {
	if m.HeadsOnly {
		return part.InTurn(2, augment.SCANHeadsRecipe(size))
	}
	return part.InTurn(2, augment.SCANStrongRecipe(size))
}

// SetNeighbours sets the neighbours: one list per image, none empty. Without it an image is its own neighbour.
func (m *SCAN) SetNeighbours(near [][]int) { m.neighbours = near }

// Pair draws one of an image's neighbours.
func (m *SCAN) Pair(index int, r *rand.Rand) int {
	if m.neighbours == nil {
		return index
	}
	near := m.neighbours[index]
	drawn := len(near)
	if m.IncludeSelf {
		drawn++
	}
	if k := r.IntN(drawn); k < len(near) {
		return near[k]
	}
	return index
}

// Build makes the backbone and the heads.
func (m *SCAN) Build(b *parallax.Build) parallax.Encoder {
	e := m.heads.build(b, b.Params, m.Heads, m.Classes)
	m.running = m.FrozenNorm || m.HeadsOnly
	if m.HeadsOnly {
		e.Params.Freeze()
	}
	return e
}

// Forward returns every head's logits of the images, and then of their neighbours.
func (m *SCAN) Forward(s *parallax.Step) []torch.Tensor {
	z := m.logits(s.Views)
	return append(z[0], z[1]...)
}

// Loss is equation 2, summed or averaged over the heads. As in the official code, the entropy is that of the mean over
// the batch of images, without their neighbours. The mean of the entropies would make every assignment uncertain.
func (m *SCAN) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	var consistencies, entropies []torch.Tensor
	for h := range len(z) / 2 {
		p, q := s.Gather(z[h].Softmax(1)), s.Gather(z[h+len(z)/2].Softmax(1)) // N x C: Φ(x), Φ(n(x))
		agreement := p.Mul(q).Sum(1).Clamp(1e-30, math.Inf(1))                // ⟨Φ(x), Φ(n(x))⟩
		average := p.Mean(0)
		consistencies = append(consistencies, agreement.Log().Mean().Neg())
		entropies = append(entropies, part.Entropy(average, average).Sum()) // H, at most ln C
	}
	consistency, spread := part.Mean(consistencies), part.Mean(entropies)
	s.Report("consistency", consistency)
	s.Report("entropy", spread)
	return consistency.Sub(spread.Scale(m.EntropyWeight)).Scale(m.counted(len(z) / 2))
}

// counted is how often the mean loss of the heads counts.
func (m *SCAN) counted(heads int) float64 {
	if m.SumHeads {
		return float64(heads)
	}
	return 1
}

// heads are linear layers from the backbone's features to the logits of the clusters.
type heads struct {
	encoder parallax.Encoder
	count   int
	params  *nn.Params
	running bool // batch norm uses its running statistics
}

// build makes the backbone and the heads heads.0, heads.1, ... under params. The projector returns the logits of all
// heads side by side.
func (h *heads) build(b *parallax.Build, params *nn.Params, n, classes int) parallax.Encoder {
	network := b.Backbone.Build(params.Sub("backbone"))
	var layers []nn.Layer
	for i := range n {
		p := params.Sub("heads").Sub(strconv.Itoa(i))
		layers = append(layers, nn.NewLinear(p, b.Backbone.Features(), classes, true))
	}
	h.params, h.count = params, n
	h.encoder = parallax.Encoder{
		Backbone:  network,
		Projector: nn.Func(func(x torch.Tensor) torch.Tensor { return torch.Cat(1, all(layers, x)...) }),
		Params:    params.Sub("backbone"),
		Features:  b.Backbone.Features(),
	}
	return h.encoder
}

// logits returns, for every view, the logits of every head.
func (h *heads) logits(views []torch.Tensor) [][]torch.Tensor {
	if h.running {
		defer h.params.Train(h.params.Training())
		h.params.Train(false)
	}
	z := make([][]torch.Tensor, len(views))
	for i, logits := range part.Embed(h.encoder, views) {
		z[i] = logits.Chunk(1, h.count)
	}
	return z
}

// all returns every layer's output for x.
func all(layers []nn.Layer, x torch.Tensor) []torch.Tensor {
	out := make([]torch.Tensor, len(layers))
	for i, l := range layers {
		out[i] = l.Forward(x)
	}
	return out
}

var selfLabelEntry = Entry{
	Name:  "scan-selflabel",
	Title: "SCAN, self-labelling",
	Date:  "2020-05",
	Paper: scanEntry.Paper,
	Equation: "L = mean over clusters c of the mean of -log Φ(strong view)_c over the images whose weak view has Φ_c " +
		"above the threshold",
	Collapse: "starting from SCAN's clusters, and giving a large cluster no more weight than a small one",
	Prevents: []Switch{
		{[]string{"method.balance=false"}, "a large cluster counts more, and takes the small ones"},
	},
	Uses: []Part{Clusters},
	New:  func() parallax.Method { return NewSelfLabel() },
}

// SelfLabel trains on the images of which SCAN is certain: the cluster of the weak view is the label of the strong
// view.
type SelfLabel struct {
	Classes   int     // C, as in the clustering stage
	Threshold float64 // the probability above which an image gets a label
	Balance   bool    // clusters count equally; off: images count equally
	// how much of the parameters before a step stays: after it they are ema times the old plus 1-ema times the new
	// ones; 0.999 in the official configs for ImageNet, 0 (off) in the others
	EMA float64
	// batch norm uses the running statistics of the clustering stage, which do not change; off in the official code
	FrozenNorm bool

	heads
	average *nn.Params
}

// NewSelfLabel returns SCAN's self-labelling stage with the paper's hyperparameters (section 2.3 and the official
// configs).
func NewSelfLabel() *SelfLabel { return &SelfLabel{Classes: 10, Threshold: 0.99, Balance: true} }

// Command is the command that runs it: it needs the result of the clustering stage.
func (m *SelfLabel) Command() string { return "cluster" }

// Validate checks the hyperparameters.
func (m *SelfLabel) Validate() error {
	return part.First(
		part.AtLeast("classes", m.Classes, 2),
		part.Fraction("threshold", m.Threshold),
		part.Fraction("ema", m.EMA),
		part.Below("ema", m.EMA, 1),
	)
}

// Views returns the weak view, which gives the label, and the strong view, which learns it.
func (m *SelfLabel) Views(size int) []augment.Recipe {
	return []augment.Recipe{augment.EvalRecipe(size), augment.SCANStrongRecipe(size)}
}

// Build makes the backbone and one head, and their moving average.
func (m *SelfLabel) Build(b *parallax.Build) parallax.Encoder {
	e := m.heads.build(b, b.Params, 1, m.Classes)
	m.running = m.FrozenNorm
	if m.EMA > 0 {
		m.average = b.Params.Sub("average")
		new(heads).build(b, m.average, 1, m.Classes)
		m.average.Freeze()
	}
	return e
}

// Update draws the networks back to their moving average, as in the official code: θ ← mθ' + (1-m)θ with m the EMA and
// θ' the parameters before the step. The running statistics of batch norm stay those of the start.
func (m *SelfLabel) Update(*parallax.Step) {
	if m.EMA == 0 {
		return
	}
	for _, name := range []string{"backbone", "heads"} {
		online, average := m.params.Sub(name), m.average.Sub(name)
		average.MoveTowards(online, m.EMA)
		online.CopyFrom(average)
	}
}

// Forward returns the logits of the weak view, without gradient, and those of the strong view. The moving average
// begins with the weights of the first step.
func (m *SelfLabel) Forward(s *parallax.Step) []torch.Tensor {
	if m.EMA > 0 && s.At == 0 {
		for _, name := range []string{"backbone", "heads"} {
			m.average.Sub(name).CopyFrom(m.params.Sub(name))
		}
	}
	var weak torch.Tensor
	torch.NoGrad(func() { weak = m.logits(s.Views[:1])[0][0] })
	return []torch.Tensor{weak, m.logits(s.Views[1:])[0][0]}
}

// Joins is true: only the strong view has a gradient.
func (m *SelfLabel) Joins() bool { return true }

// Loss is the cross-entropy on confident images; 0 if the batch has none.
func (m *SelfLabel) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	p := z[0].Detach().Softmax(1)
	label := torch.Eye(m.Classes, p.DType()).IndexSelect(0, p.ArgMax(1)) // N x C, one-hot
	sure := p.Max(1).Gt(torch.Full(m.Threshold, p.DType())).To(p.DType()).Unsqueeze(1)
	label = s.Gather(label.Mul(sure))                     // 0 where not sure
	cost := s.Gather(z[1].LogSoftmax(1)).Mul(label).Neg() // N x C: -log Φ_c
	s.Report("confident", label.Sum(1).Mean())
	count := label.Sum(0) // of each cluster
	if m.Balance {
		// Weights in inverse proportion to the counts, divided by their sum, as in the official code.
		clusters := count.Clamp(0, 1).Sum().Clamp(1, math.Inf(1))
		return cost.Sum(0).Div(count.Clamp(1, math.Inf(1))).Sum().Div(clusters)
	}
	return cost.Sum().Div(count.Sum().Clamp(1, math.Inf(1)))
}

// Assign is the first head's Φ, N x C. The heads differ only in where they began.
func (m *SCAN) Assign(z torch.Tensor, _ int) torch.Tensor {
	return z.Narrow(1, 0, m.Classes).Softmax(1)
}

// Assign is Φ, N x C.
func (m *SelfLabel) Assign(z torch.Tensor, _ int) torch.Tensor { return z.Softmax(1) }

// Collapsed is the loss of uniform assignments, which are the best if the entropy's weight is 2 or more. With a smaller
// weight one cluster may be better.
func (m *SCAN) Collapsed(int) parallax.Collapsed {
	loss := m.counted(m.Heads) * (1 - m.EntropyWeight) * math.Log(float64(m.Classes))
	c := part.Chance(loss, "too small a weight of the entropy (method.entropy_weight), and one cluster takes all; or "+
		"neighbours that say nothing of classes, from a pretext task that learnt little")
	c.Value.Known = m.EntropyWeight >= 2
	return c
}

// Collapsed is not determined: the loss depends on how certain the network is.
func (m *SelfLabel) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "clusters of the stage before that take nearly all images, or a threshold that " +
		"only few of them pass (method.threshold)"}
}
