// SPDX-License-Identifier: Apache-2.0

package nn

import "math"

// Cosine goes from base at step 0 to final at step of along half a cosine: final - (final - base)·(cos(π·at/of) + 1)/2.
// With final 1 it is BYOL's schedule of the target's momentum (arXiv:2006.07733, section 3.3).
func Cosine(base, final float64, at, of int) float64 {
	return final - (final-base)*(math.Cos(math.Pi*float64(at)/float64(of))+1)/2
}
