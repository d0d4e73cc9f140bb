// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// DType is the type of a tensor's elements, spelled as in the file.
type DType string

// The element types this package reads and writes. All are stored in little-endian order; BOOL is one byte, 0 or 1.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

var sizes = map[DType]int64{F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, Bool: 1}

// unread are the format's other element types: known, so that the refusal can say more than "unknown".
var unread = []DType{"U16", "U32", "U64", "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
	"F6_E2M3", "F6_E3M2", "F4"}

// Size returns the bytes of one element, 0 for a type this package does not read.
func (d DType) Size() int { return int(sizes[d]) }

func (d DType) check() error {
	switch {
	case sizes[d] > 0:
		return nil
	case slices.Contains(unread, d):
		return fmt.Errorf("dtype %s is not supported: convert it to one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL",
			string(d))
	}
	return fmt.Errorf("dtype %s is not one of the format's", printable.Short(string(d)))
}
