// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var sine = regexp.MustCompile(`sin\(([0-9.]+) i \+ ([0-9.]+) k\)`)

// wave returns the two frequencies in the parameter weights, the rule of fill.
func (c *Case) wave() (i, k float64, err error) {
	found := sine.FindStringSubmatch(c.Text("weights"))
	if found == nil {
		return 0, 0, skip(fmt.Sprintf("the rule of the weights is %q, which is not built: there is no sin(A i + B k) "+
			"in it", c.Text("weights")))
	}
	if i, err = strconv.ParseFloat(found[1], 64); err == nil {
		k, err = strconv.ParseFloat(found[2], 64)
	}
	return i, k, err
}

// fill gives the floating-point tensors of a network the oracles' weights: element i of tensor k is b = sin(0.7 i + 1.3
// k), or has the case's own two frequencies, scaled according to the tensor.
func (c *Case) fill(tensors []nn.Named) error {
	ofElement, ofTensor, err := c.wave()
	if err != nil {
		return err
	}
	k := 0
	for _, n := range tensors {
		if strings.HasSuffix(n.Name, "num_batches_tracked") {
			continue
		}
		shape := n.Tensor.Shape()
		values := make([]float64, n.Tensor.Len())
		for i := range values {
			b := math.Sin(ofElement*float64(i) + ofTensor*float64(k))
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
	return nil
}
