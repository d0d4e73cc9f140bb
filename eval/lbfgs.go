// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"

	"github.com/parallax-ssl/parallax/torch"
)

// Penalties are the strengths of regularisation from which LBFGS chooses.
var Penalties = []float64{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1}

const (
	lbfgsStore     = 10   // pairs of differences that approximate the curvature
	lbfgsGradient  = 1e-6 // the fit ends when no partial derivative is larger
	lbfgsMostSteps = 1000 // evaluations of the loss, for one penalty
)

// LBFGS fits softmax regression with l2 regularisation by L-BFGS (Liu & Nocedal 1989), with Moré and Thuente's line
// search: W and b minimise the mean cross-entropy of standardised features plus λ/2 |W|², which scikit-learn calls
// C = 1/(λN). For each given λ, largest first, a classifier is fitted to the rows that are not held out, from the
// weights of the one before. The λ with the highest accuracy on the held-out rows is chosen, the largest if there are
// several; a classifier is then fitted to all rows. A fit ends when no partial derivative is above 1e-6, or after 1000
// evaluations. LBFGS computes in float64 and holds a copy of the features.
func (l *Labelled) LBFGS(penalties []float64) (f Fit) {
	penalties = slices.Sorted(slices.Values(penalties))
	if len(penalties) == 0 || !(penalties[0] > 0) {
		torch.Fail("LBFGS", "penalties %v: want one or more, each above 0", penalties)
	}
	nested(func() {
		heldOut := make([]float64, len(penalties))
		nested(func() {
			mean, scale := l.spread(l.kept)
			fit := l.regression(l.kept, mean, scale)
			for i, penalty := range slices.Backward(penalties) {
				fit.minimise(penalty)
				nested(func() { heldOut[i] = l.accuracy(fit.classifier(mean, scale), l.held) })
			}
		})
		f.choose(penalties, heldOut)
		every := slices.Concat(l.kept, l.held)
		mean, scale := l.spread(every)
		fit := l.regression(every, mean, scale)
		fit.minimise(f.Chosen)
		f.Classifier = fit.classifier(mean, scale).keep()
	})
	return f
}

// Regression fits the softmax regression of [Labelled.LBFGS] with one penalty to all of some rows of features h (N x D)
// with labels 0 ... classes-1; none is held out. The features are standardised by the statistics of over (M x D), which
// needs no labels: of few rows the statistics say little.
func Regression(h torch.Tensor, labels []int, classes int, penalty float64, over torch.Tensor) (c Classifier) {
	const op = "Regression"
	matches(op, "features", h, labels, classes)
	index, _ := labelled(labels)
	if len(index) == 0 || !(penalty > 0) {
		torch.Fail(op, "%d rows with a label and penalty %g: want at least 1, and a penalty above 0", len(index),
			penalty)
	}
	nested(func() {
		finite(op, "features", h)
		whole := &Labelled{h: over.Detach(), labels: make([]int, over.Size(0)), classes: classes}
		every := make([]int, over.Size(0))
		for i := range every {
			every[i] = i
		}
		mean, scale := whole.spread(every)
		few := &Labelled{h: h.Detach(), labels: labels, classes: classes}
		fit := few.regression(index, mean, scale)
		fit.minimise(penalty)
		c = fit.classifier(mean, scale).keep()
	})
	return c
}

// regression is a softmax regression that is being fitted.
type regression struct {
	x, y    torch.Tensor // rows with a last column of ones, N x D+1; their classes as rows of the identity
	w       []float64    // the parameters, classes x D+1
	shape   [2]int       // classes, D+1
	penalty float64
}

// regression begins a fit to some rows, at weights of 0.
func (l *Labelled) regression(index []int, mean, scale torch.Tensor) *regression {
	n, d := len(index), l.h.Size(1)
	r := &regression{x: torch.Ones(torch.F64, n, d+1), shape: [2]int{l.classes, d + 1}}
	r.w = make([]float64, l.classes*(d+1))
	var known []int
	l.blocks(index, func(h torch.Tensor, of []int) {
		h.Sub(mean).Div(scale).CopyInto(r.x.Narrow(0, len(known), len(of)).Narrow(1, 0, d))
		known = append(known, of...)
	})
	r.y = torch.Eye(l.classes, torch.F64).IndexSelect(0, torch.FromInts(known, n))
	return r
}

// loss returns the loss at w and writes its gradient.
func (r *regression) loss(w, gradient []float64) (value float64) {
	nested(func() {
		n := float64(r.x.Size(0))
		all := torch.FromFloat64(w, r.shape[0], r.shape[1])
		logits := r.x.MatMul(all.T())
		weight := all.Narrow(1, 0, r.shape[1]-1)
		value = logits.LogSoftmax(1).Mul(r.y).Sum().Item()/-n + r.penalty/2*weight.Square().Sum().Item()
		g := logits.Softmax(1).Sub(r.y).T().MatMul(r.x).Scale(1 / n)
		weight.AddInto(g.Narrow(1, 0, r.shape[1]-1), r.penalty)
		copy(gradient, g.Float64s())
	})
	return value
}

// minimise moves the parameters to the least loss. gonum's own loop calls the loss from other goroutines, and libtorch
// belongs to this one, so its method is driven here.
func (r *regression) minimise(penalty float64) {
	r.penalty = penalty
	directions := &optimize.LBFGS{Store: lbfgsStore}
	method := optimize.LinesearchMethod{NextDirectioner: directions, Linesearcher: &optimize.MoreThuente{}}
	at := &optimize.Location{X: slices.Clone(r.w), Gradient: make([]float64, len(r.w))}
	at.F = r.loss(at.X, at.Gradient)
	small := func() bool { return floats.Norm(at.Gradient, math.Inf(1)) <= lbfgsGradient }
	if small() {
		return
	}
	left := lbfgsMostSteps
	// An error of the method says that rounding hides any further progress.
	for do, err := method.Init(at); err == nil && left > 0; do, err = method.Iterate(at) {
		if do != optimize.MajorIteration {
			at.F = r.loss(at.X, at.Gradient)
			left--
			continue
		}
		copy(r.w, at.X)
		if small() {
			return
		}
	}
}

// classifier returns the fitted classifier.
func (r *regression) classifier(mean, scale torch.Tensor) Classifier {
	all, d := torch.FromFloat64(r.w, r.shape[0], r.shape[1]), r.shape[1]-1
	return Classifier{mean, scale, all.Narrow(1, 0, d).Clone(), all.Narrow(1, d, 1).Reshape(r.shape[0])}
}
