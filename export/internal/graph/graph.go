// SPDX-License-Identifier: Apache-2.0

// Package graph describes an encoder's network as a list of operations on named tensors, with sizes that may depend on
// those of the input. The formats of package export are written from it.
package graph

import (
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Graph is a network from one input to one output.
type Graph struct {
	Input, Output *Value
	Weights       []*Value // parameters and buffers under the backbone's names, some of which no node may use
	Nodes         []Node   // in an order in which each node's inputs are made before it
	Least         int      // the smallest height and width of an image
}

// Value is a tensor of a Graph.
type Value struct {
	Name  string // of a weight, its name in the backbone; else an identifier that is unique in the graph
	Shape []Dim
	DType torch.DType
	Data  []byte // of a weight: the elements, little-endian and row-major
	// Buffer is true for a weight that is no parameter: running statistics, and the constants of the pre-processing.
	Buffer bool
}

// Weight reports whether v holds data and is not computed.
func (v *Value) Weight() bool { return v.Data != nil }

// Ints returns a weight's shape.
func (v *Value) Ints() []int {
	shape := make([]int, len(v.Shape))
	for i, d := range v.Shape {
		shape[i] = d.Size
	}
	return shape
}

// Node is one operation: Out = Op(In...).
type Node struct {
	Op  Op
	In  []*Value
	Out *Value
}

// Op is one of the operations of this package. result returns the shape and type of its output.
type Op interface {
	name() string
	result(in []*Value) ([]Dim, torch.DType)
}

// builder makes a Graph. The first error stays; after it, the builder's values mean nothing.
type builder struct {
	Graph
	states map[string]*Value
	count  map[string]int
	err    error
}

func newBuilder(states []nn.State) *builder {
	b := &builder{states: map[string]*Value{}, count: map[string]int{}}
	for _, s := range states {
		b.add(&Value{Name: s.Name, Shape: fixed(s.Shape...), DType: s.DType, Data: s.Bytes, Buffer: isBuffer(s.Name)})
	}
	return b
}

// add makes v a weight of the graph.
func (b *builder) add(v *Value) *Value {
	b.states[v.Name] = v
	b.Weights = append(b.Weights, v)
	return v
}

// weight returns the weight called name.
func (b *builder) weight(name string) *Value {
	v, ok := b.states[name]
	if !ok {
		b.fail("the encoder has no weight %q", name)
		return &Value{Name: name, Shape: fixed(1, 1, 1, 1)}
	}
	return v
}

func (b *builder) fail(format string, arguments ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, arguments...)
	}
}

// do adds a node and returns its output.
func (b *builder) do(op Op, in ...*Value) *Value {
	out := &Value{Name: b.fresh(op.name())}
	if b.err == nil {
		out.Shape, out.DType = op.result(in)
	} else {
		out.Shape = fixed(1, 1, 1, 1)
	}
	b.Nodes = append(b.Nodes, Node{op, in, out})
	return out
}

// fresh returns a name that no other value has: weights have a dot in their name, or none of an operation.
func (b *builder) fresh(name string) string {
	b.count[name]++
	return fmt.Sprintf("%s_%d", name, b.count[name])
}

// isBuffer reports whether a backbone's tensor of this name is no parameter.
func isBuffer(name string) bool {
	return slices.ContainsFunc([]string{"running_mean", "running_var", "num_batches_tracked", "tuned"},
		func(end string) bool { return len(name) > len(end) && name[len(name)-len(end)-1:] == "."+end })
}
