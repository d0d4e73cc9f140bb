// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// tinyNet is the network of the cases' parameter net; the method makes the heads that go with it.
const tinyNet = "conv3x3(3,8, stride 2, padding 1, no bias)-bn-relu-conv3x3(8,16, same)-bn-relu-gap | " +
	"linear(16,16,nobias)-bn-relu-linear(16,12) | predictor linear(12,8,nobias)-bn-relu-linear(8,12) for simsiam and " +
	"byol"

// tiny is its backbone: N x 3 x H x W -> N x 16.
type tiny struct{}

func (tiny) Features() int { return 16 }

func (tiny) Build(p *nn.Params) nn.Layer {
	return nn.Sequential{
		nn.NewConv(p.Sub("conv1"), 3, 8, 3, 2, 1), nn.NewBatchNorm(p.Sub("bn1"), 8, true), nn.ReLU,
		nn.NewConv(p.Sub("conv2"), 8, 16, 3, 2, 1), nn.NewBatchNorm(p.Sub("bn2"), 16, true), nn.ReLU,
		nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }),
	}
}

// runTrajectory trains the tiny network with a method for some steps of SGD. It compares every loss, and the first
// convolution at the end.
func runTrajectory(c *Case) error {
	if net := c.Text("net"); net != tinyNet {
		return skip(fmt.Sprintf("network %q is not built", net))
	}
	m, err := c.newMethod(c.Methods()[0])
	if err != nil {
		return err
	}
	projector := nn.MLP{Widths: []int{16, 12}, BatchNorm: true}
	predictor := nn.MLP{Widths: []int{8, 12}, BatchNorm: true}
	switch m := m.(type) {
	case *method.SimCLR:
		m.Projector = projector
	case *method.BarlowTwins:
		m.Projector = projector
	case *method.VICReg:
		m.Projector = projector
	case *method.MoCo:
		m.Projector, m.Queue = projector, c.Int("queue")
		m.TargetMomentum, m.FinalTargetMomentum = c.Number("ema"), c.Number("ema")
	case *method.SimSiam:
		m.Projector, m.Predictor = projector, predictor
	case *method.BYOL:
		m.Projector, m.Predictor = projector, predictor
		m.TargetMomentum, m.FinalTargetMomentum = c.Number("ema"), c.Number("ema")
	default:
		return skip(fmt.Sprintf("a trajectory of method %q is not built", c.Text("method")))
	}
	x := c.In("x") // steps x views x N x 3 x H x W
	shape := x.Shape()
	if len(shape) != 6 {
		return fmt.Errorf("in.x has shape %v, want 6 dimensions", shape)
	}
	steps, views := c.Int("steps"), shape[1]

	params := nn.NewParams(0, torch.F64)
	defer params.Free()
	m.Build(&parallax.Build{Params: params, Backbone: tiny{}, Size: shape[4], Batch: shape[2], Images: shape[2],
		Steps: steps})
	var online []nn.Named
	for _, n := range params.All() {
		if !strings.HasPrefix(n.Name, "target.") && !strings.HasPrefix(n.Name, "queue.") {
			online = append(online, n)
		}
	}
	if err := c.fill(online); err != nil {
		return err
	}
	params.Sub("target").CopyFrom(params)
	if c.HasParam("queue") {
		fillQueues(params, ripple(c.Int("queue"), projector.Out(0)))
	}

	trained := params.Trainable()
	o := optim.New(optim.SGD{Momentum: c.Number("momentum"), WeightDecay: c.Number("weight_decay")}, trained)
	defer o.Free()
	rate := c.Number("lr")
	losses := make([]float64, steps)
	for at := range steps {
		s := parallax.NewStep(at, steps)
		for v := range views {
			s.Views = append(s.Views, x.Narrow(0, at, 1).Narrow(1, v, 1).Reshape(shape[2:]...))
		}
		loss := m.Loss(s, m.Forward(s))
		losses[at] = loss.Item()
		loss.Backward()
		o.Step(rate, rate, nil)
		for _, p := range trained {
			p.Tensor.SetGrad(torch.Tensor{})
		}
		if u, ok := parallax.As[parallax.Updater](m); ok {
			u.Update(s)
		}
	}
	conv, _ := params.Get("backbone.conv1.weight")
	return all(
		compareSlices("losses", losses, c.Out("losses").Float64s(), c.RTol, c.ATol),
		c.near("backbone_conv1", conv, c.Out("backbone_conv1")),
	)
}

// fillQueues overwrites the rows of every queue.
func fillQueues(params *nn.Params, rows torch.Tensor) {
	for _, n := range params.All() {
		if strings.HasPrefix(n.Name, "queue.") && strings.HasSuffix(n.Name, ".rows") {
			rows.Normalize(1).CopyInto(n.Tensor)
		}
	}
}

// ripple is n rows of width d of sin(0.9 i), i counting all elements, the last row first: a queue drops its first rows
// first, the trajectories' drops its last ones.
func ripple(n, d int) torch.Tensor {
	rows := torch.Arange(n*d).To(torch.F64).Scale(0.9).Sin().Reshape(n, d)
	order := make([]int, n)
	for i := range order {
		order[i] = n - 1 - i
	}
	return rows.IndexSelect(0, torch.FromInts(order, n))
}
