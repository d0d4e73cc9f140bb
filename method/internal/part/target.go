// SPDX-License-Identifier: Apache-2.0

package part

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Target is a second encoder that begins as a copy of the online one (BYOL's ξ, MoCo's θ_k).
type Target struct {
	parallax.Encoder
	Mode        TargetMode
	Online, Own *nn.Params
}

// TargetMode says what moves a target: ema, a moving average of the online network, which gets no gradient; gradient,
// the optimiser, by the gradient of the loss, as the online network; fixed, nothing.
type TargetMode string

// NewTarget builds the encoder a second time under "target" and copies the online weights into it.
func NewTarget(b *parallax.Build, projector nn.MLP, mode TargetMode) Target {
	own := b.Params.Sub("target")
	t := Target{NewEncoder(b, own, projector), mode, b.Params, own}
	own.CopyFrom(b.Params)
	if mode != "gradient" {
		own.Freeze()
	}
	return t
}

// Embed returns the target's z for every view, with a gradient only where that moves the target.
func (t Target) Embed(views []torch.Tensor) (z []torch.Tensor) {
	if t.Mode == "gradient" {
		return Embed(t.Encoder, views)
	}
	torch.NoGrad(func() { z = Embed(t.Encoder, views) })
	return z
}

// Follow moves a target that is a moving average: ξ ← momentum·ξ + (1-momentum)·θ.
func (t Target) Follow(momentum float64) {
	if t.Mode == "ema" {
		t.Own.MoveTowards(t.Online, momentum)
	}
}
