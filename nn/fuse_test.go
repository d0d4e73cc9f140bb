// SPDX-License-Identifier: Apache-2.0

package nn_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// network has a norm before a ReLU, one before an addition, one by itself, and one in an MLP.
func network(p *nn.Params, norm nn.Norm) nn.Layer {
	return nn.Sequential{
		norm.Conv(p.Sub("conv1"), 3, 8, 3, 1, 1), norm.Layer(p.Sub("bn1"), 8, true), nn.ReLU,
		nn.Residual{
			Branch:   nn.Sequential{norm.Conv(p.Sub("conv2"), 8, 8, 3, 1, 1), norm.Layer(p.Sub("bn2"), 8, true)},
			Shortcut: nn.Sequential{norm.Conv(p.Sub("conv3"), 8, 8, 1, 1, 0), norm.Layer(p.Sub("bn3"), 8, true)},
		},
		nn.Residual{
			Branch:   nn.Sequential{norm.Layer(p.Sub("bn4"), 8, true), norm.Conv(p.Sub("conv4"), 8, 8, 3, 1, 1)},
			Shortcut: nn.Identity,
		},
		nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }),
		nn.MLP{Widths: []int{12, 6}, BatchNorm: true, OutputNorm: true, Norm: norm}.Build(p.Sub("mlp"), 8),
	}
}

// A tree that fuses computes what one does that doesn't: outputs, gradients and running statistics, in training and in
// evaluation, with every norm.
func TestFusedNetworkIsTheReference(t *testing.T) {
	for _, norm := range norms {
		results := map[bool]map[string][]float64{}
		for _, fused := range []bool{false, true} {
			in(t, func(p *nn.Params) {
				net := network(p, norm)
				p.Fuse(fused)
				for range 2 {
					net.Forward(waves(9, 3, 5, 5).ChannelsLast()).Mul(waves(9, 6)).Sum().Backward()
				}
				all := map[string][]float64{}
				for _, n := range p.All() {
					all[n.Name] = n.Tensor.Float64s()
					if !n.Buffer && n.Tensor.Grad().Defined() {
						all["gradient of "+n.Name] = n.Tensor.Grad().Float64s()
					}
				}
				p.Train(false)
				torch.NoGrad(func() { all["evaluation"] = net.Forward(waves(4, 3, 5, 5)).Float64s() })
				all["evaluation with gradient"] = net.Forward(waves(4, 3, 5, 5)).Float64s()
				results[fused] = all
			})
		}
		if len(results[true]) != len(results[false]) || len(results[true]) < 20 {
			t.Errorf("%v: %d results and %d", norm, len(results[true]), len(results[false]))
		}
		differ := false
		for name, want := range results[false] {
			got := torch64(results[true][name])
			in(t, func(*nn.Params) { near(t, norm.String()+": "+name, got(), torch64(want)(), 1e-9) })
			for i, v := range results[true][name] {
				differ = differ || v != want[i]
			}
		}
		if differ != (norm == nn.BatchStatistics) {
			t.Errorf("%v: whether fusing changes bits: %t", norm, differ)
		}
	}
}

func torch64(values []float64) func() torch.Tensor {
	return func() torch.Tensor { return torch.FromFloat64(values, len(values)) }
}

// A fused tree's moving average is the reference's: in both of its forms, momentum above a half and below.
func TestFusedMovingAverage(t *testing.T) {
	in(t, func(p *nn.Params) {
		for _, name := range []string{"own", "online"} {
			p.Sub(name).Param("weight", nn.Uniform(3), 50, 3, 3, 3)
			p.Sub(name).Param("bias", nn.Uniform(3), 7)
		}
		own, _ := p.Get("own.weight")
		online, _ := p.Get("online.weight")
		for _, momentum := range []float64{0.99, 0.3, 1, 0} {
			want := own.Scale(momentum).Add(online.Scale(1 - momentum)).Detach()
			p.Fuse(true)
			p.Sub("own").MoveTowards(p.Sub("online"), momentum)
			near(t, "moving average", own, want, 1e-15)
		}
	})
}
