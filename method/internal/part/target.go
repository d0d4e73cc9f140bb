// SPDX-License-Identifier: Apache-2.0

package part

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Target is a second encoder φ that begins as a copy of the online encoder θ (BYOL's ξ, MoCo's θ_k).
type Target struct {
	parallax.Encoder
	Mode        TargetMode
	Online, Own *nn.Params
}

// TargetMode says how a target moves: ema, as a moving average of the online network, without gradient; gradient, by
// the optimiser and the gradient of the loss, like the online network; fixed, not at all.
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

// Embed returns the target's z' for every view. A gradient passes only if it moves the target.
func (t Target) Embed(views []torch.Tensor) (z []torch.Tensor) {
	if t.Mode == "gradient" {
		return Embed(t.Encoder, views)
	}
	torch.NoGrad(func() { z = Embed(t.Encoder, views) })
	return z
}

// Follow moves a target that is a moving average: φ ← mφ + (1-m)θ, with m the momentum, which it reports. A step
// of k batches has m^k (the scaling rule of Busbridge et al., arXiv:2307.13813).
func (t Target) Follow(s *parallax.Step, momentum float64) { t.FollowEvery(s, 1, momentum) }

// FollowEvery is Follow after every k-th step. After the others the target keeps all of itself: m is 1.
func (t Target) FollowEvery(s *parallax.Step, k int, momentum float64) {
	switch {
	case t.Mode != "ema":
		return
	case (s.At+1)%k == 0:
		if s.Batches > 0 {
			momentum = math.Pow(momentum, s.Batches)
		}
		t.Own.MoveTowards(t.Online, momentum)
	default:
		momentum = 1
	}
	s.Report("target_momentum", torch.Full(momentum, torch.F64))
}
