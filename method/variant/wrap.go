// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
)

// Wrap returns m, the method of a config, in the wrappers that the config asks for. If the config asks for none, it
// returns m itself. Call it with the hyperparameters of m set and before Build.
func Wrap(m parallax.Method, c *config.Config) (parallax.Method, error) {
	v, t := &c.Variant, traitsOf(m)
	asymmetric, err := newAsymmetric(t, &v.Asymmetric)
	if err != nil {
		return nil, err
	}
	own := v.PredictorForm == "" || v.PredictorForm == "own"
	const symmetric, predicting = "barlowtwins, simclr or vicreg", "byol or simsiam"
	for _, key := range []struct {
		name    string
		set     bool
		methods string // that the key goes with
	}{
		{"untied", v.Untied, symmetric},
		{"asymmetric", asymmetric != nil, symmetric},
		{"predictor_form", !own, predicting},
		{"variance", v.Variance != 0, "simsiam"},
		{"covariance", v.Covariance != 0, "simsiam"},
	} {
		if key.set && !slices.Contains(t.keys, key.name) {
			return nil, fmt.Errorf("variant.%s does not go with %s: leave it out, or train %s",
				key.name, c.Method.Name, key.methods)
		}
	}
	terms := v.Variance != 0 || v.Covariance != 0
	if s, ok := m.(*method.SimSiam); ok && terms && s.TargetEvery > 1 {
		return nil, fmt.Errorf("method.target_every is %d: the targets come from an older network, which gets no "+
			"gradient, so leave variant.variance and variant.covariance at 0", s.TargetEvery)
	}
	if v.Untied {
		m = &Untied{m, t.pair}
	}
	if asymmetric != nil {
		asymmetric.Method = m
		m = asymmetric
	}
	if !own {
		if m, err = newPredictor(t, v); err != nil {
			return nil, err
		}
	}
	if terms {
		m = &WithVICReg{m, v.Variance, v.Covariance}
	}
	return m, nil
}

// Keys returns the keys below "variant." that go with a method.
func Keys(m parallax.Method) []string { return traitsOf(m).keys }

// traits is what the variants have to know of a method.
type traits struct {
	keys      []string
	projector nn.MLP
	pair      parallax.Method // a copy for two views, if the loss compares embeddings of the views by one network
	bare      parallax.Method // a copy without predictor, if the method has one
	predictor nn.MLP          // of that method
	mode      part.Predictor
}

func traitsOf(m parallax.Method) traits {
	symmetric, predicting := []string{"untied", "asymmetric"}, []string{"predictor_form", "direct"}
	switch m := m.(type) {
	case *method.SimCLR:
		pair := *m
		pair.ViewCount = 2
		return traits{keys: symmetric, projector: m.Projector, pair: &pair}
	case *method.BarlowTwins:
		pair := *m
		pair.ViewCount = 2
		return traits{keys: symmetric, projector: m.Projector, pair: &pair}
	case *method.VICReg:
		pair := *m
		pair.ViewCount = 2
		return traits{keys: symmetric, projector: m.Projector, pair: &pair}
	case *method.BYOL:
		bare := *m
		bare.PredictorMode = "none"
		return traits{
			keys: predicting, projector: m.Projector, bare: &bare, predictor: m.Predictor, mode: m.PredictorMode,
		}
	case *method.SimSiam:
		bare := *m
		bare.PredictorMode = "none"
		predicting = append(predicting, "variance", "covariance")
		return traits{
			keys: predicting, projector: m.Projector, bare: &bare, predictor: m.Predictor, mode: m.PredictorMode,
		}
	}
	return traits{}
}

// newPredictor returns the wrapper with another predictor, around the method without predictor.
func newPredictor(t traits, v *config.Variant) (parallax.Method, error) {
	if n := t.predictor.Widths; v.PredictorForm == "symmetric_mlp" && len(n) != 2 {
		return nil, fmt.Errorf("variant.predictor_form is %q and method.predictor.widths is %v: set two widths, "+
			"because the second layer is kept the transpose of the first", v.PredictorForm, n)
	}
	return &Predictor{
		Method: t.bare, Form: v.PredictorForm, Mode: t.mode, Layers: t.predictor, Projector: t.projector,
		Direct: v.Direct,
	}, nil
}

// newAsymmetric returns the wrapper that a config asks for, without its method, or nil if it asks for none.
func newAsymmetric(t traits, c *config.Asymmetric) (*Asymmetric, error) {
	const name = "variant.asymmetric.predictor"
	a := &Asymmetric{
		Pair: t.pair, Projector: t.projector,
		StopGradient: c.StopGradient, PredictorMode: part.Predictor(c.PredictorMode),
		Predictor: nn.MLP{
			Widths: c.Predictor.Widths, BatchNorm: c.Predictor.BatchNorm,
			OutputNorm: c.Predictor.OutputNorm, OutputAffine: c.Predictor.OutputAffine,
		},
	}
	if norm := c.Predictor.Norm; norm != "" {
		if err := a.Predictor.Norm.UnmarshalText([]byte(norm)); err != nil {
			return nil, fmt.Errorf("%s.norm is %q: %w", name, norm, err)
		}
	}
	if a.PredictorMode == "" {
		a.PredictorMode = "none"
	}
	if !a.StopGradient && a.PredictorMode == "none" {
		return nil, nil
	}
	p, z := a.Predictor.Out(0), t.projector.Out(0)
	if a.PredictorMode != "none" && len(t.projector.Widths) > 0 && len(a.Predictor.Widths) > 0 && p != z {
		return nil, fmt.Errorf("%s ends with width %d and method.projector with %d: they are compared, so set them "+
			"equal", name, p, z)
	}
	return a, a.Predictor.Validate(name)
}
