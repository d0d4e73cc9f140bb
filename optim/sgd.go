// SPDX-License-Identifier: Apache-2.0

package optim

import "github.com/parallax-ssl/parallax/torch"

// SGD is stochastic gradient descent: g = ∇ + decay·p; m = momentum·m + g, and m = g in the first step; p -= rate·m, or
// rate·(g + momentum·m) with Nesterov. It is torch.optim.SGD.
type SGD struct {
	Momentum           float64 // 0 (none) to below 1
	WeightDecay        float64 // added to the gradient as l2 regularisation
	Nesterov           bool
	ExcludeBiasAndNorm bool // no weight decay for parameters of one dimension
}

// Slots returns the momentum.
func (s SGD) Slots() []string {
	if s.Momentum == 0 {
		return nil
	}
	return []string{"momentum"}
}

// Move makes one step.
func (s SGD) Move(p Part) {
	d := decay(s.WeightDecay, p.Undecayed || p.Vector && s.ExcludeBiasAndNorm)
	descend(p, s.Momentum, d, s.Nesterov, torch.Trust{})
}

// descend is one step of gradient descent with momentum. Only a fused one may have a trust.
func descend(p Part, momentum, decay float64, nesterov bool, trust torch.Trust) {
	var ms []torch.Tensor
	if momentum != 0 {
		ms = p.Slots[0]
	}
	if p.Fused {
		torch.SGDAll(p.Params, ms, p.Rate, momentum, decay, nesterov, p.Step == 1, trust)
		return
	}
	torch.SGD(p.Params, ms, p.Rate, momentum, decay, nesterov, p.Step == 1)
}

func decay(d float64, excluded bool) float64 {
	if excluded {
		return 0
	}
	return d
}
