// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var scanEntry = Entry{
	Name:     "scan",
	Title:    "SCAN",
	Date:     "2020-05",
	Paper:    "Van Gansbeke, Vandenhende, Georgoulis, Proesmans & Van Gool: SCAN: Learning to Classify Images without Labels. ECCV 2020, arXiv:2005.12320",
	Equation: "L = -mean of log⟨Φ(x), Φ(n(x))⟩ - λ H(mean of Φ(x)),  Φ the probabilities of C clusters, n(x) one of x's nearest neighbours",
	Collapse: "maximising the entropy of the batch's mean assignment: with all images in one cluster it is 0",
	Uses:     []Part{Clusters},
	New:      func() parallax.Method { return NewSCAN() },
}

// SCAN gives an image and its nearest neighbours among the features of a pretext task the same cluster. It is the clustering
// stage; [SelfLabel] follows it.
type SCAN struct {
	Classes       int     // C, the number of clusters
	Heads         int     // that cluster side by side; the one with the smallest loss is taken in the end
	Neighbours    int     // K nearest ones of an image, of which a step has one; 20, and 50 for ImageNet (section 3.1)
	EntropyWeight float64 // λ; the paper's supplement and the configs say 5, the official code's default, 2, is not used; 0 leaves the entropy out

	heads
	neighbours [][]int
}

// NewSCAN returns SCAN's clustering stage with the paper's hyperparameters (section 3.1 and the official configs).
func NewSCAN() *SCAN { return &SCAN{Classes: 10, Heads: 10, Neighbours: 20, EntropyWeight: 5} }

// Command is how it is run: it needs an encoder that a pretext task has trained.
func (m *SCAN) Command() string { return "cluster" }

// Validate checks the hyperparameters.
func (m *SCAN) Validate() error {
	return first(
		atLeast("classes", m.Classes, 2),
		atLeast("heads", m.Heads, 1),
		atLeast("neighbours", m.Neighbours, 1),
		nonNegative("entropy_weight", m.EntropyWeight),
	)
}

// Views returns two strong views, the second of a neighbour.
func (m *SCAN) Views(size int) []augment.Recipe { return inTurn(2, augment.SCANStrongRecipe(size)) }

// SetNeighbours says which images are near each: one list per image, none empty. Without it an image is its own neighbour.
func (m *SCAN) SetNeighbours(near [][]int) { m.neighbours = near }

// Pair draws one of an image's neighbours.
func (m *SCAN) Pair(index int, r *rand.Rand) int {
	if m.neighbours == nil {
		return index
	}
	near := m.neighbours[index]
	return near[r.IntN(len(near))]
}

// Build makes the backbone and the heads.
func (m *SCAN) Build(b *parallax.Build) parallax.Encoder { return m.heads.build(b, m.Heads, m.Classes) }

// Forward returns every head's logits of the images, and then of their neighbours.
func (m *SCAN) Forward(s *parallax.Step) []torch.Tensor {
	return append(m.logits(s.Views[0]), m.logits(s.Views[1])...)
}

// Loss is equation 2, averaged over the heads. The entropy is that of the mean over the batch, of the images and not of
// their neighbours as in the official code; the mean of the entropies would make every assignment uncertain.
func (m *SCAN) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	var consistencies, entropies []torch.Tensor
	for h := range len(z) / 2 {
		p, q := s.Gather(z[h].Softmax(1)), s.Gather(z[h+len(z)/2].Softmax(1)) // N x C: Φ(x), Φ(n(x))
		agreement := p.Mul(q).Sum(1).Clamp(1e-30, math.Inf(1))                // ⟨Φ(x), Φ(n(x))⟩
		average := p.Mean(0)
		consistencies = append(consistencies, agreement.Log().Mean().Neg())
		entropies = append(entropies, entropyOf(average, average).Sum()) // H, at most ln C
	}
	consistency, spread := mean(consistencies), mean(entropies)
	s.Report("consistency", consistency)
	s.Report("entropy", spread)
	return consistency.Sub(spread.Scale(m.EntropyWeight))
}

// heads are linear layers from the backbone's features to the logits of clusters.
type heads struct {
	backbone nn.Layer
	layers   []nn.Layer
}

// build makes the backbone and heads heads.0, heads.1, ... The projector gives the logits of all heads side by side.
func (h *heads) build(b *parallax.Build, n, classes int) parallax.Encoder {
	h.backbone, h.layers = b.Backbone.Build(b.Params.Sub("backbone")), nil
	for i := range n {
		p := b.Params.Sub("heads").Sub(strconv.Itoa(i))
		h.layers = append(h.layers, nn.NewLinear(p, b.Backbone.Features(), classes, true))
	}
	layers := h.layers
	return parallax.Encoder{
		Backbone:  h.backbone,
		Projector: nn.Func(func(x torch.Tensor) torch.Tensor { return torch.Cat(1, all(layers, x)...) }),
		Params:    b.Params.Sub("backbone"),
		Features:  b.Backbone.Features(),
	}
}

// logits are those of every head for one view.
func (h *heads) logits(view torch.Tensor) []torch.Tensor {
	return all(h.layers, h.backbone.Forward(view))
}

// all returns every layer's output for x.
func all(layers []nn.Layer, x torch.Tensor) []torch.Tensor {
	out := make([]torch.Tensor, len(layers))
	for i, l := range layers {
		out[i] = l.Forward(x)
	}
	return out
}
