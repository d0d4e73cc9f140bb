// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

const side = 4 // side of the test's images

// tiny builds convolution, batch norm, ReLU and average pooling, a projector with batch norm, and a batch norm that is
// on neither path.
func tiny(p *nn.Params) parallax.Encoder {
	q := p.Sub("backbone")
	backbone := nn.Sequential{
		nn.NewConv(q.Sub("conv"), 3, 6, 3, 1, 1), nn.NewBatchNorm(q.Sub("bn"), 6, true), nn.ReLU,
		nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }),
	}
	enc := parallax.Encoder{Backbone: backbone, Params: q, Features: 6,
		Projector: nn.MLP{Widths: []int{5, 4}, BatchNorm: true}.Build(p.Sub("projector"), 6)}
	nn.NewBatchNorm(p.Sub("predictor"), 4, true)
	return enc
}

func images(r *rand.Rand, sizes ...int) []Batch {
	var batches []Batch
	for _, n := range sizes {
		b := Batch{Pixels: gaussian(r, n*3*side*side), Shape: [4]int{n, 3, side, side}, Labels: someLabels(r, n, 3)}
		for i := range b.Pixels {
			b.Pixels[i] = 2 + 3*b.Pixels[i]
		}
		batches = append(batches, b)
	}
	return batches
}

func sequence(batches []Batch, end error) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for _, b := range batches {
			if !yield(b, nil) {
				return
			}
		}
		if end != nil {
			yield(Batch{}, end)
		}
	}
}

func differ(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		worst = math.Max(worst, math.Abs(float64(a[i]-b[i])))
	}
	return worst
}

func TestEmbed(t *testing.T) {
	in(t, func() {
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		enc, batches := tiny(p), images(rng(), 5, 3)
		state := p.State()
		f, err := Embed(enc, p, false, sequence(batches, nil))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Free()
		if !p.Training() || !reflect.DeepEqual(state, p.State()) {
			t.Error("embedding changed the network or its mode")
		}
		if want := slices.Concat(batches[0].Labels, batches[1].Labels); !slices.Equal(f.Labels, want) {
			t.Errorf("labels %v, want %v", f.Labels, want)
		}
		if h, z := f.H.Shape(), f.Z.Shape(); !slices.Equal(h, []int{8, 6}) || !slices.Equal(z, []int{8, 4}) {
			t.Errorf("shapes %v and %v, want 8 x 6 and 8 x 4", h, z)
		}
		if f.H.RequiresGrad() || f.Z.RequiresGrad() {
			t.Error("the features have a history")
		}
		// With running statistics, an image's features do not depend on the batch it is in.
		first := Batch{batches[1].Pixels[:3*side*side], [4]int{1, 3, side, side}, []int{0}}
		alone, err := Embed(enc, p, false, sequence([]Batch{first}, nil))
		if err != nil {
			t.Error(err)
			return
		}
		defer alone.Free()
		if d := differ(f.Z.Narrow(0, 5, 1).Float32s(), alone.Z.Float32s()); d > 1e-5 {
			t.Errorf("alone, the image's embedding is %g away", d)
		}
		half, err := Embed(parallax.Encoder{Backbone: enc.Backbone}, p, true, sequence(batches, nil))
		if err != nil {
			t.Error(err)
			return
		}
		defer half.Free()
		if d := differ(f.H.Float32s(), half.H.Float32s()); d == 0 || d > 0.1 || half.H.DType() != torch.F32 ||
			half.Z.Defined() {
			t.Errorf("in bfloat16 the features are %g away, %s (projector: %t)", d, half.H.DType(), half.Z.Defined())
		}
	})
}

func TestEmbedErrors(t *testing.T) {
	in(t, func() {
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		enc, batches := tiny(p), images(rng(), 4)
		stopped := errors.New("stopped")
		wrong := Batch{Pixels: make([]float32, 2*2*side*side), Shape: [4]int{2, 2, side, side}, Labels: []int{0, 1}}
		for want, seq := range map[string]iter.Seq2[Batch, error]{
			"stopped":               sequence(batches, stopped),
			"Conv2d":                sequence(append(images(rng(), 4), wrong), nil),
			"no images":             sequence(nil, nil),
			"2 images has 0 labels": sequence([]Batch{{wrong.Pixels, wrong.Shape, nil}}, nil),
		} {
			p.Train(false)
			state := p.State()
			_, embedding := Embed(enc, p, false, seq)
			_, statistics := RecomputeStatistics(p, enc.Backbone, false, seq)
			for _, err := range []error{embedding, statistics} {
				if err == nil || !strings.Contains(err.Error(), want) &&
					!(want == "no images" && strings.Contains(err.Error(), "no batch")) {
					t.Errorf("error %v, want one with %q", err, want)
				}
				if want == "stopped" && !errors.Is(err, stopped) {
					t.Errorf("%v does not wrap the batches' error", err)
				}
			}
			if p.Training() || !reflect.DeepEqual(state, p.State()) {
				t.Errorf("%s: the network or its mode changed", want)
			}
		}
	})
}

// After recomputing over one batch, the statistics of an iterative normalisation are those of that batch.
func TestRecomputeIterNorm(t *testing.T) {
	in(t, func() {
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		norm := nn.NewIterNorm(p.Sub("norm"), 3, 1, 5)
		layer := nn.Func(func(x torch.Tensor) torch.Tensor { return norm.Forward(x.Mean(2, 3)) })
		batches := images(rng(), 8)
		before := p.State()
		restore, err := RecomputeStatistics(p, layer, false, sequence(batches, nil))
		if err != nil {
			t.Error(err)
			return
		}
		each(sequence(batches, nil), func(_ Batch, x torch.Tensor) {
			p.Train(false)
			evaluated := layer.Forward(x).Float32s()
			p.Train(true)
			if d := differ(evaluated, layer.Forward(x).Float32s()); d > 1e-4 {
				t.Errorf("out of training the batch comes out %g away from what it is in training", d)
			}
		})
		if err := restore(); err != nil || !reflect.DeepEqual(before, p.State()) {
			t.Errorf("restoring did not put every bit back (%v)", err)
		}
	})
}

func TestRecomputeStatistics(t *testing.T) {
	in(t, func() {
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		enc, batches := tiny(p), images(rng(), 8, 4, 1, 6)
		layer := nn.Sequential{enc.Backbone, enc.Projector}
		// Statistics that are neither 0 nor 1.
		each(sequence(batches[:1], nil), func(_ Batch, x torch.Tensor) { layer.Forward(x) })
		before := p.State()

		restore, err := RecomputeStatistics(p, layer, false, sequence(batches, nil))
		if err != nil {
			t.Error(err)
			return
		}
		// The first norm's statistics, by their definition: for each channel over images and space, weighted by images.
		conv, _ := p.Get("backbone.conv.weight")
		mean, variance := make([]float64, 6), make([]float64, 6)
		for _, b := range batches {
			if n := b.Shape[0]; n > 1 {
				x := torch.Conv2d(torch.FromFloat32(b.Pixels, b.Shape[:]...), conv.Detach(), torch.Tensor{}, 1, 1, 1).
					To(torch.F64)
				m, v := x.Mean(0, 2, 3).Float64s(), x.Var(1, 0, 2, 3).Float64s()
				for i := range m {
					mean[i] += m[i] * float64(n) / 18
					variance[i] += v[i] * float64(n) / 18
				}
			}
		}
		for name, want := range map[string][]float64{"running_mean": mean, "running_var": variance} {
			got, _ := p.Get("backbone.bn." + name)
			for i, g := range got.Float64s() {
				if math.Abs(g-want[i]) > 1e-5*(1+math.Abs(want[i])) {
					t.Errorf("%s of channel %d is %g, want %g", name, i, g, want[i])
				}
			}
		}
		for i, s := range p.State() {
			moved := strings.Contains(s.Name, "running_") && !strings.HasPrefix(s.Name, "predictor.")
			if reflect.DeepEqual(s, before[i]) == moved {
				t.Errorf("%s: changed %t, want %t", s.Name, !moved, moved)
			}
		}
		if err := restore(); err != nil {
			t.Error(err)
			return
		}
		if !reflect.DeepEqual(before, p.State()) {
			t.Error("restoring did not put every bit back")
		}
	})
}
