// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"fmt"
	"math"
)

// checkP checks a probability.
func checkP(p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("p is %v: a probability must be between 0 and 1", p)
	}
	return nil
}

// checkSize checks a size in pixels.
func checkSize(size int) error {
	if size < 1 || size > maxSide {
		return fmt.Errorf("size is %d: give a number of pixels between 1 and %d", size, maxSide)
	}
	return nil
}

// maxSide bounds an output's side, so that 3*side*side bytes fit any address space we run in and a typing mistake is
// refused with a message.
const maxSide = 1 << 14

// checkRange checks a range [lo, hi] whose ends must lie between least and most.
func checkRange(field string, v [2]float64, least, most float64) error {
	if !(v[0] >= least && v[0] <= v[1] && v[1] <= most) {
		if math.IsInf(most, 1) || most == math.MaxFloat64 {
			return fmt.Errorf("%s is [%v, %v]: give [low, high] with %v <= low <= high", field, v[0], v[1], least)
		}
		return fmt.Errorf("%s is [%v, %v]: give [low, high] with %v <= low <= high <= %v", field, v[0], v[1], least,
			most)
	}
	return nil
}

// checkAmount checks one strength, which must lie between 0 and most.
func checkAmount(field string, v, most float64) error {
	if v >= 0 && v <= most {
		return nil
	}
	if most == math.MaxFloat64 {
		return fmt.Errorf("%s is %v: it must be 0 (off) or a positive number", field, v)
	}
	return fmt.Errorf("%s is %v: it must be between 0 (off) and %v", field, v, most)
}

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
