// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"maps"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// small is a backbone of one convolution: N x 3 x H x W -> N x 8.
type small struct{}

func (small) Features() int { return 8 }

func (small) Build(p *nn.Params) nn.Layer {
	return nn.Sequential{
		nn.NewConv(p.Sub("conv1"), 3, 8, 3, 2, 1), nn.NewBatchNorm(p.Sub("bn1"), 8, true), nn.ReLU,
		nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }),
	}
}

// step is what one step of a method gives: its terms, its loss and every gradient, by name.
func step(t *testing.T, m parallax.Method, views int) (all map[string][]float64) {
	t.Helper()
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F64)
		defer p.Free()
		all = map[string][]float64{}
		m.Build(&parallax.Build{Params: p, Backbone: small{}, Size: 8, Batch: 6, Images: 6, Steps: 4})
		s := parallax.NewStep(0, 4)
		for v := range views {
			values := make([]float64, 6*3*8*8)
			for i := range values {
				values[i] = float64((i*i*7+i*(v+3)*13)%101)/50 - 1
			}
			s.Views = append(s.Views, torch.FromFloat64(values, 6, 3, 8, 8))
		}
		s.Report = func(term string, v torch.Tensor) { all["term "+term] = v.Detach().To(torch.F64).Float64s() }
		loss := m.Loss(s, m.Forward(s))
		loss.Backward()
		all["loss"] = []float64{loss.Item()}
		for _, n := range p.Trainable() {
			if g := n.Tensor.Grad(); g.Defined() {
				all[n.Name] = g.Float64s()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var heads = nn.MLP{Widths: []int{7, 5}, BatchNorm: true}

func vicreg(shared bool) *method.VICReg {
	m := method.NewVICReg()
	m.Projector, m.SharedWeights, m.ViewCount = heads, shared, 3
	return m
}

func barlow(set func(*method.BarlowTwins)) *method.BarlowTwins {
	m := method.NewBarlowTwins()
	m.Projector, m.Predictor, m.Scale = heads, heads, 0.5
	set(m)
	return m
}

func plain(*method.BarlowTwins) {}

// A wrapped method is, to the bit, the method with the switch of its own.
func TestWrappersAreTheSwitches(t *testing.T) {
	trained := func(m *method.BarlowTwins) { m.StopGradient, m.PredictorMode = true, "trained" }
	both := func(m *method.BarlowTwins) { trained(m); m.SharedWeights = false }
	for name, c := range map[string]struct {
		wrapped, switched parallax.Method
		views             int
	}{
		"untied VICReg": {&Untied{vicreg(true), vicreg(true)}, vicreg(false), 3},
		"asymmetric Barlow Twins": {
			&Asymmetric{Method: barlow(plain), StopGradient: true, PredictorMode: "trained", Predictor: heads, Width: 5},
			barlow(trained), 2,
		},
		"both": {
			&Asymmetric{
				Method:       &Untied{barlow(plain), barlow(plain)},
				StopGradient: true, PredictorMode: "trained", Predictor: heads, Width: 5,
			},
			barlow(both), 2,
		},
	} {
		want, got := step(t, c.switched, c.views), step(t, c.wrapped, c.views)
		if w, g := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)); !slices.Equal(w, g) {
			t.Errorf("%s: it has %q, want %q", name, g, w)
		}
		for k := range want {
			if !slices.Equal(want[k], got[k]) {
				t.Errorf("%s: %s differs", name, k)
			}
		}
	}
}

// What a wrapper does not change is found in the method inside.
func TestAs(t *testing.T) {
	m := &Asymmetric{Method: &Untied{vicreg(true), vicreg(true)}}
	if v, ok := parallax.As[*method.VICReg](m); !ok || v.ViewCount != 3 {
		t.Error("the method inside is not found")
	}
	if _, ok := parallax.As[parallax.Collapser](m); !ok {
		t.Error("Collapsed of the method inside is not found")
	}
	if _, ok := parallax.As[parallax.Starter](m); ok {
		t.Error("a Starter is found in a method that is none")
	}
}
