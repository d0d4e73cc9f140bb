// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// float64s returns the elements of a floating-point tensor (F64, F32, F16, BF16), which float64 holds exactly.
func float64s(t Tensor) ([]float64, error) {
	var one func([]byte) float64
	switch t.DType {
	case F64:
		one = func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
	case F32:
		one = func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }
	case BF16:
		one = func(b []byte) float64 {
			return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
		}
	case F16:
		one = func(b []byte) float64 { return half(binary.LittleEndian.Uint16(b)) }
	default:
		return nil, fmt.Errorf("tensor %s is %s, not floating-point", printable.Short(t.Name), t.DType)
	}
	return decode(t, one), nil
}

// int64s returns the elements of an integer or boolean tensor.
func int64s(t Tensor) ([]int64, error) {
	var one func([]byte) int64
	switch t.DType {
	case I64:
		one = func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }
	case I32:
		one = func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) }
	case I16:
		one = func(b []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(b))) }
	case I8:
		one = func(b []byte) int64 { return int64(int8(b[0])) }
	case U8, Bool:
		one = func(b []byte) int64 { return int64(b[0]) }
	default:
		return nil, fmt.Errorf("tensor %s is %s, not of integers", printable.Short(t.Name), t.DType)
	}
	return decode(t, one), nil
}

func decode[T any](t Tensor, one func([]byte) T) []T {
	step := t.DType.Size()
	values := make([]T, 0, len(t.Data)/step)
	for data := t.Data; len(data) >= step; data = data[step:] {
		values = append(values, one(data))
	}
	return values
}

// half widens an IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
func half(b uint16) float64 {
	sign, exponent, fraction := 1-2*float64(b>>15), int(b>>10&31), float64(b&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}
