// SPDX-License-Identifier: Apache-2.0

// Package bicubic resizes tensors by cubic convolution, as PyTorch's bicubic interpolation does.
package bicubic

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// Weights returns the out x in weights of cubic convolution (Keys 1981, with a = -0.75 as in PyTorch), pixel centres at
// halves, edges repeated.
func Weights(out, in int) []float64 {
	const a = -0.75
	weights := make([]float64, out*in)
	for i := range out {
		at := (float64(i)+0.5)*float64(in)/float64(out) - 0.5
		from := int(math.Floor(at)) - 1
		for k := from; k < from+4; k++ {
			x, w := math.Abs(at-float64(k)), 0.0
			switch {
			case x <= 1:
				w = ((a+2)*x-(a+3))*x*x + 1
			case x < 2:
				w = ((a*x-5*a)*x+8*a)*x - 4*a
			}
			weights[i*in+min(max(k, 0), in-1)] += w
		}
	}
	return weights
}

// Resize resizes the last two dimensions of x to h x w. It computes in float32 and returns the type of x.
func Resize(x torch.Tensor, h, w int) torch.Tensor {
	shape := x.Shape()
	if len(shape) < 2 || h < 1 || w < 1 || h > most || w > most {
		torch.Fail("Resize", "a tensor of shape %v to %d x %d", shape, h, w)
	}
	from := shape[len(shape)-2:]
	weights := func(out, in int) torch.Tensor {
		return torch.FromFloat64(Weights(out, in), out, in).To(torch.F32)
	}
	wide := x.To(torch.F32).MatMul(weights(w, from[1]).T())
	return weights(h, from[0]).MatMul(wide).To(x.DType())
}

// most bounds a side: a larger one is a mistake.
const most = 1 << 14
