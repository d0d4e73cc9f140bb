// SPDX-License-Identifier: Apache-2.0

// Package onnxfile writes a graph as an ONNX file, and computes with such a file. ONNX's operators are documented in
// https://onnx.ai/onnx/operators.
package onnxfile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parallax-ssl/parallax/export/internal/graph"
	"github.com/parallax-ssl/parallax/internal/onnx"
	"github.com/parallax-ssl/parallax/torch"
)

// The versions of the operator set that Write knows.
const (
	LeastOpset   = 17
	MostOpset    = 23
	DefaultOpset = 18
)

// irVersion is the version of the file format that came with an operator set.
func irVersion(opset int) int64 {
	switch {
	case opset <= 18:
		return 8
	case opset <= 20:
		return 9
	case opset <= 22:
		return 10
	}
	return 11
}

// mostBytes is how many bytes a protobuf message may have.
const mostBytes = math.MaxInt32

// Bytes returns g as an ONNX file. Metadata becomes the model's metadata_props; version is that of the program.
func Bytes(g *graph.Graph, opset int, version string, metadata map[string]string) ([]byte, error) {
	w := &writer{opset: opset, out: &onnx.GraphProto{Name: proto.String("encoder")}, constants: map[string]bool{}}
	size := 0
	for _, v := range g.Used() {
		size += len(v.Data)
		w.out.Initializer = append(w.out.Initializer, tensor(v.Name, v.DType, v.Ints(), v.Data))
	}
	if size > mostBytes-1<<24 {
		return nil, fmt.Errorf("the weights are %d MiB: an ONNX file holds less than 2 GiB; another format has no "+
			"such limit", size>>20)
	}
	w.out.Input = []*onnx.ValueInfoProto{info(g.Input)}
	for _, n := range g.Nodes {
		if err := w.node(n); err != nil {
			return nil, err
		}
	}
	features := g.Output.Name
	w.out.Output = []*onnx.ValueInfoProto{info(&graph.Value{Name: "features", Shape: g.Output.Shape,
		DType: g.Output.DType})}
	w.do("Identity", "features", features)
	m := &onnx.ModelProto{
		IrVersion: proto.Int64(irVersion(opset)), ProducerName: proto.String("parallax"),
		ProducerVersion: proto.String(version), Graph: w.out,
		OpsetImport: []*onnx.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(int64(opset))}},
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		m.MetadataProps = append(m.MetadataProps, &onnx.StringStringEntryProto{Key: proto.String(key),
			Value: proto.String(metadata[key])})
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// types are ONNX's element types.
var types = map[torch.DType]onnx.TensorProto_DataType{
	torch.F32: onnx.TensorProto_FLOAT, torch.F16: onnx.TensorProto_FLOAT16, torch.I64: onnx.TensorProto_INT64,
	torch.U8: onnx.TensorProto_UINT8,
}

func tensor(name string, dtype torch.DType, shape []int, data []byte) *onnx.TensorProto {
	return &onnx.TensorProto{Name: proto.String(name), DataType: proto.Int32(int32(types[dtype])), Dims: wide(shape),
		RawData: data}
}

// info describes an input or an output. Its sizes are numbers, or the names N, H and W.
func info(v *graph.Value) *onnx.ValueInfoProto {
	shape := &onnx.TensorShapeProto{}
	for _, d := range v.Shape {
		dim := &onnx.TensorShapeProto_Dimension{}
		if d.Fixed() {
			dim.Value = &onnx.TensorShapeProto_Dimension_DimValue{DimValue: int64(d.Size)}
		} else {
			dim.Value = &onnx.TensorShapeProto_Dimension_DimParam{DimParam: d.Text}
		}
		shape.Dim = append(shape.Dim, dim)
	}
	return &onnx.ValueInfoProto{Name: proto.String(v.Name), Type: &onnx.TypeProto{
		Value: &onnx.TypeProto_TensorType{TensorType: &onnx.TypeProto_Tensor{
			ElemType: proto.Int32(int32(types[v.DType])), Shape: shape}}}}
}

// writer makes the nodes of one model.
type writer struct {
	opset     int
	out       *onnx.GraphProto
	constants map[string]bool
	temporary int
}

// do adds a node and returns its output: the value called out, or a fresh one for "".
func (w *writer) do(operator, out string, in ...string) string {
	return w.with(operator, out, nil, in...)
}

// attributes of a node: whole numbers, lists of them, numbers and texts.
type attributes map[string]any

// with is do with attributes.
func (w *writer) with(operator, out string, a attributes, in ...string) string {
	if out == "" {
		w.temporary++
		out = fmt.Sprintf("inner_%d", w.temporary)
	}
	n := &onnx.NodeProto{OpType: proto.String(operator), Name: proto.String(out), Input: in, Output: []string{out}}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		p := &onnx.AttributeProto{Name: proto.String(name)}
		switch v := a[name].(type) {
		case int:
			p.Type, p.I = onnx.AttributeProto_INT.Enum(), proto.Int64(int64(v))
		case []int:
			p.Type, p.Ints = onnx.AttributeProto_INTS.Enum(), wide(v)
		case float64:
			p.Type, p.F = onnx.AttributeProto_FLOAT.Enum(), proto.Float32(float32(v))
		case string:
			p.Type, p.S = onnx.AttributeProto_STRING.Enum(), []byte(v)
		}
		n.Attribute = append(n.Attribute, p)
	}
	w.out.Node = append(w.out.Node, n)
	return out
}

// ints returns the name of a constant list of whole numbers.
func (w *writer) ints(v ...int) string {
	var data []byte
	for _, n := range v {
		data = binary.LittleEndian.AppendUint64(data, uint64(n))
	}
	return w.constant(fmt.Sprintf("ints%d", v), torch.I64, []int{len(v)}, data)
}

// index returns the name of a constant whole number.
func (w *writer) index(n int) string {
	return w.constant(fmt.Sprintf("index %d", n), torch.I64, nil, binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

// number returns the name of a constant number.
func (w *writer) number(v float64, dtype torch.DType) string {
	data := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
	if dtype == torch.F16 {
		data = binary.LittleEndian.AppendUint16(nil, half(v))
	}
	return w.constant(fmt.Sprintf("%s %g", dtype, v), dtype, nil, data)
}

func (w *writer) constant(name string, dtype torch.DType, shape []int, data []byte) string {
	if !w.constants[name] {
		w.constants[name] = true
		w.out.Initializer = append(w.out.Initializer, tensor(name, dtype, shape, data))
	}
	return name
}

// half returns the float16 nearest to v, which is positive and neither large nor tiny.
func half(v float64) uint16 {
	fraction, exponent := math.Frexp(v) // 0.5 to 1
	return uint16(exponent+13)<<10 + uint16(math.RoundToEven(math.Ldexp(fraction, 11))-1024) + 1<<10
}

// node adds the ONNX nodes of one node.
func (w *writer) node(n graph.Node) error {
	in := make([]string, len(n.In))
	for i, v := range n.In {
		in[i] = v.Name
	}
	out, dtype := n.Out.Name, n.Out.DType
	switch op := n.Op.(type) {
	case graph.Conv:
		k := n.In[1].Shape[2].Size
		w.with("Conv", out, attributes{"kernel_shape": []int{k, k}, "strides": []int{op.Stride, op.Stride},
			"pads": []int{op.Padding, op.Padding, op.Padding, op.Padding}}, in...)
	case graph.BatchNorm:
		w.with("BatchNormalization", out, attributes{"epsilon": op.Eps}, in...)
	case graph.GroupNorm:
		w.groupNorm(op, n, in)
	case graph.LayerNorm:
		w.with("LayerNormalization", out, attributes{"axis": -1, "epsilon": op.Eps}, in...)
	case graph.Linear:
		weight := w.with("Transpose", "", attributes{"perm": []int{1, 0}}, in[1])
		w.do("Add", out, w.do("MatMul", "", in[0], weight), in[2])
	case graph.ReLU:
		w.do("Relu", out, in...)
	case graph.GELU:
		w.gelu(out, in[0], dtype)
	case graph.MaxPool:
		w.with("MaxPool", out, attributes{"kernel_shape": []int{op.Kernel, op.Kernel},
			"strides": []int{op.Stride, op.Stride},
			"pads":    []int{op.Padding, op.Padding, op.Padding, op.Padding}}, in...)
	case graph.Mean:
		w.with("Flatten", out, attributes{"axis": 1}, w.do("GlobalAveragePool", "", in...))
	case graph.Add:
		w.do("Add", out, in...)
	case graph.Sub:
		w.do("Sub", out, in...)
	case graph.Mul:
		w.do("Mul", out, in...)
	case graph.Div:
		w.do("Div", out, in...)
	case graph.Flatten:
		w.do("Reshape", out, in[0], w.ints(0, 0, -1)) // 0: the size of the input's dimension
	case graph.Permute:
		w.with("Transpose", out, attributes{"perm": op.Dims}, in...)
	case graph.Unflatten:
		shape := append(make([]int, len(n.In[0].Shape)-1), op.Sizes...)
		w.do("Reshape", out, in[0], w.ints(shape...))
	case graph.Narrow:
		w.do("Slice", out, in[0], w.ints(op.From), w.ints(op.To), w.ints(1))
	case graph.Select:
		w.with("Gather", out, attributes{"axis": op.Dim}, in[0], w.index(op.Index))
	case graph.Concat:
		w.with("Concat", out, attributes{"axis": 1}, in...)
	case graph.Expand:
		images := w.with("Shape", "", attributes{"start": 0, "end": 1}, in[1])
		shape := w.with("Concat", "", attributes{"axis": 0}, images, w.ints(1, 1))
		w.do("Expand", out, in[0], shape)
	case graph.Resize:
		place := w.with("Shape", "", attributes{"start": 2, "end": 4}, in[1])
		sizes := w.with("Concat", "", attributes{"axis": 0},
			w.ints(n.In[0].Shape[0].Size, n.In[0].Shape[1].Size), place)
		w.with("Resize", out, attributes{"mode": "cubic", "cubic_coeff_a": -0.75,
			"coordinate_transformation_mode": "half_pixel"}, in[0], "", "", sizes)
	case graph.Attention:
		keys := w.with("Transpose", "", attributes{"perm": []int{0, 1, 3, 2}}, in[1])
		scale := w.number(1/math.Sqrt(float64(n.In[0].Shape[3].Size)), dtype)
		scores := w.do("MatMul", "", w.do("Mul", "", in[0], scale), keys)
		w.do("MatMul", out, w.with("Softmax", "", attributes{"axis": -1}, scores), in[2])
	case graph.Cast:
		w.with("Cast", out, attributes{"to": int(types[op.To])}, in...)
	default:
		return fmt.Errorf("ONNX: there is no form of %T", n.Op)
	}
	return nil
}

// gelu adds the operator Gelu, or before version 20 what it stands for: x/2·(1 + erf(x/√2)).
func (w *writer) gelu(out, x string, dtype torch.DType) {
	if w.opset >= 20 {
		w.do("Gelu", out, x)
		return
	}
	erf := w.do("Erf", "", w.do("Mul", "", x, w.number(math.Sqrt2/2, dtype)))
	w.do("Mul", out, w.do("Mul", "", x, w.number(0.5, dtype)), w.do("Add", "", erf, w.number(1, dtype)))
}

// groupNorm adds instance norm over the groups, then weight and bias of each channel. (The operator GroupNormalization
// means different things before and after version 21.)
func (w *writer) groupNorm(op graph.GroupNorm, n graph.Node, in []string) {
	dtype, channels := n.Out.DType, n.In[1].Shape[0].Size
	var ones []byte
	size := dtype.Bytes()
	for range op.Groups {
		if dtype == torch.F16 {
			ones = binary.LittleEndian.AppendUint16(ones, half(1))
		} else {
			ones = binary.LittleEndian.AppendUint32(ones, math.Float32bits(1))
		}
	}
	one := w.constant(fmt.Sprintf("ones %s %d", dtype, op.Groups), dtype, []int{op.Groups}, ones)
	zero := w.constant(fmt.Sprintf("zeros %s %d", dtype, op.Groups), dtype, []int{op.Groups},
		make([]byte, size*op.Groups))
	grouped := w.do("Reshape", "", in[0], w.ints(0, op.Groups, -1))
	grouped = w.with("InstanceNormalization", "", attributes{"epsilon": op.Eps}, grouped, one, zero)
	x := w.do("Reshape", "", grouped, w.do("Shape", "", in[0]))
	weight := w.do("Reshape", "", in[1], w.ints(channels, 1, 1))
	bias := w.do("Reshape", "", in[2], w.ints(channels, 1, 1))
	w.do("Add", n.Out.Name, w.do("Mul", "", x, weight), bias)
}

func wide(v []int) []int64 {
	out := make([]int64, len(v))
	for i, n := range v {
		out[i] = int64(n)
	}
	return out
}
