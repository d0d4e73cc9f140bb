// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"bytes"
	"encoding/json"
	"math"
)

// Number is a measured value that may be absent; the zero Number is. It has the fields of the run package's Number, which
// this package does not import, so that the two convert into each other.
type Number struct {
	Value float64
	Known bool
}

// Num is the Number with value v, which is known even when it is not finite: a loss that is NaN was measured.
func Num(v float64) Number { return Number{v, true} }

// Finite says whether the number is known and neither NaN nor infinite.
func (n Number) Finite() bool { return n.Known && finite(n.Value) }

// IsZero says whether the number is absent.
func (n Number) IsZero() bool { return !n.Known }

// MarshalJSON is the number in its shortest form, or null when it is absent or not finite: JSON has no NaN.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Finite() {
		return []byte("null"), nil
	}
	return json.Marshal(n.Value)
}

// UnmarshalJSON reads a number, or NaN from null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*n = Num(math.NaN())
		return nil
	}
	n.Known = true
	return json.Unmarshal(b, &n.Value)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
