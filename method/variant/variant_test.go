// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
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

// inputs are views of six images. They are a formula, not random.
func inputs(views int) []torch.Tensor {
	var all []torch.Tensor
	for v := range views {
		values := make([]float64, 6*3*8*8)
		for i := range values {
			values[i] = float64((i*i*7+i*(v+3)*13)%101)/50 - 1
		}
		all = append(all, torch.FromFloat64(values, 6, 3, 8, 8))
	}
	return all
}

var heads = nn.MLP{Widths: []int{7, 5}, BatchNorm: true}

// configured is a config with a variant, whose asymmetric predictor fits the heads.
func configured(name string, set func(*config.Variant)) *config.Config {
	c := config.Default()
	c.Method.Name = name
	c.Variant.Asymmetric.Predictor.Widths = heads.Widths
	set(&c.Variant)
	return &c
}

func vicreg() *method.VICReg {
	m := method.NewVICReg()
	m.Projector, m.ViewCount = heads, 3
	return m
}

func barlow() *method.BarlowTwins {
	m := method.NewBarlowTwins()
	m.Projector, m.Scale = heads, 0.3
	return m
}

// wrapped is m with a variant.
func wrapped(t *testing.T, m parallax.Method, set func(*config.Variant)) parallax.Method {
	t.Helper()
	w, err := Wrap(m, configured("some", set))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The default config and an empty one leave the method as it is.
func TestNothingIsChanged(t *testing.T) {
	for _, c := range []*config.Config{configured("vicreg", func(*config.Variant) {}), {}} {
		m := vicreg()
		if w, err := Wrap(m, c); w != m || err != nil {
			t.Errorf("it is %T, %v", w, err)
		}
	}
}

// Untied embeds each view as a plain method does that has the weights of the view's network.
func TestUntiedIsTwoNetworks(t *testing.T) {
	const views = 3
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F64)
		defer p.Free()
		m := wrapped(t, vicreg(), func(v *config.Variant) { v.Untied = true })
		b := parallax.Build{Params: p, Backbone: small{}, Size: 8, Batch: 6, Images: 6, Steps: 4}
		m.Build(&b)
		s := parallax.NewStep(0, 4, inputs(views)...)
		z := m.Forward(s)
		for i, from := range []string{"", "second."} {
			alone := nn.NewParams(2, torch.F64)
			defer alone.Free()
			b.Params = alone
			one := vicreg()
			one.Build(&b)
			for _, n := range alone.All() {
				of, ok := p.Get(from + n.Name)
				if !ok {
					t.Errorf("there is no %s%s", from, n.Name)
					return nil
				}
				of.CopyInto(n.Tensor.Detach())
			}
			for v, want := range one.Forward(s) {
				if v%2 == i && z[v].Sub(want).Abs().Max().Item() > 1e-12 {
					t.Errorf("view %d does not go through network %d", v, i+1)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// In every pair, the earlier view has the predictor and the later view the stop-gradient. The loss and its terms are
// means over the pairs.
func TestAsymmetricLoss(t *testing.T) {
	err := torch.Scope(func() error {
		z := inputs(6)
		for i := range z {
			z[i] = z[i].Mean(2, 3).RequireGrad(true) // N x 3
		}
		m := wrapped(t, barlow(), func(v *config.Variant) {
			v.Asymmetric.StopGradient, v.Asymmetric.PredictorMode = true, "trained"
		})
		terms := map[string]float64{}
		s := parallax.NewStep(0, 1)
		s.Report = func(term string, v torch.Tensor) { terms[term] += v.Item() }
		got := m.Loss(s, z)
		got.Backward()
		reported := maps.Clone(terms)
		clear(terms)
		want, plain := 0.0, barlow()
		for _, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
			want += plain.Loss(s, []torch.Tensor{z[3+pair[0]].Detach(), z[pair[1]].Detach()}).Item() / 3
		}
		near(t, "the loss", got.Item(), want)
		for name, sum := range terms {
			near(t, name, reported[name], sum/3)
		}
		for i := range z {
			if has := z[i].Grad().Defined(); has != (i == 3 || i == 4) {
				t.Errorf("tensor %d gets a gradient: %v", i, has)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-12*math.Max(1, math.Abs(want))) || want == 0 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// A variant that does not fit the method is refused in one line that names the key.
func TestMisfits(t *testing.T) {
	older, three := method.NewSimSiam(), method.NewBYOL()
	older.TargetEvery, three.Predictor.Widths = 5, []int{3, 4, 5}
	trained := func(v *config.Variant) { v.Asymmetric.PredictorMode = "trained" }
	for name, c := range map[string]struct {
		method parallax.Method
		set    func(*config.Variant)
		want   string
	}{
		"another method": {method.NewDINO(), func(v *config.Variant) { v.Untied = true },
			"variant.untied does not go with some: leave it out, or train barlowtwins, simclr or vicreg"},
		"another method, predicted": {method.NewDINO(), trained,
			"variant.asymmetric does not go with some: leave it out, or train barlowtwins, simclr or vicreg"},
		"no predictor to replace": {vicreg(), func(v *config.Variant) { v.PredictorForm = "bias" },
			"variant.predictor_form does not go with some: leave it out, or train byol or simsiam"},
		"an older network's targets": {older, func(v *config.Variant) { v.Covariance = 1 },
			"method.target_every is 5: the targets come from an older network, which gets no gradient, so leave " +
				"variant.variance and variant.covariance at 0"},
		"three layers": {three, func(v *config.Variant) { v.PredictorForm = "symmetric_mlp" },
			`variant.predictor_form is "symmetric_mlp" and ` +
				"method.predictor.widths is [3 4 5]: set two widths, because the second layer is kept the transpose " +
				"of the first"},
		"widths": {vicreg(), func(v *config.Variant) { trained(v); v.Asymmetric.Predictor.Widths = []int{7, 6} },
			"variant.asymmetric.predictor ends with width 6 and method.projector with 5: they are compared, so set " +
				"them equal"},
		"no width": {vicreg(), func(v *config.Variant) { trained(v); v.Asymmetric.Predictor.Widths = []int{0, 5} },
			"variant.asymmetric.predictor.widths is [0 5]: every width must be at least 1"},
		"norm": {vicreg(), func(v *config.Variant) { v.Asymmetric.Predictor.Norm = "bacth" },
			`variant.asymmetric.predictor.norm is "bacth": unknown norm "bacth": it must be one of batch, group, layer, ` +
				"none, tuned"},
	} {
		if _, err := Wrap(c.method, configured("some", c.set)); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	// Without a projector the width is the backbone's.
	bare := vicreg()
	bare.Projector.Widths = nil
	m := wrapped(t, bare, trained)
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F64)
		defer p.Free()
		m.Build(&parallax.Build{Params: p, Backbone: small{}, Size: 8, Batch: 6, Images: 6, Steps: 4})
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "end variant.asymmetric.predictor.widths with 8") {
		t.Errorf("error %v", err)
	}
}

// As finds in the method inside what the wrapper does not change.
func TestAs(t *testing.T) {
	m := &Predictor{Method: &Untied{vicreg(), vicreg()}}
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
