// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// Labelled is a set of frozen features with their classes. A fifth is held out, so that a classifier's settings can be
// chosen without looking at its test set. [Labelled.Ridge] and [Labelled.Softmax] fit classifiers to it.
type Labelled struct {
	h          torch.Tensor // N x D
	labels     []int        // of every row of h
	kept, held []int        // rows of h
	classes    int
}

// NewLabelled takes features h (N x D) and their labels, 0 ... classes-1. Rows labelled -1 are left out; at least two
// must be left. r draws which rows are held out. h is used until the last fit.
func NewLabelled(h torch.Tensor, labels []int, classes int, r *rand.Rand) *Labelled {
	const op = "Labelled"
	matches(op, "features", h, labels, classes)
	index, _ := labelled(labels)
	if len(index) < 2 {
		torch.Fail(op, "%d rows have a label: a linear classifier needs two, one to fit it to and one to choose its "+
			"settings by", len(index))
	}
	nested(func() { finite(op, "features", h) })
	r.Shuffle(len(index), func(i, j int) { index[i], index[j] = index[j], index[i] })
	held := max(1, len(index)/5)
	l := &Labelled{h: h.Detach(), labels: labels, kept: index[held:], held: index[:held], classes: classes}
	slices.Sort(l.kept)
	slices.Sort(l.held)
	return l
}

// rows returns the rows of index, in float64, and their labels.
func (l *Labelled) rows(index []int) (torch.Tensor, []int) {
	labels := make([]int, len(index))
	for i, row := range index {
		labels[i] = l.labels[row]
	}
	return l.h.IndexSelect(0, torch.FromInts(index, len(index))).To(torch.F64), labels
}

// blockRows is how many rows of features are converted to float64 at a time.
const blockRows = 4096

// blocks calls f with the rows of index in blocks, each in its own scope.
func (l *Labelled) blocks(index []int, f func(h torch.Tensor, labels []int)) {
	for block := range slices.Chunk(index, blockRows) {
		nested(func() { f(l.rows(block)) })
	}
}

// accuracy returns a classifier's accuracy on some rows.
func (l *Labelled) accuracy(c Classifier, index []int) float64 {
	right := 0
	l.blocks(index, func(h torch.Tensor, labels []int) {
		for _, rank := range c.Ranks(h, labels) {
			if rank == 0 {
				right++
			}
		}
	})
	return float64(right) / float64(len(index))
}

// A Fit is a classifier and the choice of its setting.
type Fit struct {
	Classifier
	Chosen   float64   // the setting with the highest accuracy on the held-out rows
	Settings []float64 // all settings tried
	HeldOut  []float64 // the accuracy of each on the held-out rows
}

// choose records the best setting, the last one if there are several.
func (f *Fit) choose(settings, heldOut []float64) {
	best := 0
	for i, accuracy := range heldOut {
		if accuracy >= heldOut[best] {
			best = i
		}
	}
	f.Chosen, f.Settings, f.HeldOut = settings[best], settings, heldOut
}

// A Classifier is linear: it scores the classes of a feature x by w·(x-mean)/scale + bias. Its tensors, in float64,
// live as long as the scope it was made in.
type Classifier struct {
	mean, scale torch.Tensor // D
	weight      torch.Tensor // classes x D
	bias        torch.Tensor // classes
}

// keep hands the tensors to the scope around the running one.
func (c Classifier) keep() Classifier {
	return Classifier{c.mean.Keep(), c.scale.Keep(), c.weight.Keep(), c.bias.Keep()}
}

// Affine returns the scores as a linear map of the features as they are, in float64: weight (classes x D) and bias
// (classes). It can begin the head of a network that is trained further.
func (c Classifier) Affine() (weight, bias torch.Tensor) {
	weight = c.weight.Div(c.scale)
	return weight, c.bias.Sub(weight.Mul(c.mean).Sum(1))
}

// Ranks returns the rank of the right class of every row of h (N x D) among all classes by score. Rank 0 is first, so
// the right class is among five guesses if its rank is below 5. Of classes with equal scores the lower one comes first.
// A row labelled -1 has rank -1.
func (c Classifier) Ranks(h torch.Tensor, labels []int) (ranks []int) {
	const op = "Ranks"
	classes := c.bias.Size(0)
	matches(op, "features", h, labels, classes)
	if got, want := h.Size(1), c.mean.Size(0); got != want {
		torch.Fail(op, "features of width %d for a classifier of width %d", got, want)
	}
	nested(func() { finite(op, "features", h) })
	for from := 0; from < len(labels); from += blockRows {
		n := min(blockRows, len(labels)-from)
		right := make([]int, n)
		for i := range right {
			right[i] = max(0, labels[from+i])
		}
		nested(func() {
			x := h.Narrow(0, from, n).Detach().To(torch.F64).Sub(c.mean).Div(c.scale)
			scores, class := torch.Linear(x, c.weight, c.bias), torch.FromInts(right, n, 1)
			of := scores.Gather(1, class)
			higher := scores.Gt(of).To(torch.I64).Sum(1)
			equal := scores.Eq(of).To(torch.I64).Mul(torch.Arange(classes).Lt(class).To(torch.I64)).Sum(1)
			ranks = append(ranks, higher.Add(equal).Ints()...)
		})
	}
	for i, label := range labels {
		if label < 0 {
			ranks[i] = -1
		}
	}
	return ranks
}
