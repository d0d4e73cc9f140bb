// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/torch"
)

// Init draws the initial values of a parameter of the given shape.
type Init func(r *rand.Rand, shape []int, values []float64)

// atFirst is how many bytes a parameter takes while it is made, for each of its numbers: two copies in float64 and one
// in float32. Trained, it takes no less: with its gradient, and in most optimisers one or two moments.
const atFirst = 8 + 8 + 4

func (init Init) tensor(seed uint64, name string, dtype torch.DType, shape []int) torch.Tensor {
	h := fnv.New64a()
	h.Write([]byte(name))
	n := 1
	for _, s := range shape {
		n *= s
	}
	torch.Room(fmt.Sprintf("%s of shape %v", name, shape), atFirst*float64(n))
	values := make([]float64, n)
	init(rand.New(rand.NewPCG(seed, h.Sum64())), shape, values)
	return torch.FromFloat64(values, shape...).To(dtype).Clone()
}

// Constant sets every value to v.
func Constant(v float64) Init {
	return func(_ *rand.Rand, _ []int, values []float64) {
		for i := range values {
			values[i] = v
		}
	}
}

// KaimingNormal draws from N(0, 2/fan_out), fan_out = outputs x kernel elements: He et al. 2015, as torchvision's
// ResNet uses it for convolutions.
func KaimingNormal(r *rand.Rand, shape []int, values []float64) {
	std := math.Sqrt(2 / float64(shape[0]*kernel(shape)))
	for i := range values {
		values[i] = r.NormFloat64() * std
	}
}

// Uniform draws from U(-1/√fan, 1/√fan), fan the number of inputs of one output: PyTorch's default for linear layers,
// weights and biases alike.
func Uniform(fan int) Init {
	return func(r *rand.Rand, _ []int, values []float64) {
		bound := 1 / math.Sqrt(float64(fan))
		for i := range values {
			values[i] = (2*r.Float64() - 1) * bound
		}
	}
}

// TruncNormal draws from a normal distribution of the given standard deviation and redraws values beyond two standard
// deviations. ViTs are initialised with it, with 0.02.
func TruncNormal(std float64) Init {
	return func(r *rand.Rand, _ []int, values []float64) {
		for i := range values {
			v := r.NormFloat64()
			for math.Abs(v) > 2 {
				v = r.NormFloat64()
			}
			values[i] = v * std
		}
	}
}

func kernel(shape []int) int {
	n := 1
	for _, s := range shape[2:] {
		n *= s
	}
	return n
}
