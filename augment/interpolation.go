// SPDX-License-Identifier: Apache-2.0

package augment

import "fmt"

// Interpolation names the filter of a resize. Both are antialiased as Pillow's are: when an image shrinks, the filter
// widens with it.
type Interpolation string

const (
	Bilinear Interpolation = "bilinear" // triangle filter
	Bicubic  Interpolation = "bicubic"  // Keys' cubic with a = -0.5
)

// check returns an error that lists the known names when i is none of them.
func (i Interpolation) check() error {
	if i != Bilinear && i != Bicubic {
		return fmt.Errorf("interpolation is %q: give %q or %q", string(i), Bilinear, Bicubic)
	}
	return nil
}

// support returns the filter's half width, in pixels of the output when shrinking and of the input when growing.
func (i Interpolation) support() float64 {
	if i == Bicubic {
		return 2
	}
	return 1
}

// cubic is Keys' filter at distance x, which is not negative. The conversions forbid fused multiply-adds, whose last
// bit would differ.
func cubic(x float64) float64 {
	switch {
	case x < 1:
		return float64(float64((float64(1.5*x)-2.5)*x)*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * -0.5
	}
	return 0
}
