// SPDX-License-Identifier: Apache-2.0

package train

import (
	"math"
	"strings"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// gradientNorms returns the l2 norm of the gradient of each part of the networks. A part is named by the first element
// of its parameters' names: backbone, projector, predictor, ... The norms show which parts still learn, which is the
// first question about a run that goes wrong.
func gradientNorms(params []nn.Named) map[string]run.Number {
	tensors := make([]torch.Tensor, len(params))
	for i, p := range params {
		tensors[i] = p.Tensor
	}
	squares := map[string]float64{}
	for i, norm := range torch.GradNorms(tensors).To(torch.F64).Float64s() {
		part, _, _ := strings.Cut(params[i].Name, ".")
		squares[part] += norm * norm
	}
	norms := map[string]run.Number{}
	for part, square := range squares {
		norms[part] = run.Num(math.Sqrt(square))
	}
	return norms
}
