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
	v := &c.Variant
	asymmetric, err := newAsymmetric(m, &v.Asymmetric)
	if err != nil {
		return nil, err
	}
	own := v.PredictorForm == "" || v.PredictorForm == "own"
	known := Keys(m)
	for _, key := range []struct {
		name string
		set  bool
	}{
		{"untied", v.Untied}, {"asymmetric", asymmetric != nil}, {"predictor_form", !own},
		{"variance", v.Variance != 0}, {"covariance", v.Covariance != 0},
	} {
		if key.set && !slices.Contains(known, key.name) {
			return nil, fmt.Errorf("variant.%s does not go with %s: leave it out, or train %s",
				key.name, c.Method.Name, goesWith[key.name])
		}
	}
	if v.Untied {
		second, _ := twin(m)
		m = &Untied{m, second}
	}
	if asymmetric != nil {
		asymmetric.Method = m
		m = asymmetric
	}
	terms := v.Variance != 0 || v.Covariance != 0
	if s, ok := m.(*method.SimSiam); ok && terms && s.TargetEvery > 1 {
		return nil, fmt.Errorf("method.target_every is %d: the targets come from an older network, which gets no "+
			"gradient, so leave variant.variance and variant.covariance at 0", s.TargetEvery)
	}
	if !own {
		if m, err = newPredictor(m, v); err != nil {
			return nil, err
		}
	}
	if terms {
		m = &WithVICReg{m, v.Variance, v.Covariance}
	}
	return m, nil
}

// Keys returns the keys below "variant." that go with a method.
func Keys(m parallax.Method) []string {
	switch m.(type) {
	case *method.SimCLR, *method.BarlowTwins, *method.VICReg:
		return []string{"untied", "asymmetric"}
	case *method.SimSiam:
		return []string{"predictor_form", "direct", "variance", "covariance"}
	case *method.BYOL:
		return []string{"predictor_form", "direct"}
	}
	return nil
}

// goesWith are the names of the methods that go with a key, for a message.
var goesWith = map[string]string{
	"untied":         "barlowtwins, simclr or vicreg",
	"asymmetric":     "barlowtwins, simclr or vicreg",
	"predictor_form": "byol or simsiam",
	"variance":       "simsiam",
	"covariance":     "simsiam",
}

// newPredictor returns the wrapper with another predictor, around a copy of m without predictor.
func newPredictor(m parallax.Method, v *config.Variant) (parallax.Method, error) {
	p := &Predictor{Form: v.PredictorForm, Direct: v.Direct}
	switch m := m.(type) {
	case *method.BYOL:
		p.Mode, p.Layers, p.Projector = m.PredictorMode, m.Predictor, m.Projector
		bare := *m
		bare.PredictorMode, p.Method = "none", &bare
	case *method.SimSiam:
		p.Mode, p.Layers, p.Projector = m.PredictorMode, m.Predictor, m.Projector
		bare := *m
		bare.PredictorMode, p.Method = "none", &bare
	}
	if n := p.Layers.Widths; p.Form == "symmetric_mlp" && len(n) != 2 {
		return nil, fmt.Errorf("variant.predictor_form is %q and method.predictor.widths is %v: set two widths, "+
			"because the second layer is kept the transpose of the first", p.Form, n)
	}
	return p, nil
}

// twin returns another method with the hyperparameters of m, and the projector of m, if the loss of m compares
// embeddings of the views by one network. Other methods have no symmetry to break, and twin returns nil.
func twin(m parallax.Method) (parallax.Method, nn.MLP) {
	switch m := m.(type) {
	case *method.SimCLR:
		second := *m
		return &second, m.Projector
	case *method.BarlowTwins:
		second := *m
		return &second, m.Projector
	case *method.VICReg:
		second := *m
		return &second, m.Projector
	}
	return nil, nn.MLP{}
}

// newAsymmetric returns the wrapper that a config asks for, without its method, or nil if it asks for none.
func newAsymmetric(m parallax.Method, c *config.Asymmetric) (*Asymmetric, error) {
	const name = "variant.asymmetric.predictor"
	_, projector := twin(m)
	a := &Asymmetric{StopGradient: c.StopGradient, PredictorMode: part.Predictor(c.PredictorMode), Projector: projector}
	a.Predictor = nn.MLP{
		Widths: c.Predictor.Widths, BatchNorm: c.Predictor.BatchNorm,
		OutputNorm: c.Predictor.OutputNorm, OutputAffine: c.Predictor.OutputAffine,
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
	p, z := a.Predictor.Out(0), projector.Out(0)
	if a.PredictorMode != "none" && len(projector.Widths) > 0 && len(a.Predictor.Widths) > 0 && p != z {
		return nil, fmt.Errorf("%s ends with width %d and method.projector with %d: they are compared, so set them "+
			"equal", name, p, z)
	}
	return a, a.Predictor.Validate(name)
}
