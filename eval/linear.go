// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Linear is an online linear probe: a softmax regression on features h that is trained along with the encoder, one step
// per batch, and never moves the encoder. Its accuracy follows, with some delay, what a linear classifier would reach
// on frozen features. Features are standardised by batch norm without affine parameters, as in He et al. 2022
// (arXiv:2111.06377, appendix A.1), so that one learning rate fits every encoder.
//
// Its state lives until [Linear.Free].
type Linear struct {
	params       *nn.Params
	norm         *nn.BatchNorm
	weight, bias torch.Tensor
	mean, square []torch.Tensor // Adam's moments of weight and bias
	classes      int
	steps        int // steps that Observe has made
}

// NewLinear makes a probe from features h of the given width to classes 0 ... classes-1, both at least 1. Equal seeds
// give equal initial weights.
func NewLinear(features, classes int, seed uint64) *Linear {
	if features < 1 || classes < 1 {
		torch.Fail("Linear", "a probe from %d features to %d classes: both must be at least 1", features, classes)
	}
	p := nn.NewParams(seed, torch.F32)
	l := &Linear{params: p, classes: classes}
	l.norm = nn.NewBatchNorm(p.Sub("norm"), features, false)
	l.weight = p.Param("weight", nn.Uniform(features), classes, features)
	l.bias = p.Param("bias", nn.Constant(0), classes)
	moments := func(name string) []torch.Tensor {
		q := p.Sub(name)
		return []torch.Tensor{q.Buffer("weight", torch.Zeros(torch.F32, classes, features)),
			q.Buffer("bias", torch.Zeros(torch.F32, classes))}
	}
	l.mean, l.square = moments("moment1"), moments("moment2")
	return l
}

// Observe makes one step of Adam on the cross-entropy of a batch, h (N x features) with its labels. It does not read or
// extend the history of h. Rows labelled -1 are left out. With fewer than two others it does nothing, because one row
// has no variance.
func (l *Linear) Observe(h torch.Tensor, labels []int) {
	l.check("Observe", h, labels)
	index, known := labelled(labels)
	if len(known) < 2 {
		return
	}
	nested(func() {
		if len(known) < len(labels) {
			h = h.IndexSelect(0, torch.FromInts(index, len(index)))
		}
		x := l.norm.Forward(h.Detach().To(torch.F32))
		target := torch.Eye(l.classes, torch.F32).IndexSelect(0, torch.FromInts(known, len(known)))
		// The gradient of the mean cross-entropy with respect to the logits is (softmax - target)/N.
		g := torch.Linear(x, l.weight, l.bias).Softmax(1).Sub(target).Scale(1 / float64(len(known)))
		l.weight.SetGrad(g.T().MatMul(x))
		l.bias.SetGrad(g.Sum(0))
		l.steps++
		ps := []torch.Tensor{l.weight, l.bias}
		torch.Adam(ps, l.mean, l.square, l.steps, l.rate(), 0.9, 0.999, 1e-8, 0, false)
		l.weight.SetGrad(torch.Tensor{})
		l.bias.SetGrad(torch.Tensor{})
	})
}

// rate is Adam's learning rate. Adam moves every weight by about the rate, and a standardised feature is about 1. So
// this rate moves a logit by at most about 0.5 in a step, whatever the number of features.
func (l *Linear) rate() float64 { return 0.5 / float64(l.weight.Size(1)) }

// Predict returns the class of every row of h (N x features), with the running statistics of the observed features.
func (l *Linear) Predict(h torch.Tensor) []int {
	l.check("Predict", h, unknown(h.Size(0)))
	var predictions []int
	nested(func() {
		l.params.Train(false)
		defer l.params.Train(true)
		x := l.norm.Forward(h.Detach().To(torch.F32))
		predictions = torch.Linear(x, l.weight, l.bias).ArgMax(1).Ints()
	})
	return predictions
}

// Accuracy returns the share of rows of h (N x features) whose class is predicted, among those whose label is not -1;
// NaN if there is none.
func (l *Linear) Accuracy(h torch.Tensor, labels []int) float64 {
	l.check("Accuracy", h, labels)
	return accuracy(l.Predict(h), labels)
}

func (l *Linear) check(op string, h torch.Tensor, labels []int) {
	matches(op, "features", h, labels, l.classes)
	if got, want := h.Size(1), l.weight.Size(1); got != want {
		torch.Fail(op, "features of width %d for a probe of width %d", got, want)
	}
}

// State copies out the whole probe: weights, statistics and the optimiser's moments.
func (l *Linear) State() []nn.State { return l.params.State() }

// Load restores a State; training then continues bit for bit. It is as strict as [nn.Params.Load].
func (l *Linear) Load(states []nn.State) error {
	if err := l.params.Load(states); err != nil {
		return err
	}
	// Every step of Observe is one batch of the norm.
	seen, _ := l.params.Get("norm.num_batches_tracked")
	l.steps = int(seen.Item())
	return nil
}

// Free frees the probe.
func (l *Linear) Free() { l.params.Free() }
