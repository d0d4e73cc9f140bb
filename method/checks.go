// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"

	"github.com/parallax-ssl/parallax/nn"
)

// fraction checks that a hyperparameter lies in [0, 1].
func fraction(name string, v float64) error {
	if v >= 0 && v <= 1 {
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be between 0 and 1", name, v)
}

// oneOf checks that a hyperparameter is one of the given words.
func oneOf[S ~string](name string, v S, words ...S) error {
	for _, w := range words {
		if v == w {
			return nil
		}
	}
	return fmt.Errorf("method.%s is %q: it must be one of %q", name, v, words)
}

// positive checks that a hyperparameter is above 0.
func positive(name string, v float64) error {
	if v > 0 { // nor NaN
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be above 0", name, v)
}

// nonNegative checks that a weight is not below 0; 0 takes its term out of the loss.
func nonNegative(name string, v float64) error {
	if v >= 0 {
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be 0 or above", name, v)
}

// below checks that a hyperparameter is under a limit.
func below(name string, v, limit float64) error {
	if v < limit { // nor NaN
		return nil
	}
	return fmt.Errorf("method.%s is %v: it must be below %v", name, v, limit)
}

// atLeast checks a count.
func atLeast(name string, v, least int) error {
	if v >= least {
		return nil
	}
	return fmt.Errorf("method.%s is %d: it must be at least %d", name, v, least)
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// matching checks a predictor: unless there is none, it must be as wide as the projector. Without a projector that is the
// backbone's width, and left to [predictor].
func matching(mode Predictor, predictor, projector nn.MLP) error {
	p, z := predictor.Out(0), projector.Out(0)
	if mode != "none" && len(predictor.Widths) > 0 && len(projector.Widths) > 0 && p != z {
		return fmt.Errorf("method.predictor ends with width %d and method.projector with %d: they are compared, so set them equal", p, z)
	}
	return first(
		oneOf("predictor_mode", mode, "trained", "fixed", "none"),
		predictor.Validate("method.predictor"),
	)
}
