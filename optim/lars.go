// SPDX-License-Identifier: Apache-2.0

package optim

import "github.com/parallax-ssl/parallax/torch"

// LARS is SGD with momentum that first scales the gradient of each tensor to the size of its weights (You et al.,
// arXiv:1708.03888): g = trust·(∇ + decay·p), trust = eta·‖p‖ / (‖∇‖ + decay·‖p‖ + eps). A tensor whose weights or
// gradient are all zero keeps its plain gradient, without weight decay, as in solo-learn and lightly.
type LARS struct {
	Momentum           float64 // 0 (none) to below 1
	WeightDecay        float64
	Eta                float64 // the trust coefficient, above 0; the paper's is 0.001
	Clip               bool    // trust = min(trust/rate, 1): the step rate·trust is then at most that of plain SGD
	Eps                float64 // keeps the denominator from 0; 1e-8
	Nesterov           bool
	ExcludeBiasAndNorm bool // parameters of one dimension move as by SGD without weight decay
}

// Slots returns the momentum.
func (l LARS) Slots() []string { return SGD{Momentum: l.Momentum}.Slots() }

// Move makes one step. It reads the norms of all tensors back at once, so that it waits for the device only once.
func (l LARS) Move(p Part) {
	switch {
	case p.Vector && l.ExcludeBiasAndNorm:
		descend(p, l.Momentum, 0, l.Nesterov, torch.Trust{})
	case p.Fused:
		descend(p, l.Momentum, decay(l.WeightDecay, p.Undecayed), l.Nesterov, torch.Trust{Eta: l.Eta, Eps: l.Eps,
			Clip: l.Clip})
	default:
		l.scale(p)
		descend(p, l.Momentum, 0, l.Nesterov, torch.Trust{})
	}
}

// scale multiplies the gradients by their trust, in place.
func (l LARS) scale(p Part) {
	norms := []torch.Tensor{torch.GradNorms(p.Params)}
	for _, t := range p.Params {
		norms = append(norms, t.Detach().Norm().Reshape(1))
	}
	values := torch.Cat(0, norms...).Float64s()
	gradients, weights := values[:len(p.Params)], values[len(p.Params):]
	d := decay(l.WeightDecay, p.Undecayed)
	for i, t := range p.Params {
		if weights[i] == 0 || gradients[i] == 0 {
			continue
		}
		trust := l.Eta * weights[i] / (gradients[i] + d*weights[i] + l.Eps)
		if l.Clip {
			trust = min(trust/p.Rate, 1)
		}
		g := t.Grad()
		if d != 0 {
			t.Detach().AddInto(g, d)
		}
		g.ScaleInto(trust)
	}
}
