// SPDX-License-Identifier: Apache-2.0

package part

import (
	"fmt"

	"github.com/parallax-ssl/parallax/nn"
)

// Fraction checks that a hyperparameter lies in [0, 1].
func Fraction(name string, v float64) error {
	if v >= 0 && v <= 1 {
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be between 0 and 1", name, v)
}

// OneOf checks that a hyperparameter is one of the given words.
func OneOf[S ~string](name string, v S, words ...S) error {
	for _, w := range words {
		if v == w {
			return nil
		}
	}
	return fmt.Errorf("method.%s is %q: it must be one of %q", name, v, words)
}

// Positive checks that a hyperparameter is above 0.
func Positive(name string, v float64) error {
	if v > 0 { // nor NaN
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be above 0", name, v)
}

// NonNegative checks that a weight is not below 0; a weight of 0 removes its term from the loss.
func NonNegative(name string, v float64) error {
	if v >= 0 {
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be 0 or above", name, v)
}

// Below checks that a hyperparameter is below a limit.
func Below(name string, v, limit float64) error {
	if v < limit { // nor NaN
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be below %v", name, v, limit)
}

// AtLeast checks that a count is not below least.
func AtLeast(name string, v, least int) error {
	if v >= least {
		return nil
	}
	return fmt.Errorf("method.%s is %d: it must be at least %d", name, v, least)
}

// First returns the first error that is not nil.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Matching checks a predictor: unless the mode is none, it must be as wide as the projector. Without a projector it
// must be as wide as the backbone, which [NewPredictor] checks.
func Matching(mode Predictor, predictor, projector nn.MLP) error {
	p, z := predictor.Out(0), projector.Out(0)
	if mode != "none" && len(predictor.Widths) > 0 && len(projector.Widths) > 0 && p != z {
		return fmt.Errorf("method.predictor ends with width %d and method.projector with %d: they are compared, so "+
			"set them equal", p, z)
	}
	return First(
		OneOf("predictor_mode", mode, "trained", "fixed", "none"),
		predictor.Validate("method.predictor"),
	)
}
