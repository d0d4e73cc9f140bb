// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// Lambdas are the regularisation strengths from which Ridge chooses.
var Lambdas = []float64{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10}

// Ridge fits linear regression on one-hot labels with l2 regularisation, in closed form: features are standardised, and
// W and b minimise the mean of |Wx + b - y|² + λ|W|². For each given λ, smallest first, a classifier is fitted to the
// rows that are not held out. The λ with the highest accuracy on the held-out rows is chosen, the largest if there are
// several; its classifier is then fitted to all rows. Ridge computes in float64. For either part of the rows it holds a
// matrix whose side is the number of features D or the number of rows, whichever is less.
func (l *Labelled) Ridge(lambdas []float64) (f Fit) {
	nested(func() {
		all := slices.Concat(l.kept, l.held)
		if len(all) < l.h.Size(1) {
			f.chooseLambda(l, lambdas, l.dual(l.kept))
			f.Classifier = l.dual(all)(f.Chosen).keep()
			return
		}
		centre := l.centre()
		kept, held := l.moments(l.kept, centre), l.moments(l.held, centre)
		f.chooseLambda(l, lambdas, func(lambda float64) Classifier { return kept.ridge(lambda, centre) })
		f.Classifier = kept.plus(held).ridge(f.Chosen, centre).keep()
	})
	return f
}

// chooseLambda chooses by the accuracy on the held-out rows; fit is the classifier of a λ.
func (f *Fit) chooseLambda(l *Labelled, lambdas []float64, fit func(lambda float64) Classifier) {
	heldOut := make([]float64, len(lambdas))
	for i, lambda := range lambdas {
		nested(func() { heldOut[i] = l.accuracy(fit(lambda), l.held) })
	}
	f.choose(lambdas, heldOut)
}

// dual returns ridge regression on some rows, which are fewer than the features, for any λ. For standardised rows X
// (N x D) and centred targets Y the solution is Wᵀ = Xᵀ(XXᵀ/N + λI)⁻¹Y/N (Saunders et al. 1998, "Ridge Regression
// Learning Algorithm in Dual Variables"), so that the system has N unknowns instead of D.
func (l *Labelled) dual(index []int) func(lambda float64) Classifier {
	h, labels := l.rows(index)
	n := 1 / float64(len(index))
	y := torch.Eye(l.classes, torch.F64).IndexSelect(0, torch.FromInts(labels, len(labels)))
	mean, prior := h.Sum(0).Scale(n), y.Sum(0).Scale(n)
	x := h.Sub(mean)
	scale := unlessConstant(x.Square().Sum(0).Scale(n).Sqrt(), mean)
	x = x.Div(scale)
	products, targets := x.MatMul(x.T()).Scale(n), y.Sub(prior).Scale(n)
	return func(lambda float64) Classifier {
		weight := solved(products, targets, lambda).T().MatMul(x)
		return Classifier{mean: mean, scale: scale, weight: weight, bias: prior}
	}
}

// solved solves (system + λI) S = targets.
func solved(system, targets torch.Tensor, lambda float64) torch.Tensor {
	factor, ok := system.Add(torch.Eye(system.Size(0), torch.F64).Scale(lambda)).Cholesky()
	if !ok {
		torch.Fail("Ridge", "the features' correlations plus %g on the diagonal are not positive definite: "+
			"use a larger lambda", lambda)
	}
	return factor.T().SolveTriangular(factor.SolveTriangular(targets, false), true)
}

// centre is the mean of all rows. Sums are over differences from it, so that nothing large cancels.
func (l *Labelled) centre() torch.Tensor {
	sum := torch.Zeros(torch.F64, l.h.Size(1))
	for _, index := range [][]int{l.kept, l.held} {
		l.blocks(index, func(h torch.Tensor, _ []int) { h.Sum(0).AddInto(sum, 1) })
	}
	return sum.Scale(1 / float64(len(l.kept)+len(l.held)))
}

// moments are the sums over rows x with targets y that ridge regression needs.
type moments struct {
	n      int
	x, y   torch.Tensor // sums: D, classes
	xx, xy torch.Tensor // sums of xxᵀ and xyᵀ: D x D, D x classes
}

// moments sums over the rows minus the centre.
func (l *Labelled) moments(index []int, centre torch.Tensor) moments {
	d := l.h.Size(1)
	zeros := func(shape ...int) torch.Tensor { return torch.Zeros(torch.F64, shape...) }
	m := moments{len(index), zeros(d), zeros(l.classes), zeros(d, d), zeros(d, l.classes)}
	eye := torch.Eye(l.classes, torch.F64)
	l.blocks(index, func(h torch.Tensor, labels []int) {
		x, y := h.Sub(centre), eye.IndexSelect(0, torch.FromInts(labels, len(labels)))
		x.Sum(0).AddInto(m.x, 1)
		y.Sum(0).AddInto(m.y, 1)
		x.T().MatMul(x).AddInto(m.xx, 1)
		x.T().MatMul(y).AddInto(m.xy, 1)
	})
	return m
}

func (m moments) plus(o moments) moments {
	return moments{m.n + o.n, m.x.Add(o.x), m.y.Add(o.y), m.xx.Add(o.xx), m.xy.Add(o.xy)}
}

// ridge solves (R + λI) Wᵀ = C for the correlations R of the features and their covariances C with the targets.
func (m moments) ridge(lambda float64, centre torch.Tensor) Classifier {
	n := 1 / float64(m.n)
	mean, prior := m.x.Scale(n), m.y.Scale(n)
	outer := func(a, b torch.Tensor) torch.Tensor { return a.Unsqueeze(1).Mul(b.Unsqueeze(0)) }
	covariance := m.xx.Scale(n).Sub(outer(mean, mean))
	scale := unlessConstant(covariance.Diagonal().Clamp(0, math.Inf(1)).Sqrt(), centre)
	targets := m.xy.Scale(n).Sub(outer(mean, prior)).Div(scale.Unsqueeze(1))
	weight := solved(covariance.Div(outer(scale, scale)), targets, lambda).T()
	return Classifier{mean: centre.Add(mean), scale: scale, weight: weight, bias: prior}
}
