// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

func byolWith(set func(*method.BYOL)) *method.BYOL {
	m := method.NewBYOL()
	set(m)
	return m
}

// The symmetric predictor is a matrix without bias that is symmetric at the start and after every step. The linear
// predictor need not be symmetric. With a rate factor of 3, the first step of plain gradient descent moves the
// predictor three times as far, and the encoder as far as before.
func TestBYOLPredictor(t *testing.T) {
	moved := map[string][]float64{}
	for _, c := range []struct {
		form   string
		factor float64
	}{{"linear", 1}, {"symmetric", 1}, {"linear", 3}} {
		m := vary(shrink(byolWith(func(m *method.BYOL) { m.PredictorRateFactor = c.factor })), form(c.form))
		with(t, m, torch.F64, 6, func(b built) {
			if n := len(b.params.Sub("predictor").All()); n != 1 {
				t.Errorf("%s: the predictor has %d tensors, want its weights alone", c.form, n)
				return
			}
			w, _ := b.params.Get("predictor.0.linear.weight")
			conv, _ := b.params.Get("backbone.conv1.weight")
			skewed := func() float64 { return w.Sub(w.T()).Abs().Max().Item() }
			before, network := w.Detach().Clone(), conv.Detach().Clone()
			o := optim.New(optim.SGD{}, b.params.Trainable())
			defer o.Free()
			if free := skewed() > 1e-3; free != (c.form == "linear") {
				t.Errorf("%s: at the start W - Wᵀ is up to %g", c.form, skewed())
			}
			b.train(o, 1, b.step(0, 6, 1))
			if free := skewed() > 1e-3; free != (c.form == "linear") {
				t.Errorf("%s: after a step W - Wᵀ is up to %g", c.form, skewed())
			}
			step := w.Sub(before)
			if step.Abs().Max().Item() < 1e-6 {
				t.Errorf("%s: the predictor has not moved", c.form)
			}
			if c.form == "linear" {
				moved["predictor"] = append(moved["predictor"], step.Norm().Item())
				moved["encoder"] = append(moved["encoder"], conv.Sub(network).Norm().Item())
			}
		})
	}
	near(t, "the predictor's step at factor 3", moved["predictor"][1], 3*moved["predictor"][0], 1e-9)
	near(t, "the encoder's", moved["encoder"][1], moved["encoder"][0], 1e-12)
}

// The symmetric predictor of two layers has W₂ = W₁ᵀ at the start, and after steps that change both.
func TestBYOLSymmetricLayers(t *testing.T) {
	m := vary(shrink(method.NewBYOL()), form("symmetric_mlp"))
	with(t, m, torch.F64, 6, func(b built) {
		first, _ := b.params.Get("predictor.0.linear.weight")
		last, _ := b.params.Get("predictor.1.linear.weight")
		before := first.Detach().Clone()
		o := optim.New(optim.SGD{}, b.params.Trainable())
		defer o.Free()
		for step := range 2 {
			if off := first.Sub(last.T()).Abs().Max().Item(); off != 0 {
				t.Errorf("after %d steps W₁ - W₂ᵀ is up to %g", step, off)
			}
			b.train(o, 1, b.step(step, 6, 2))
		}
		if first.Sub(before).Abs().Max().Item() < 1e-6 {
			t.Error("the predictor has not moved")
		}
	})
}

// With encoder_decay off, the encoder's weights move as if there were no weight decay, and the predictor's weights
// still decay. The projector's rate factor changes the projector's steps alone.
func TestBYOLGroups(t *testing.T) {
	moved := func(decay float64, set func(*method.BYOL)) map[string]float64 {
		m, by := shrink(byolWith(set)).(*method.BYOL), map[string]float64{}
		with(t, m, torch.F64, 6, func(b built) {
			before := map[string]torch.Tensor{}
			for _, p := range b.params.Trainable() {
				before[p.Name] = p.Tensor.Detach().Clone()
			}
			o := optim.New(optim.SGD{WeightDecay: decay}, b.params.Trainable())
			defer o.Free()
			b.train(o, 1, b.step(0, 6, 1))
			for _, name := range []string{
				"backbone.conv1.weight",
				"projector.0.linear.weight",
				"predictor.0.linear.weight",
			} {
				w, _ := b.params.Get(name)
				by[name[:9]] = w.Sub(before[name]).Norm().Item()
			}
		})
		return by
	}
	none := moved(0, func(*method.BYOL) {})
	all := moved(0.5, func(*method.BYOL) {})
	some := moved(0.5, func(m *method.BYOL) { m.EncoderDecay = false })
	fast := moved(0, func(m *method.BYOL) { m.ProjectorRateFactor = 3 })
	for _, part := range []string{"backbone.", "projector"} {
		near(t, "the step of "+part+" without decay", some[part], none[part], 1e-12)
		if all[part] == none[part] {
			t.Errorf("decay does not move %s", part)
		}
	}
	near(t, "the predictor's step with decay", some["predictor"], all["predictor"], 1e-12)
	near(t, "the projector's step at factor 3", fast["projector"], 3*none["projector"], 1e-9)
	near(t, "the backbone's", fast["backbone."], none["backbone."], 1e-12)
}
