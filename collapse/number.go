// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"

	"github.com/parallax-ssl/parallax/internal/number"
)

// Number is a measured value that may be absent. The zero Number is absent. In JSON a value that is not finite is null.
type Number = number.Number

// Num returns the Number with value v. It is known even when v is not finite: a loss that is NaN was measured.
func Num(v float64) Number { return number.Num(v) }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
