// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// settings are what the table test sets for each of Keys, as for --set.
var settings = map[string][]string{
	"untied": {"variant.untied=true"},
	"asymmetric": {
		"variant.asymmetric.stop_gradient=true",
		"variant.asymmetric.predictor_mode=trained",
		"variant.asymmetric.predictor_mode=fixed",
		"variant.asymmetric.predictor_mode=trained variant.asymmetric.stop_gradient=true",
		"variant.asymmetric.predictor_mode=trained variant.untied=true",
	},
	"predictor_form": {
		"variant.predictor_form=linear",
		"variant.predictor_form=symmetric",
		"variant.predictor_form=symmetric_mlp",
		"variant.predictor_form=bias",
		"variant.predictor_form=linear method.predictor_mode=fixed",
		"variant.predictor_form=linear method.predictor_mode=none",
	},
	"direct": {
		"variant.predictor_form=direct",
		"variant.predictor_form=direct variant.direct.isotropic=true variant.direct.centred=true",
	},
	"variance":   {"variant.variance=1", "variant.variance=1 variant.predictor_form=bias"},
	"covariance": {"variant.covariance=1"},
}

// Every variant that Keys allows for a method makes a step, and says what its loss is after a collapse.
func TestEveryVariant(t *testing.T) {
	for _, e := range method.All {
		for _, key := range Keys(e.New()) {
			if settings[key] == nil {
				t.Errorf("variant.%s of %s is not tested", key, e.Name)
			}
			for _, set := range settings[key] {
				for _, views := range []int{2, 3} {
					line := fmt.Sprintf("%s method.view_count=%d", set, views)
					t.Run(e.Name+" "+line, func(t *testing.T) {
						check := func() error { return checkVariant(t, e, line, inputs(views)) }
						if err := torch.Scope(check); err != nil {
							t.Error(err)
						}
					})
				}
			}
		}
	}
}

// checkVariant makes a step of a method with settings.
func checkVariant(t *testing.T, e method.Entry, settings string, views []torch.Tensor) error {
	m, err := set(e, settings)
	if err != nil {
		return err
	}
	p := nn.NewParams(1, torch.F64)
	defer p.Free()
	batch := views[0].Size(0)
	m.Build(&parallax.Build{Params: p, Backbone: small{}, Size: 8, Batch: batch, Images: batch, Steps: 4})
	s := parallax.NewStep(0, 4, views...)
	m.Loss(s, m.Forward(s)).Backward()
	for _, n := range p.All() {
		if g := n.Tensor.Grad(); g.Defined() != n.Tensor.RequiresGrad() {
			t.Errorf("%s is trained: %v, and has a gradient: %v", n.Name, n.Tensor.RequiresGrad(), g.Defined())
		} else if g.Defined() && !finite(g.Abs().Max().Item()) {
			t.Errorf("the gradient of %s is not finite", n.Name)
		}
	}
	frozen := strings.Contains(settings, "=fixed") || strings.Contains(settings, "=direct")
	predictor := p.Sub("predictor")
	if len(predictor.All()) > 0 && frozen != (len(predictor.Trainable()) == 0) {
		t.Errorf("the predictor trains %d tensors", len(predictor.Trainable()))
	}
	if u, ok := parallax.As[parallax.Updater](m); ok {
		u.Update(s)
	}
	z := m.Forward(s)
	if loss := m.Loss(s, z).Item(); !finite(loss) {
		t.Errorf("the loss after Update is %v", loss)
	}
	c, ok := parallax.As[parallax.Collapser](m)
	if !ok {
		return nil
	}
	for i := range z { // the same row everywhere
		z[i] = torch.FromFloat64([]float64{0.5, -0.1, 0.7, 0.1, -0.49}, 1, 5).Expand(batch, 5)
	}
	want, loss := c.Collapsed(batch), m.Loss(s, z).Item()
	if want.Value.Known && math.Abs(loss-want.Value.Value) > 1e-7 {
		t.Errorf("the loss of equal embeddings is %v, and Collapsed says %v", loss, want.Value.Value)
	}
	return nil
}

// set is the method with small heads and with settings.
func set(e method.Entry, settings string) (parallax.Method, error) {
	m, c := e.New(), config.Default()
	c.Method = config.MethodConfig{Name: e.Name, Fields: m}
	l, err := config.New(&c)
	if err != nil {
		return nil, err
	}
	settings += " method.projector.widths=[7,5] variant.asymmetric.predictor.widths=[7,5]"
	if slices.Contains(Keys(m), "predictor_form") {
		settings += " method.predictor.widths=[7,5]"
	}
	for one := range strings.FieldsSeq(settings) {
		key, value, _ := strings.Cut(one, "=")
		if err := l.Set(key, value, "--set"); err != nil {
			return nil, err
		}
	}
	return Wrap(m, &c)
}

// The error for another method names exactly the methods whose Keys have the key.
func TestOtherMethodsAreRefused(t *testing.T) {
	other, _ := method.Find("wmse")
	for key, lines := range settings {
		_, err := set(other, lines[0])
		_, named, _ := strings.Cut(fmt.Sprint(err), "or train ")
		for _, e := range method.All {
			said := slices.Contains(strings.Fields(strings.ReplaceAll(named, ",", "")), e.Name)
			if goes := slices.Contains(Keys(e.New()), key); said != goes {
				t.Errorf("%s has the key %s: %v, and the error is %v", e.Name, key, goes, err)
			}
		}
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
