// SPDX-License-Identifier: Apache-2.0

package optim

import "github.com/parallax-ssl/parallax/nn"

// A Schedule is a number, such as the learning rate, as a function of the optimiser step, counted from 0.
type Schedule interface {
	At(step int) float64
}

// WarmupCosine rises linearly from Start to Base in steps 0 to Warmup-1, then falls along half a cosine to Final, which
// it reaches at step Total (Loshchilov & Hutter, arXiv:1608.03983; warm-up as in Goyal et al., arXiv:1706.02677).
// The last warm-up step and the first after it both have the rate Base, as in solo-learn's
// LinearWarmupCosineAnnealingLR. With several Cycles the steps after the warm-up are cut into as many parts of equal
// length, and each falls from Base to Final: Loshchilov & Hutter's warm restarts.
type WarmupCosine struct {
	Base, Start, Final float64
	Warmup, Total      int // in steps; Total is the run's length
	Cycles             int // 0 is 1
}

// At returns the value at a step; past Total it stays at Final.
func (w WarmupCosine) At(step int) float64 {
	switch {
	case step < w.Warmup:
		return w.Start + float64(step)*(w.Base-w.Start)/float64(max(1, w.Warmup-1))
	case step >= w.Total:
		return w.Final
	}
	span, cycles := w.Total-w.Warmup, max(1, w.Cycles)
	begins := func(cycle int) int { return w.Warmup + cycle*span/cycles }
	cycle := 0
	for begins(cycle+1) <= step {
		cycle++
	}
	return nn.Cosine(w.Base, w.Final, step-begins(cycle), begins(cycle+1)-begins(cycle))
}
