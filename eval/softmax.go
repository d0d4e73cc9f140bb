// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// SGD is how [Labelled.Softmax] trains: with momentum 0.9, without weight decay, from weights of 0. The rate falls from
// one of Rates to 0 along half a cosine.
type SGD struct {
	Rates  []float64 // rates to try, smallest first, at batch 256; another batch scales them by batch/256
	Epochs int
	Batch  int
}

// UsualSGD returns the settings of the linear probe. Each rate is about three times the one before.
func UsualSGD() SGD {
	return SGD{Rates: []float64{0.003, 0.01, 0.03, 0.1, 0.3, 1}, Epochs: 50, Batch: 256}
}

// Softmax trains a softmax regression by SGD on the frozen, standardised features. For each given rate it trains a
// classifier on the rows that are not held out, all side by side, in one order of the rows drawn from r. The rate with
// the highest accuracy on the held-out rows is chosen, the largest if there are several; its classifier is then trained
// on all rows. Softmax computes in float32 and holds a copy of the features.
func (l *Labelled) Softmax(o SGD, r *rand.Rand) (f Fit) {
	if len(o.Rates) == 0 || o.Epochs < 1 || o.Batch < 1 {
		torch.Fail("Softmax", "%d rates, %d epochs and batches of %d: each must be at least 1", len(o.Rates), o.Epochs,
			o.Batch)
	}
	nested(func() {
		heldOut := make([]float64, len(o.Rates))
		nested(func() {
			for i, c := range l.descend(l.kept, o, o.Rates, r) {
				heldOut[i] = l.accuracy(c, l.held)
			}
		})
		f.choose(o.Rates, heldOut)
		f.Classifier = l.descend(slices.Concat(l.kept, l.held), o, []float64{f.Chosen}, r)[0].keep()
	})
	return f
}

// descend trains one classifier per rate on some rows.
func (l *Labelled) descend(index []int, o SGD, rates []float64, r *rand.Rand) []Classifier {
	mean, scale := l.spread(index)
	x, labels := l.standardised(index, mean, scale)
	n, d, k := len(index), l.h.Size(1), len(rates)
	batch := min(o.Batch, n)
	scaled := make([]float64, k)
	for i, rate := range rates {
		scaled[i] = rate * float64(batch) / 256
	}
	rate := torch.FromFloat64(scaled, k, 1, 1).To(torch.F32)
	// The trained parameters, and their momentum: the weights and, as their last column, the bias.
	zeros := func() torch.Tensor { return torch.Zeros(torch.F32, k, l.classes, d+1) }
	w, m := zeros(), zeros()
	eye := torch.Eye(l.classes, torch.F32)
	steps := o.Epochs * (n / batch)
	for step := 0; step < steps; {
		order := r.Perm(n)
		for ; len(order) >= batch; order = order[batch:] {
			nested(func() {
				rows := torch.FromInts(order[:batch], batch)
				xs, target := x.IndexSelect(0, rows), eye.IndexSelect(0, labels.IndexSelect(0, rows)).Unsqueeze(1)
				p := xs.MatMul(w.Reshape(k*l.classes, d+1).T()).Reshape(batch, k, l.classes).Softmax(2)
				// The gradient of the mean cross-entropy with respect to the logits is (softmax - target)/N.
				g := p.Sub(target).Scale(1/float64(batch)).Reshape(batch, k*l.classes)
				m.ScaleInto(0.9)
				g.T().MatMul(xs).Reshape(k, l.classes, d+1).AddInto(m, 1)
				m.Mul(rate).AddInto(w, -nn.Cosine(1, 0, step, steps))
			})
			step++
		}
	}
	classifiers := make([]Classifier, k)
	for i := range classifiers {
		of := w.Narrow(0, i, 1).Reshape(l.classes, d+1).To(torch.F64)
		classifiers[i] = Classifier{mean, scale, of.Narrow(1, 0, d), of.Narrow(1, d, 1).Reshape(l.classes)}
	}
	return classifiers
}

// spread returns the mean and the standard deviation of each feature over some rows; 1 for a constant feature.
func (l *Labelled) spread(index []int) (mean, scale torch.Tensor) {
	d, n := l.h.Size(1), 1/float64(len(index))
	sum, squares := torch.Zeros(torch.F64, d), torch.Zeros(torch.F64, d)
	l.blocks(index, func(h torch.Tensor, _ []int) { h.Sum(0).AddInto(sum, n) })
	l.blocks(index, func(h torch.Tensor, _ []int) { h.Sub(sum).Square().Sum(0).AddInto(squares, n) })
	return sum, unlessConstant(squares.Sqrt(), sum)
}

// unlessConstant returns the standard deviations, but 1 for those that are no more than rounding relative to the
// values: a feature without information keeps its unit.
func unlessConstant(deviation, values torch.Tensor) torch.Tensor {
	return deviation.Le(values.Abs().Scale(1e-12)).Where(torch.Ones(torch.F64), deviation)
}

// standardised returns the rows of index as they are trained on, with a last column of ones for the bias, and their
// labels.
func (l *Labelled) standardised(index []int, mean, scale torch.Tensor) (x, labels torch.Tensor) {
	x = torch.Ones(torch.F32, len(index), l.h.Size(1)+1)
	known, from := make([]int, 0, len(index)), 0
	l.blocks(index, func(h torch.Tensor, of []int) {
		h.Sub(mean).Div(scale).To(torch.F32).CopyInto(x.Narrow(0, from, len(of)).Narrow(1, 0, h.Size(1)))
		known, from = append(known, of...), from+len(of)
	})
	return x, torch.FromInts(known, len(known))
}
