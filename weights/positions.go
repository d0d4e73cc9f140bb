// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"encoding/binary"
	"math"
)

// resizePositions interpolates the positions of a ViT, 1 x tokens x d in float32, from one square grid of patches to
// another, as timm does (resample_abs_pos_embed): bicubic with antialiasing. A class token's position stays; without
// one it is 0, as the class token of such a network gets none.
func resizePositions(data []byte, d, tokens, grid int) []byte {
	from := side(tokens)
	values := make([]float64, len(data)/4)
	for i := range values {
		values[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	}
	class := make([]float64, d)
	if tokens == from*from+1 {
		copy(class, values)
		values = values[d:]
	}
	if from != grid {
		weights := antialiased(grid, from)
		rows := apply(weights, values, grid, from, from*d) // the rows of the grid, then its columns
		values = values[:0]
		for y := range grid {
			values = append(values, apply(weights, rows[y*from*d:(y+1)*from*d], grid, from, d)...)
		}
	}
	out := make([]byte, 0, 4*(d+len(values)))
	for _, v := range append(class, values...) {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
	}
	return out
}

// apply multiplies weights, out x in, by values, in x width.
func apply(weights, values []float64, out, in, width int) []float64 {
	result := make([]float64, out*width)
	for i := range out {
		for k := range in {
			w := weights[i*in+k]
			if w == 0 {
				continue
			}
			for j, v := range values[k*width : (k+1)*width] {
				result[i*width+j] += w * v
			}
		}
	}
	return result
}

// antialiased returns the out x in weights of PyTorch's bicubic interpolation with antialias=True: cubic convolution
// (Keys 1981) with a = -0.5, as in Pillow, stretched by the factor of a reduction. Weights beyond the edge are left
// out, and the others scaled to the sum 1.
func antialiased(out, in int) []float64 {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	weights := make([]float64, out*in)
	for i := range out {
		centre := scale * (float64(i) + 0.5)
		from, to := max(int(centre-2*stretch+0.5), 0), min(int(centre+2*stretch+0.5), in)
		row, sum := weights[i*in:(i+1)*in], 0.0
		for k := from; k < to; k++ {
			row[k] = keys((float64(k) + 0.5 - centre) / stretch)
			sum += row[k]
		}
		for k := from; k < to; k++ {
			row[k] /= sum
		}
	}
	return weights
}

// keys is the kernel of cubic convolution with a = -0.5.
func keys(x float64) float64 {
	switch x = math.Abs(x); {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}
