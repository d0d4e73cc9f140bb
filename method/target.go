// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// target is a second encoder that begins as a copy of the online one (BYOL's ξ, MoCo's θ_k).
type target struct {
	parallax.Encoder
	mode        Target
	online, own *nn.Params
}

// Target says what moves a target: ema, a moving average of the online network, which gets no gradient; gradient, the
// optimiser, by the gradient of the loss, as the online network; fixed, nothing.
type Target string

// newTarget builds the encoder a second time under "target" and copies the online weights into it.
func newTarget(b *parallax.Build, projector nn.MLP, mode Target) target {
	own := b.Params.Sub("target")
	t := target{encoder(b, own, projector), mode, b.Params, own}
	own.CopyFrom(b.Params)
	if mode != "gradient" {
		own.Freeze()
	}
	return t
}

// embed returns the target's z for every view, with a gradient only where that moves the target.
func (t target) embed(views []torch.Tensor) (z []torch.Tensor) {
	if t.mode == "gradient" {
		return embed(t.Encoder, views)
	}
	torch.NoGrad(func() { z = embed(t.Encoder, views) })
	return z
}

// follow moves a target that is a moving average: ξ ← momentum·ξ + (1-momentum)·θ.
func (t target) follow(momentum float64) {
	if t.mode == "ema" {
		t.own.MoveTowards(t.online, momentum)
	}
}
