// SPDX-License-Identifier: Apache-2.0

package jpeg

// The inverse DCT of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11 multiplications",
// ICASSP 1989) in integers, with libjpeg's precision and roundings ("islow"). On numbers that no encoder makes, what
// matters is how the vector code of libjpeg-turbo overflows: it keeps 16 bits between the steps.

const (
	fractionBits = 13 // of the constants
	columnBits   = 2  // that the columns' results keep
)

// The constants of the paper times 1<<fractionBits.
const (
	fix0298631336 = 2446
	fix0390180644 = 3196
	fix0541196100 = 4433
	fix0765366865 = 6270
	fix0899976223 = 7373
	fix1175875602 = 9633
	fix1501321110 = 12299
	fix1847759065 = 15137
	fix1961570560 = 16069
	fix2053119869 = 16819
	fix2562915447 = 20995
	fix3072711026 = 25172
)

// transform writes the samples of the component's block at a place.
func (c *component) transform(at int, b *block) {
	x, y := at%c.stride, at/c.stride
	idct(b, c.quant, c.samples[(y*c.stride*8+x)*8:], c.stride*8)
}

// idct writes the samples of a block into rows of out.
func idct(b *block, q *quantTable, out []uint8, stride int) {
	var columns [64]int32
	rest := int16(0) // of the rows below the first
	for i := 8; i < 64; i += 8 {
		r := b[i : i+8 : i+8]
		rest |= r[0] | r[1] | r[2] | r[3] | r[4] | r[5] | r[6] | r[7]
	}
	if rest == 0 {
		for i := range 8 {
			v := int32(b[i] * q[i] << columnBits)
			for j := i; j < 64; j += 8 {
				columns[j] = v
			}
		}
	} else {
		for i := range 8 {
			if b[8+i]|b[16+i]|b[24+i]|b[32+i]|b[40+i]|b[48+i]|b[56+i] == 0 {
				v := saturate(int32(b[i]*q[i]) << columnBits)
				for j := i; j < 64; j += 8 {
					columns[j] = v
				}
				continue
			}
			s0, s1, s2, s3, s4, s5, s6, s7 := butterfly(
				int32(b[i]*q[i]), int32(b[8+i]*q[8+i]), int32(b[16+i]*q[16+i]), int32(b[24+i]*q[24+i]),
				int32(b[32+i]*q[32+i]), int32(b[40+i]*q[40+i]), int32(b[48+i]*q[48+i]), int32(b[56+i]*q[56+i]))
			const shift = fractionBits - columnBits
			columns[i] = descale(s0, shift)
			columns[8+i] = descale(s1, shift)
			columns[16+i] = descale(s2, shift)
			columns[24+i] = descale(s3, shift)
			columns[32+i] = descale(s4, shift)
			columns[40+i] = descale(s5, shift)
			columns[48+i] = descale(s6, shift)
			columns[56+i] = descale(s7, shift)
		}
	}
	for i := range 8 {
		c := columns[8*i : 8*i+8 : 8*i+8]
		row := out[i*stride : i*stride+8 : i*stride+8]
		const shift = fractionBits + columnBits + 3
		if c[1]|c[2]|c[3]|c[4]|c[5]|c[6]|c[7] == 0 {
			v := clamp(descale(c[0]<<fractionBits, shift) + 128)
			row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7] = v, v, v, v, v, v, v, v
			continue
		}
		s0, s1, s2, s3, s4, s5, s6, s7 := butterfly(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7])
		row[0] = clamp(descale(s0, shift) + 128)
		row[1] = clamp(descale(s1, shift) + 128)
		row[2] = clamp(descale(s2, shift) + 128)
		row[3] = clamp(descale(s3, shift) + 128)
		row[4] = clamp(descale(s4, shift) + 128)
		row[5] = clamp(descale(s5, shift) + 128)
		row[6] = clamp(descale(s6, shift) + 128)
		row[7] = clamp(descale(s7, shift) + 128)
	}
}

// butterfly transforms 8 coefficients of 16 bits to samples with fractionBits more.
func butterfly(c0, c1, c2, c3, c4, c5, c6, c7 int32) (s0, s1, s2, s3, s4, s5, s6, s7 int32) {
	// Even part.
	z1 := (c2 + c6) * fix0541196100
	e2 := z1 - c6*fix1847759065
	e3 := z1 + c2*fix0765366865
	e0 := int32(int16(c0+c4)) << fractionBits
	e1 := int32(int16(c0-c4)) << fractionBits
	t0, t3, t1, t2 := e0+e3, e0-e3, e1+e2, e1-e2

	// Odd part.
	z3, z4 := int32(int16(c7+c3)), int32(int16(c5+c1))
	z5 := (z3 + z4) * fix1175875602
	z3 = z5 - z3*fix1961570560
	z4 = z5 - z4*fix0390180644
	z1 = (c7 + c1) * -fix0899976223
	z2 := (c5 + c3) * -fix2562915447
	o0 := c7*fix0298631336 + z1 + z3
	o1 := c5*fix2053119869 + z2 + z4
	o2 := c3*fix3072711026 + z2 + z3
	o3 := c1*fix1501321110 + z1 + z4
	return t0 + o3, t1 + o2, t2 + o1, t3 + o0, t3 - o0, t2 - o1, t1 - o2, t0 - o3
}

// descale drops n bits with rounding, and keeps 16 of the result.
func descale(v int32, n uint) int32 { return saturate((v + 1<<(n-1)) >> n) }

func saturate(v int32) int32 { return min(max(v, -1<<15), 1<<15-1) }

func clamp(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31))
	}
	return uint8(v)
}
