// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"fmt"
	"strconv"
)

// MLP describes a multi-layer perceptron: linear layers with batch norm and ReLU after each hidden one. Projectors and
// predictors are MLPs. Without widths it is the identity; with one it is linear. Norm replaces batch norm by another
// normalisation.
type MLP struct {
	// output width of every layer; the last is the MLP's. An empty list: no layers, the output is the input
	Widths       []int
	BatchNorm    bool // batch norm after the hidden layers, whose linear layers then have no bias
	OutputNorm   bool // batch norm after the last layer, which then has no bias
	OutputAffine bool // whether that batch norm has a weight and a bias
	// the normalisation used as batch norm: batch, group (with weight standardisation), layer, none or tuned
	Norm Norm
}

// Out returns the width of the MLP's output for inputs of width in.
func (m MLP) Out(in int) int {
	if len(m.Widths) == 0 {
		return in
	}
	return m.Widths[len(m.Widths)-1]
}

// Validate checks the widths; name is what the error calls the MLP.
func (m MLP) Validate(name string) error {
	for _, w := range m.Widths {
		if w < 1 {
			return fmt.Errorf("%s.widths is %v: every width must be at least 1", name, m.Widths)
		}
	}
	return nil
}

// Build makes the MLP for inputs of width in. Layer i is named i.linear and i.norm.
func (m MLP) Build(p *Params, in int) Layer {
	s := Sequential{}
	for i, out := range m.Widths {
		q := p.Sub(strconv.Itoa(i))
		last := i == len(m.Widths)-1
		norm, affine := m.BatchNorm, true
		if last {
			norm, affine = m.OutputNorm, m.OutputAffine
		}
		if norm && m.Norm != NoStatistics {
			s = append(s, m.Norm.Linear(q.Sub("linear"), in, out), m.Norm.Layer(q.Sub("norm"), out, affine))
		} else {
			s = append(s, NewLinear(q.Sub("linear"), in, out, true))
		}
		if !last {
			s = append(s, ReLU)
		}
		in = out
	}
	return s
}
