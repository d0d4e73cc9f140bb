// SPDX-License-Identifier: Apache-2.0

package onnxfile

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parallax-ssl/parallax/internal/bicubic"
	"github.com/parallax-ssl/parallax/internal/onnx"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/torch"
)

// Model is an ONNX file that was read. It computes with the operators that [Bytes] writes, and no others.
type Model struct {
	graph  *onnx.GraphProto
	input  string
	output string
}

// Parse reads an ONNX file.
func Parse(data []byte) (*Model, error) {
	var m onnx.ModelProto
	if err := proto.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading an ONNX file: %w", err)
	}
	g := m.GetGraph()
	if len(g.GetInput()) != 1 || len(g.GetOutput()) != 1 {
		return nil, fmt.Errorf("reading an ONNX file: the graph has %d inputs and %d outputs, want one of each",
			len(g.GetInput()), len(g.GetOutput()))
	}
	for _, t := range g.GetInitializer() {
		if err := check(t); err != nil {
			return nil, fmt.Errorf("reading an ONNX file: the tensor %s %w", printable.Short(t.GetName()), err)
		}
	}
	return &Model{g, g.Input[0].GetName(), g.Output[0].GetName()}, nil
}

// check refuses a tensor whose bytes are not those of its shape.
func check(t *onnx.TensorProto) error {
	dtype, ok := kind(t.GetDataType())
	if !ok {
		return fmt.Errorf("has the element type %d, which is not read here", t.GetDataType())
	}
	left := len(t.GetRawData()) / dtype.Bytes()
	count := 1
	for _, d := range t.GetDims() {
		if d < 1 || d > int64(left) || count > left/int(d) {
			return errors.New("does not have the bytes of its shape")
		}
		count *= int(d)
	}
	if count*dtype.Bytes() != len(t.GetRawData()) {
		return errors.New("does not have the bytes of its shape")
	}
	return nil
}

func kind(number int32) (torch.DType, bool) {
	for dtype, n := range types {
		if int32(n) == number {
			return dtype, true
		}
	}
	return 0, false
}

// Run computes the model's output. Call it inside torch.Scope: a node that cannot be computed ends the Scope.
func (m *Model) Run(x torch.Tensor) torch.Tensor {
	values := map[string]torch.Tensor{m.input: x}
	for _, t := range m.graph.GetInitializer() {
		dtype, _ := kind(t.GetDataType())
		values[t.GetName()] = torch.FromBytes(t.GetRawData(), dtype, narrow(t.GetDims())...)
	}
	for _, n := range m.graph.GetNode() {
		if len(n.GetOutput()) != 1 {
			torch.Fail(n.GetOpType(), "the node has %d outputs, want one", len(n.GetOutput()))
		}
		values[n.Output[0]] = compute(&node{n, values})
	}
	out, ok := values[m.output]
	if !ok {
		torch.Fail("ONNX", "no node makes the output %s", printable.Short(m.output))
	}
	return out
}

// node is a node that is computed, and the values so far.
type node struct {
	*onnx.NodeProto
	values map[string]torch.Tensor
}

// in returns an input.
func (n *node) in(i int) torch.Tensor {
	if i >= len(n.Input) {
		torch.Fail(n.GetOpType(), "the node has %d inputs, want one more", len(n.Input))
	}
	v, ok := n.values[n.Input[i]]
	if !ok {
		torch.Fail(n.GetOpType(), "no node before made %s", printable.Short(n.Input[i]))
	}
	return v
}

// list returns an input that is a list of whole numbers.
func (n *node) list(i int) []int {
	t := n.in(i)
	if t.DType() != torch.I64 {
		torch.Fail(n.GetOpType(), "input %d is of type %s, want I64", i, t.DType())
	}
	return t.Ints()
}

// attribute returns the attribute called name, or nil.
func (n *node) attribute(name string) *onnx.AttributeProto {
	for _, a := range n.Attribute {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// whole returns an attribute that is a whole number, or otherwise.
func (n *node) whole(name string, otherwise int) int {
	if a := n.attribute(name); a != nil {
		return int(a.GetI())
	}
	return otherwise
}

// square returns the value of a list in an attribute, whose numbers must be equal.
func (n *node) square(name string) int {
	list := n.attribute(name).GetInts()
	if len(list) == 0 || slices.Max(list) != slices.Min(list) || list[0] < 0 || list[0] > mostWindow {
		torch.Fail(n.GetOpType(), "%s is %v, want equal numbers from 0 to %d", name, list, mostWindow)
	}
	return int(list[0])
}

// mostWindow bounds kernels, strides and padding; mostRepeats the images over which a token is repeated.
const (
	mostWindow  = 4096
	mostRepeats = 1 << 16
)

// axis returns a dimension of t that an attribute names.
func (n *node) axis(t torch.Tensor, otherwise int) int {
	dims := len(t.Shape())
	axis := n.whole("axis", otherwise)
	if axis < 0 {
		axis += dims
	}
	if axis < 0 || axis >= dims {
		torch.Fail(n.GetOpType(), "axis %d of a tensor with %d dimensions", axis, dims)
	}
	return axis
}

func (n *node) epsilon() float64 {
	a := n.attribute("epsilon")
	if a == nil || !(a.GetF() > 0) {
		torch.Fail(n.GetOpType(), "no epsilon above 0")
	}
	return float64(a.GetF())
}

// compute returns the output of a node.
func compute(n *node) torch.Tensor {
	switch n.GetOpType() {
	case "Identity":
		return n.in(0)
	case "Add":
		return n.in(0).Add(n.in(1))
	case "Sub":
		return n.in(0).Sub(n.in(1))
	case "Mul":
		return n.in(0).Mul(n.in(1))
	case "Div":
		return n.in(0).Div(n.in(1))
	case "MatMul":
		return n.in(0).MatMul(n.in(1))
	case "Relu":
		return n.in(0).ReLU()
	case "Gelu":
		return n.in(0).GELU()
	case "Erf":
		return n.in(0).Erf()
	case "Softmax":
		return n.in(0).Softmax(n.axis(n.in(0), -1))
	case "Cast":
		dtype, ok := kind(int32(n.whole("to", 0)))
		if !ok {
			torch.Fail("Cast", "type %d is not read here", n.whole("to", 0))
		}
		return n.in(0).To(dtype)
	case "Conv":
		bias := torch.Tensor{}
		if len(n.Input) > 2 {
			bias = n.in(2)
		}
		return torch.Conv2d(n.in(0), n.in(1), bias, n.square("strides"), n.square("pads"), 1)
	case "MaxPool":
		return torch.MaxPool2d(n.in(0), n.square("kernel_shape"), n.square("strides"), n.square("pads"))
	case "BatchNormalization":
		return torch.BatchNorm(n.in(0), n.in(1), n.in(2), n.in(3), n.in(4), false, 0, n.epsilon())
	case "InstanceNormalization": // one group for each channel
		return torch.GroupNorm(n.in(0), n.in(1).Len(), n.in(1), n.in(2), n.epsilon())
	case "LayerNormalization":
		return torch.LayerNorm(n.in(0), n.in(1), n.in(2), n.epsilon())
	case "GlobalAveragePool":
		return n.in(0).MeanKeep(2, 3)
	}
	return reshape(n)
}

// reshape returns the output of a node that moves elements, or looks at shapes.
func reshape(n *node) torch.Tensor {
	x := n.in(0)
	shape := x.Shape()
	switch n.GetOpType() {
	case "Flatten":
		before := 1
		for _, d := range shape[:n.axis(x, 1)] {
			before *= d
		}
		return x.Reshape(before, -1)
	case "Reshape":
		want := n.list(1)
		for i, d := range want {
			if d == 0 && i < len(shape) {
				want[i] = shape[i]
			}
		}
		return x.Reshape(want...)
	case "Transpose":
		return x.Permute(narrow(n.attribute("perm").GetInts())...)
	case "Shape":
		start, end := n.whole("start", 0), n.whole("end", len(shape))
		if start < 0 || end > len(shape) || start >= end {
			torch.Fail("Shape", "dimensions %d to %d of %d", start, end, len(shape))
		}
		return torch.FromInts(shape[start:end], end-start)
	case "Concat":
		all := make([]torch.Tensor, len(n.Input))
		for i := range all {
			all[i] = n.in(i)
		}
		return torch.Cat(n.axis(x, 0), all...)
	case "Expand":
		want := n.list(1)
		for i, d := range want {
			if d > mostRepeats {
				torch.Fail("Expand", "to the shape %v", want)
			}
			if i < len(shape) && d == 1 {
				want[i] = shape[i]
			}
		}
		return x.Expand(want...)
	case "Gather":
		at := n.list(1)
		if len(at) != 1 {
			torch.Fail("Gather", "%d indices, want one", len(at))
		}
		axis := n.axis(x, 0)
		return x.Narrow(axis, at[0], 1).Reshape(slices.Delete(shape, axis, axis+1)...)
	case "Slice":
		from, to, axis := n.list(1), n.list(2), n.list(3)
		if len(from) != 1 || len(to) != 1 || len(axis) != 1 {
			torch.Fail("Slice", "of several axes")
		}
		return x.Narrow(axis[0], from[0], to[0]-from[0])
	case "Resize":
		sizes := n.list(3)
		if len(sizes) != 4 || len(shape) != 4 || string(n.attribute("mode").GetS()) != "cubic" ||
			math.Abs(float64(n.attribute("cubic_coeff_a").GetF())+0.75) > 1e-6 {
			torch.Fail("Resize", "not bicubic, of four dimensions")
		}
		return bicubic.Resize(x, sizes[2], sizes[3])
	}
	torch.Fail(n.GetOpType(), "the operator is not one that Parallax writes")
	return torch.Tensor{}
}

func narrow(v []int64) []int {
	out := make([]int, len(v))
	for i, n := range v {
		out[i] = int(n)
	}
	return out
}
