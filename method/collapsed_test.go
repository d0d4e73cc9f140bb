// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

const collapsedBatch = 4 // the mean of 4 equal rows is exact

// leastAtOrigin names the methods whose loss depends on the constant and is least at 0, where no logit is above
// another, or where the normal distribution has its mean.
var leastAtOrigin = map[string]bool{"lejepa": true, "scan": true}

// alike returns equal rows: 0, or a vector of length 1.
func alike(zero bool, like torch.Tensor) torch.Tensor {
	n, d := like.Size(0), like.Size(1)
	values := make([]float64, n*d)
	for i := range values {
		if !zero {
			values[i] = math.Cos(float64(i%d) + 1)
		}
	}
	return torch.FromFloat64(values, n, d).Normalize(1).To(like.DType())
}

// settle gives the method the memory that it has when all embeddings have been u for a long time: u fills the queues,
// banks and clusters, and the second moment is uᵀu. SwAV's prototypes become u, too, so that all of them are equally
// far from it.
func (b built) settle(u torch.Tensor) {
	for _, n := range append(b.memory(), b.params.All()...) {
		switch {
		case strings.HasSuffix(n.Name, "covariance"):
			u.T().MatMul(u).CopyInto(n.Tensor)
		case strings.HasPrefix(n.Name, "queue.") && strings.HasSuffix(n.Name, ".rows"),
			strings.HasSuffix(n.Name, "queue.rows"),
			strings.HasPrefix(n.Name, "prototypes."),
			strings.HasSuffix(n.Name, ".prototypes"),
			strings.HasPrefix(n.Name, "bank."):
			u.Mul(torch.Ones(u.DType(), n.Tensor.Size(0), 1)).CopyInto(n.Tensor.Detach())
		}
	}
}

// Collapsed tells the loss that the method has when all embeddings are equal.
func TestCollapsed(t *testing.T) {
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			with(t, s.new(), torch.F64, collapsedBatch, func(b built) {
				m, ok := parallax.As[parallax.Collapser](b.Method)
				if !ok {
					t.Error("it does not say what it is like when it has collapsed")
					return
				}
				c := m.Collapsed(collapsedBatch)
				if c.Causes == "" {
					t.Error("it does not say what it usually collapses by")
				}
				if !c.Value.Known {
					return
				}
				step := b.step(0, collapsedBatch, 3)
				z := b.Forward(step)
				random := make([]torch.Tensor, len(z))
				r := rand.New(rand.NewPCG(1, 5))
				for range 5 {
					for i := range z {
						random[i] = normal(r, z[i].Shape()...).To(z[i].DType())
					}
					if loss := b.Loss(step, random).Item(); c.Minimum && loss < c.Value.Value-1e-9 {
						t.Errorf("the minimum is %v, and random embeddings have %v", c.Value.Value, loss)
					}
				}
				b.settle(alike(false, z[0]).Narrow(0, 0, 1))
				for i := range z {
					z[i] = alike(leastAtOrigin[s.Name], z[i])
				}
				near(t, "the loss of a constant embedding", b.Loss(step, z).Item(), c.Value.Value, 1e-7)
			})
		})
	}
}

// The published losses of constant embeddings: ln(1+K), ln K, and VICReg's in both of its forms.
func TestCollapsedLevels(t *testing.T) {
	moco, swav, paper := method.NewMoCoV2(), method.NewSwAV(), method.NewVICReg()
	paper.Form = "paper"
	for _, c := range []struct {
		name string
		m    parallax.Collapser
		want float64
	}{
		{"MoCo", moco, math.Log(1 + 65536)},
		{"SwAV", swav, math.Log(3000)},
		{"VICReg", method.NewVICReg(), 24.75},
		{"VICReg, paper", paper, 49.5},
		{"SimCLR", method.NewSimCLR(), math.Log(511)},
		{"NNCLR", method.NewNNCLR(), math.Log(256)},
		{"SimSiam", method.NewSimSiam(), -1},
	} {
		near(t, c.name, c.m.Collapsed(256).Value.Value, c.want, 1e-12)
	}
}

// Every row of an assignment is a distribution over the clusters or prototypes.
func TestAssign(t *testing.T) {
	for _, s := range subjects() {
		with(t, s.new(), torch.F64, 4, func(b built) {
			m, ok := parallax.As[parallax.Assigner](b.Method)
			if !ok {
				return
			}
			x := b.step(0, 4, 3).Views[0]
			p := m.Assign(b.encoder.Projector.Forward(b.encoder.Backbone.Forward(x)), 0)
			if p.Size(0) != 4 || p.Size(1) < 2 || p.Neg().Max().Item() > 0 {
				t.Errorf("%s: shape %v, or negative", s.name, p.Shape())
			}
			near(t, s.name+": the sum of all rows", p.Sum().Item(), 4, 1e-9)
		})
	}
}
