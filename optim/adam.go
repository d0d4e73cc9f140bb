// SPDX-License-Identifier: Apache-2.0

package optim

import "github.com/parallax-ssl/parallax/torch"

// Adam divides the running mean of the gradient by the root of its running square (Kingma & Ba, arXiv:1412.6980,
// algorithm 1). It is torch.optim.Adam: weight decay is l2 regularisation, added to the gradient.
type Adam struct {
	Beta1, Beta2       float64 // decay of the two running means, 0 to below 1; the paper's are 0.9 and 0.999
	Eps                float64 // added to the root; the paper's is 1e-8
	WeightDecay        float64
	ExcludeBiasAndNorm bool // no weight decay for parameters of one dimension
}

// Slots returns the two running means.
func (a Adam) Slots() []string { return []string{"mean", "square"} }

// Move makes one step.
func (a Adam) Move(p Part) { a.move(p, false) }

func (a Adam) move(p Part, decoupled bool) {
	d := decay(a.WeightDecay, p.Undecayed || p.Vector && a.ExcludeBiasAndNorm)
	step := torch.Adam
	if p.Fused {
		step = torch.AdamAll
	}
	step(p.Params, p.Slots[0], p.Slots[1], p.Step, p.Rate, a.Beta1, a.Beta2, a.Eps, d, decoupled)
}

// AdamW is Adam with decoupled weight decay, p -= rate·decay·p beside the step (Loshchilov & Hutter, arXiv:1711.05101).
// It is torch.optim.AdamW.
type AdamW Adam

// Slots returns the two running means.
func (a AdamW) Slots() []string { return Adam(a).Slots() }

// Move makes one step.
func (a AdamW) Move(p Part) { Adam(a).move(p, true) }
