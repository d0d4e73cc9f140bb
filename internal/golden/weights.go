// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"math"
	"strings"

	"parallax/nn"
	"parallax/torch"
)

// fill gives the floating tensors of a network the oracles' weights: for element i of the k-th one b = sin(0.7 i + 1.3 k),
// scaled by what the tensor is.
func fill(tensors []nn.Named) {
	k := 0
	for _, n := range tensors {
		if strings.HasSuffix(n.Name, "num_batches_tracked") {
			continue
		}
		shape := n.Tensor.Shape()
		values := make([]float64, n.Tensor.Len())
		for i := range values {
			b := math.Sin(0.7*float64(i) + 1.3*float64(k))
			switch {
			case strings.HasSuffix(n.Name, "running_var"):
				values[i] = 1 + b*b/4
			case strings.HasSuffix(n.Name, "running_mean"):
				values[i] = b / 10
			case len(shape) == 1 && strings.HasSuffix(n.Name, "weight"):
				values[i] = 1 + b/10
			case len(shape) == 1:
				values[i] = b / 20
			default:
				values[i] = b * math.Sqrt(2*float64(shape[0])/float64(len(values))) // fan_in = elements / shape[0]
			}
		}
		torch.FromFloat64(values, shape...).CopyInto(n.Tensor)
		k++
	}
}
