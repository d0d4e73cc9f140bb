// SPDX-License-Identifier: Apache-2.0

// Package number has the type of a measured value, which the log of a run and the diagnosis share.
package number

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// A Number is a measured value that may be absent; the zero Number is absent. JSON has no NaN and no infinity, so both
// are written as null, and null is read as NaN.
type Number struct {
	Value float64
	Known bool
}

// Num returns the Number with value v. It is known even if v is not finite: a loss that is NaN was measured.
func Num(v float64) Number { return Number{v, true} }

// Finite reports whether the number is known and neither NaN nor infinite.
func (n Number) Finite() bool { return n.Known && !math.IsNaN(n.Value) && !math.IsInf(n.Value, 0) }

// IsZero reports whether the number is absent, for the option omitzero.
func (n Number) IsZero() bool { return !n.Known }

// MarshalJSON writes the number in its shortest form, or null if it is absent or not finite.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Finite() {
		return []byte("null"), nil
	}
	return json.Marshal(n.Value)
}

// UnmarshalJSON reads a number, or NaN for null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*n = Num(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return err
	}
	*n = Num(v)
	return nil
}

// OrAbsent returns the Number with value v, absent if v is NaN, such as an accuracy without labelled images.
func OrAbsent(v float64) Number {
	if math.IsNaN(v) {
		return Number{}
	}
	return Num(v)
}
