// SPDX-License-Identifier: Apache-2.0

// Package number has the type of a measured value, which the log of a run and what diagnoses it share.
package number

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// A Number is a measured value that may be absent; the zero Number is. JSON has no NaN and no infinity: both are
// written as null, so that every line stays JSON, and null is read as NaN.
type Number struct {
	Value float64
	Known bool
}

// Num is the Number with value v, which is known even when it is not finite: a loss that is NaN was measured.
func Num(v float64) Number { return Number{v, true} }

// Finite says whether the number is known and neither NaN nor infinite.
func (n Number) Finite() bool { return n.Known && !math.IsNaN(n.Value) && !math.IsInf(n.Value, 0) }

// IsZero says whether the number is absent, for the option omitzero.
func (n Number) IsZero() bool { return !n.Known }

// MarshalJSON is the number in its shortest form, or null when it is absent or not finite.
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
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return err
	}
	*n = Num(v)
	return nil
}

// OrAbsent is the Number with value v, absent when v is NaN: an accuracy when no image had a label.
func OrAbsent(v float64) Number {
	if math.IsNaN(v) {
		return Number{}
	}
	return Num(v)
}
