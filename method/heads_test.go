// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// headed gives a method a projector of these widths. A predictor, if the method has one, ends with the projector's
// width.
func headed(m parallax.Method, widths []int) bool {
	v := reflect.ValueOf(m).Elem()
	projector := v.FieldByName("Projector")
	if !projector.IsValid() {
		return false
	}
	mlp := projector.Addr().Interface().(*nn.MLP)
	mlp.Widths = widths
	if predictor := v.FieldByName("Predictor"); predictor.IsValid() {
		predictor.Addr().Interface().(*nn.MLP).Widths = []int{6, mlp.Out(tiny{}.Features())}
	}
	if m, ok := m.(*method.VIbCReg); ok {
		m.IterNorm = false // it would remain in a projector without layers
	}
	return true
}

// Every method works without a projector, so that z is h, and with a projector of one linear layer.
func TestProjectors(t *testing.T) {
	found := 0
	for _, e := range method.All {
		for name, widths := range map[string][]int{"none": nil, "linear": {width}} {
			m := shrink(e.New())
			if !headed(m, widths) {
				continue
			}
			found++
			t.Run(e.Name+"/"+name, func(t *testing.T) {
				if v, ok := m.(parallax.Validator); ok {
					if err := v.Validate(); err != nil {
						t.Error(err)
					}
				}
				with(t, m, torch.F64, 6, func(b built) {
					step := b.step(0, 6, 1)
					h := b.encoder.Backbone.Forward(step.Views[0])
					z, layers := b.encoder.Projector.Forward(h), 0
					for _, p := range b.params.Sub("projector").All() {
						if strings.HasSuffix(p.Name, ".linear.weight") {
							layers++
						}
					}
					if layers != len(widths) {
						t.Errorf("the projector has %d layers, want %d", layers, len(widths))
					}
					if widths == nil && z.Sub(h).Abs().Max().Item() != 0 {
						t.Error("z is not h")
					}
					b.loss(step).Backward()
					for _, p := range b.encoder.Params.Trainable() {
						if g := p.Tensor.Grad(); !g.Defined() || g.Abs().Max().Item() == 0 {
							t.Errorf("%s gets no gradient", p.Name)
						}
					}
				})
			})
		}
	}
	if found < 30 {
		t.Errorf("only %d projectors were found", found)
	}
}

// Without a projector, the predictor's width must be the backbone's, which only Build knows. Build fails with an error
// that says what to set.
func TestPredictorOfAnotherWidth(t *testing.T) {
	m := shrink(method.NewSimSiam()).(*method.SimSiam)
	m.Projector.Widths = nil
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F32)
		defer p.Free()
		m.Build(&parallax.Build{Params: p, Backbone: tiny{}, Size: pixels, Batch: 4, Images: 4, Steps: 1})
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "end method.predictor.widths with 8") {
		t.Errorf("the error is %v", err)
	}
}

// Untied networks start from different weights and are both trained, and the first one is evaluated. Without the
// variant there is no second network.
func TestUntied(t *testing.T) {
	for _, name := range []string{"simclr", "barlowtwins", "vicreg"} {
		for _, apart := range []bool{true, false} {
			e, err := method.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			m := shrink(e.New())
			c := small(name, m)
			c.Variant.Untied = apart
			with(t, wrap(m, &c), torch.F64, 6, func(b built) {
				b.loss(b.step(0, 6, 1)).Backward()
				first, second := b.params.Sub("backbone"), b.params.Sub("second").Trainable()
				if want := len(b.params.Trainable()); !apart && len(second) > 0 || apart && 2*len(second) != want {
					t.Errorf("%s, untied %v: %d of %d tensors are of a second network", name, apart, len(second), want)
				}
				if at := b.encoder.Params.Prefix(); at != first.Prefix() {
					t.Errorf("%s: what is evaluated is at %q", name, at)
				}
				for _, p := range second {
					if g := p.Tensor.Grad(); !g.Defined() {
						t.Errorf("%s: %s gets no gradient", name, p.Name)
					}
					twin, ok := b.params.Get(strings.TrimPrefix(p.Name, "second."))
					if !ok || strings.HasSuffix(p.Name, "conv1.weight") && twin.Sub(p.Tensor).Abs().Max().Item() == 0 {
						t.Errorf("%s: %s begins as its twin, or has none", name, p.Name)
					}
				}
			})
		}
	}
}
