// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

func directCLR(temperature float64, candidates method.Candidates) *method.DirectCLR {
	m := method.NewDirectCLR()
	m.Temperature, m.Candidates = temperature, candidates
	return m
}

// By hand: two orthonormal rows are equal in both views. So the positive of a row has cosine 1, and both views of the
// other image have cosine 0. Two values were computed with PyTorch in float64 from the formulas of NT-Xent and of MoCo
// v3, each direction of which is 2τ times the mean.
func TestDirectCLRValues(t *testing.T) {
	in(t, func() {
		z1, z2 := waves()
		eye := torch.Eye(2, torch.F64)
		for _, c := range []struct {
			name      string
			m         *method.DirectCLR
			one, more torch.Tensor
			want      float64
		}{
			{"orthonormal", directCLR(1, "all"), eye, eye, math.Log(1 + 2*math.Exp(-1))},
			{"orthonormal, the other view's", directCLR(0.5, "other"), eye, eye, math.Log(1 + math.Exp(-2))},
			{"NT-Xent", directCLR(0.5, "all"), z1, z2, 1.3003114369},
			{"the other view's", directCLR(0.2, "other"), z1, z2, 0.2682394165 / (2 * 2 * 0.2)},
		} {
			near(t, c.name, c.m.Loss(parallax.NewStep(0, 1), []torch.Tensor{c.one, c.more}).Item(), c.want, 1e-9)
		}
	})
}

// The loss is SimCLR's on the first d₀ features of h. The other features get no gradient from it except through the
// backbone.
func TestDirectCLRSeesTheFirstFeatures(t *testing.T) {
	const d = 3
	for _, candidates := range []method.Candidates{"all", "other"} {
		m := directCLR(0.1, candidates)
		m.Dimensions = d
		with(t, m, torch.F64, 6, func(b built) {
			step := b.step(0, 6, 1)
			r := m.Forward(step)
			if got := r[0].Shape(); got[0] != 6 || got[1] != d {
				t.Errorf("the loss is given %v, want 6 x %d", got, d)
				return
			}
			h := b.encoder.Backbone.Forward(step.Views[0]).Detach().RequireGrad(true)
			near(t, "r beside h", b.encoder.Projector.Forward(h).Sub(h.Narrow(1, 0, d)).Abs().Max().Item(), 0, 0)
			loss := m.Loss(step, []torch.Tensor{b.encoder.Projector.Forward(h), r[1].Detach()})
			loss.Backward()
			near(t, "the gradient behind the first features", h.Grad().Narrow(1, d, 8-d).Abs().Max().Item(), 0, 0)
			if g := h.Grad().Narrow(1, 0, d).Abs().Max().Item(); g < 1e-6 {
				t.Errorf("the gradient of the first features is %g", g)
			}
			if candidates == "all" {
				simclr := &method.SimCLR{Temperature: 0.1, Negatives: true}
				want := simclr.Loss(step, []torch.Tensor{h.Narrow(1, 0, d), r[1]}).Item()
				near(t, "the loss", loss.Item(), want, 1e-12)
			}
		})
	}
}
