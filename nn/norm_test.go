// SPDX-License-Identifier: Apache-2.0

package nn_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// in runs f in a Scope with a fresh tree. f runs on libtorch's goroutine, where t.Fatal has no place.
func in(t *testing.T, f func(p *nn.Params)) {
	t.Helper()
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F64)
		defer p.Free()
		f(p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// waves is a tensor without symmetries, its features (dimension 1) on different scales.
func waves(shape ...int) torch.Tensor {
	n, inner := 1, 1
	for i, s := range shape {
		n *= s
		if i > 1 {
			inner *= s
		}
	}
	values := make([]float64, n)
	for i := range values {
		feature := float64(i / inner % shape[1])
		values[i] = math.Sin(0.3+0.7*float64(i)+0.011*float64(i*i))*(1+feature) + feature
	}
	return torch.FromFloat64(values, shape...)
}

func near(t *testing.T, what string, got, want torch.Tensor, tolerance float64) {
	t.Helper()
	if d := got.Sub(want).Abs().Max().Item(); !(d <= tolerance) {
		t.Errorf("%s: differs by %g", what, d)
	}
}

var norms = []nn.Norm{nn.BatchStatistics, nn.GroupStatistics, nn.LayerStatistics, nn.NoStatistics, nn.FirstStatistics}

func TestNormNames(t *testing.T) {
	for _, n := range norms {
		text, err := n.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back nn.Norm
		if err := back.UnmarshalText(text); err != nil || back != n || n.String() != string(text) {
			t.Errorf("%v is written %q, and read as %v, %v", n, text, back, err)
		}
	}
	var n nn.Norm
	if err := n.UnmarshalText([]byte("bacth")); err == nil ||
		!strings.Contains(err.Error(), "batch, group, layer, none, tuned") {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := nn.Norm(9).MarshalText(); err == nil {
		t.Error("a norm without a name is written")
	}
}

// Over each group of channels and space the output has mean 0 and variance 1; the images do not see each other.
func TestGroupAndLayerStatistics(t *testing.T) {
	in(t, func(p *nn.Params) {
		for _, c := range []struct {
			norm             nn.Norm
			features, groups int
		}{{nn.GroupStatistics, 64, 4}, {nn.GroupStatistics, 40, 2}, {nn.GroupStatistics, 7, 1},
			{nn.LayerStatistics, 64, 1}} {
			name := fmt.Sprint(c.norm, c.features)
			layer := c.norm.Layer(p.Sub(name), c.features, true)
			x := waves(2, c.features, 3, 3)
			y := layer.Forward(x)
			slices := y.Reshape(2*c.groups, c.features/c.groups*9)
			near(t, name+": mean", slices.Mean(1), torch.Zeros(torch.F64, 2*c.groups), 1e-12)
			near(t, name+": variance", slices.Var(0, 1), torch.Ones(torch.F64, 2*c.groups), 1e-4)
			near(t, name+": one image alone", layer.Forward(x.Narrow(0, 1, 1)), y.Narrow(0, 1, 1), 1e-12)
		}
	})
}

// With group norm the weights are standardised before use: neither their scale nor their mean has an effect.
func TestWeightStandardization(t *testing.T) {
	in(t, func(p *nn.Params) {
		conv, linear := nn.GroupStatistics.Conv(p.Sub("conv"), 3, 4, 3, 1, 1),
			nn.GroupStatistics.Linear(p.Sub("linear"), 6, 4)
		for name, c := range map[string]struct {
			layer nn.Layer
			x     torch.Tensor
		}{"conv": {conv, waves(2, 3, 5, 5)}, "linear": {linear, waves(3, 6)}} {
			before := c.layer.Forward(c.x)
			w, _ := p.Sub(name).Get("weight")
			w.Detach().Scale(30).Shift(2).CopyInto(w.Detach())
			near(t, name, c.layer.Forward(c.x), before, 1e-2) // the eps of the variance has an effect of 1e-3
		}
	})
}

// The first batch in training mode comes out as from batch norm; then weight and bias stay. A process that loads tuned
// ones does not change them.
func TestFirstStatistics(t *testing.T) {
	in(t, func(p *nn.Params) {
		x, other := waves(4, 5, 3, 3), waves(2, 5, 3, 3).Scale(7)
		tuned, batch := nn.FirstStatistics.Layer(p.Sub("tuned"), 5, false), nn.NewBatchNorm(p.Sub("batch"), 5, false)

		p.Train(false)
		near(t, "before training", tuned.Forward(x), x, 0)
		p.Train(true)
		near(t, "the first batch", tuned.Forward(x), batch.Forward(x), 1e-12)
		w, _ := p.Sub("tuned").Get("weight")
		b, _ := p.Sub("tuned").Get("bias")
		want := other.Mul(w.Reshape(1, 5, 1, 1)).Add(b.Reshape(1, 5, 1, 1))
		near(t, "the second", tuned.Forward(other), want, 0)

		again := nn.FirstStatistics.Layer(p.Sub("again"), 5, false)
		p.Sub("again").CopyFrom(p.Sub("tuned"))
		near(t, "the second after a resume", again.Forward(other), want, 0)
	})
}

// What each norm puts into an MLP of two layers, with norms in both places.
func TestNormsOfAnMLP(t *testing.T) {
	const plain = "0.linear.weight 0.linear.bias 1.linear.weight 1.linear.bias"
	const normed = "0.linear.weight 0.norm.weight 0.norm.bias 1.linear.weight"
	for norm, want := range map[nn.Norm]string{
		nn.BatchStatistics: "0.linear.weight 0.norm.weight 0.norm.bias 0.norm.running_mean 0.norm.running_var " +
			"0.norm.num_batches_tracked 1.linear.weight 1.norm.running_mean 1.norm.running_var " +
			"1.norm.num_batches_tracked",
		nn.GroupStatistics: normed,
		nn.LayerStatistics: normed,
		nn.NoStatistics:    plain,
		nn.FirstStatistics: "0.linear.weight 0.norm.weight 0.norm.bias 0.norm.tuned 1.linear.weight 1.norm.weight " +
			"1.norm.bias 1.norm.tuned",
	} {
		in(t, func(p *nn.Params) {
			layer := nn.MLP{Widths: []int{32, 16}, BatchNorm: true, OutputNorm: true, Norm: norm}.Build(p, 6)
			var names []string
			for _, n := range p.All() {
				names = append(names, n.Name)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%v: %s\nwant %s", norm, got, want)
			}
			y := layer.Forward(waves(4, 6))
			if fmt.Sprint(y.Shape()) != "[4 16]" || !y.Sum().RequiresGrad() {
				t.Errorf("%v: the output has shape %v", norm, y.Shape())
			}
		})
	}
}
