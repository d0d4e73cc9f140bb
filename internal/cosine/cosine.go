// SPDX-License-Identifier: Apache-2.0

// Package cosine compares rows of length 1.
package cosine

// Of is the inner product of two rows of length 1, which have as many values. It is summed in float64 in a fixed order,
// so that it depends on nothing but the two rows.
func Of(a, b []float32) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i]) * float64(b[i])
		s1 += float64(a[i+1]) * float64(b[i+1])
		s2 += float64(a[i+2]) * float64(b[i+2])
		s3 += float64(a[i+3]) * float64(b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i]) * float64(b[i])
	}
	return (s0 + s1) + (s2 + s3)
}
