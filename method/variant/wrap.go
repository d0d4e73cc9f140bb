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

// Wrap returns m, the method of a config, with the variants that the config asks for around it: m itself where it asks for
// none. m has all its hyperparameters, and its networks are not built yet.
func Wrap(m parallax.Method, c *config.Config) (parallax.Method, error) {
	asymmetric, err := newAsymmetric(m, &c.Variant.Asymmetric)
	if err != nil {
		return nil, err
	}
	known := Keys(m)
	for _, v := range []struct {
		key string
		is  bool
	}{{"untied", c.Variant.Untied}, {"asymmetric", asymmetric != nil}} {
		if v.is && !slices.Contains(known, v.key) {
			return nil, fmt.Errorf("variant.%s does not go with %s: leave it out, or train %s", v.key, c.Method.Name, goesWith[v.key])
		}
	}
	if c.Variant.Untied {
		second, _ := twin(m)
		m = &Untied{m, second}
	}
	if asymmetric != nil {
		asymmetric.Method = m
		m = asymmetric
	}
	return m, nil
}

// Keys are those below "variant." that go with a method.
func Keys(m parallax.Method) (keys []string) {
	if second, _ := twin(m); second != nil {
		keys = append(keys, "untied", "asymmetric")
	}
	return keys
}

// goesWith are the methods that a key goes with, in words.
var goesWith = map[string]string{
	"untied":     "barlowtwins, simclr or vicreg",
	"asymmetric": "barlowtwins, simclr or vicreg",
}

// twin is another method with the hyperparameters of m, and m's projector, where the loss of m is between the embeddings
// that one network gives of the views. It is nil for all others, which have no symmetry to break.
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

// newAsymmetric is the wrapper that a config asks for, still without its method; nil where it asks for none.
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
		return nil, fmt.Errorf("%s ends with width %d and method.projector with %d: they are compared, so set them equal",
			name, p, z)
	}
	return a, a.Predictor.Validate(name)
}
