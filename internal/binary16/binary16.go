// SPDX-License-Identifier: Apache-2.0

// Package binary16 converts between float32 and IEEE 754 binary16.
package binary16

import "math"

// Round rounds v to IEEE 754 binary16, to the nearest and on a tie to the even one. A value beyond 65504 becomes
// infinite.
func Round(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits>>16) & 0x8000
	exponent, fraction := int(bits>>23&0xff)-127+15, bits&0x7fffff
	switch {
	case exponent >= 0x1f && bits&0x7fffffff > 0x7f800000:
		return sign | 0x7e00 // not a number
	case exponent >= 0x1f:
		return sign | 0x7c00
	case exponent < -10:
		return sign
	}
	shift := 13
	if exponent <= 0 { // subnormal: the leading one is written out
		fraction |= 1 << 23
		shift += 1 - exponent
		exponent = 0
	}
	h := uint32(exponent)<<10 + fraction>>shift
	rest, tie := fraction&(1<<shift-1), uint32(1)<<(shift-1)
	if rest > tie || rest == tie && h&1 == 1 {
		h++ // may carry into the exponent, as it should
	}
	return sign | uint16(h)
}

// Value returns the value of a binary16.
func Value(h uint16) float32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	case 0:
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(v))
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
