// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"testing"

	"parallax/method"
	"parallax/optim"
	"parallax/torch"
)

func byolWith(set func(*method.BYOL)) *method.BYOL {
	m := method.NewBYOL()
	set(m)
	return m
}

// A symmetric predictor is a matrix without bias that is symmetric from the start, and after steps that change it; a linear one
// is free. With a rate factor of 3 the first step of plain gradient descent moves it three times as far, and the encoder as far
// as before.
func TestBYOLPredictor(t *testing.T) {
	moved := map[string][]float64{}
	for _, c := range []struct {
		form   string
		factor float64
	}{{"linear", 1}, {"symmetric", 1}, {"linear", 3}} {
		m := shrink(byolWith(func(m *method.BYOL) { m.PredictorForm, m.PredictorRateFactor = c.form, c.factor })).(*method.BYOL)
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
