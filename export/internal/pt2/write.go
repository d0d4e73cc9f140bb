// SPDX-License-Identifier: Apache-2.0

// Package pt2 writes a graph as an archive of torch.export, and computes with such an archive.
//
// The archive is a zip file without compression: models/model.json has the program in PyTorch's schema 8.17, that of
// version 2.11, and data/weights the bytes of each tensor.
package pt2

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/parallax-ssl/parallax/export/internal/graph"
	"github.com/parallax-ssl/parallax/torch"
)

// object is a JSON object.
type object = map[string]any

// The names of the archive's parts, below its folder.
const (
	folder        = "encoder/"
	modelFile     = "models/model.json"
	weightsFolder = "data/weights/"
	weightsConfig = weightsFolder + "model_weights_config.json"
)

// Write writes g, with an extra file that torch.export.load(..., extra_files=...) gives back.
func Write(w io.Writer, g *graph.Graph, file, content string) error {
	p := &program{values: object{}, symbols: object{}, names: map[*graph.Value]string{}}
	p.inputs(g)
	for _, n := range g.Nodes {
		if err := p.node(n); err != nil {
			return err
		}
	}
	model, err := json.Marshal(p.model(g))
	if err != nil {
		return err
	}
	weights, err := json.Marshal(object{"config": p.weights})
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for i, v := range g.Weights {
		if err := add(z, weightsFolder+weightFile(i), v.Data); err != nil {
			return err
		}
	}
	for _, part := range []struct{ name, content string }{
		{weightsConfig, string(weights)},
		{"data/constants/model_constants_config.json", `{"config": {}}`},
		{modelFile, string(model)},
		{"data/sample_inputs/model.pt", ""}, // without an example
		{"extra/" + file, content},
		{"archive_format", "pt2"}, {"archive_version", "0"}, {"byteorder", "little"}, {".data/version", "6\n"},
	} {
		if err := add(z, part.name, []byte(part.content)); err != nil {
			return err
		}
	}
	return z.Close()
}

func weightFile(i int) string { return fmt.Sprintf("weight_%d", i) }

// add adds a file to the archive, as it is.
func add(z *zip.Writer, name string, data []byte) error {
	size := uint64(len(data))
	w, err := z.CreateRaw(&zip.FileHeader{Name: folder + name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: size, UncompressedSize64: size})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// types are the schema's element types.
var types = map[torch.DType]int{torch.U8: 1, torch.I64: 5, torch.F16: 6, torch.F32: 7}

// symbols writes the graph's sizes as sympy does.
var symbols = strings.NewReplacer(
	graph.N, "Symbol('s0', positive=True, integer=True)",
	graph.H, "Symbol('s1', positive=True, integer=True)",
	graph.W, "Symbol('s2', positive=True, integer=True)")

// size is a Dim in the schema.
func size(d graph.Dim) object {
	if d.Fixed() {
		return object{"as_int": d.Size}
	}
	return object{"as_expr": object{"expr_str": symbols.Replace(d.Text), "hint": object{"as_int": d.Size}}}
}

// meta describes a contiguous tensor.
func meta(shape []graph.Dim, dtype torch.DType, trained bool) object {
	sizes, strides := make([]object, len(shape)), make([]object, len(shape))
	stride := graph.Dim{Size: 1}
	for i := len(shape) - 1; i >= 0; i-- {
		sizes[i], strides[i] = size(shape[i]), size(stride)
		stride = stride.Times(shape[i])
	}
	return object{"dtype": types[dtype], "sizes": sizes, "strides": strides, "requires_grad": trained,
		"device": object{"type": "cpu", "index": nil}, "storage_offset": object{"as_int": 0}, "layout": 7}
}

// program collects the parts of model.json.
type program struct {
	placeholders, nodes, specs []object
	values, symbols, weights   object // tensor_values, sym_int_values, and the weights' configuration
	names                      map[*graph.Value]string
}

// inputs makes the weights and the images the program's inputs.
func (p *program) inputs(g *graph.Graph) {
	p.weights = object{}
	for i, v := range g.Weights {
		trained := !v.Buffer && v.DType != torch.I64
		tag, name := "p_", strings.ReplaceAll(v.Name, ".", "_")
		if v.Buffer {
			tag = "b_"
		}
		p.input(v, tag+name, meta(v.Shape, v.DType, trained))
		arg := object{"name": tag + name}
		if v.Buffer {
			p.specs = append(p.specs, object{"buffer": object{"arg": arg, "buffer_name": v.Name, "persistent": true}})
		} else {
			p.specs = append(p.specs, object{"parameter": object{"arg": arg, "parameter_name": v.Name}})
		}
		p.weights[v.Name] = object{"path_name": weightFile(i), "is_param": !v.Buffer, "use_pickle": false,
			"tensor_meta": meta(v.Shape, v.DType, trained)}
	}
	p.input(g.Input, g.Input.Name, meta(g.Input.Shape, g.Input.DType, false))
	p.specs = append(p.specs, object{"user_input": object{"arg": tensor(g.Input.Name)}})
}

func (p *program) input(v *graph.Value, name string, about object) {
	p.names[v] = name
	p.values[name] = about
	p.placeholders = append(p.placeholders, tensor(name))
}

func tensor(name string) object { return object{"as_tensor": object{"name": name}} }

// argument of a call: its name in the operator's signature, and its value.
type argument struct {
	name  string
	value object
}

// call adds the node that makes out.
func (p *program) call(target, out string, made object, arguments ...argument) {
	inputs := make([]object, len(arguments))
	for i, a := range arguments {
		inputs[i] = object{"name": a.name, "arg": a.value, "kind": 1}
	}
	p.nodes = append(p.nodes, object{"target": target, "inputs": inputs, "outputs": []object{made},
		"metadata": object{}, "is_hop_single_tensor_return": nil, "name": out})
}

// extent adds the node that reads a size of v, and returns its value.
func (p *program) extent(v *graph.Value, dim int) object {
	name := fmt.Sprintf("size_%d", len(p.symbols)+1)
	made := object{"as_name": name}
	p.symbols[name] = size(v.Shape[dim])
	p.call("torch.ops.aten.sym_size.int", name, object{"as_sym_int": made},
		argument{"self", tensor(p.names[v])}, argument{"dim", object{"as_int": dim}})
	return made
}

func whole(n int) object         { return object{"as_int": n} }
func list(n ...int) object       { return object{"as_ints": n} }
func number(v float64) object    { return object{"as_float": v} }
func truth(b bool) object        { return object{"as_bool": b} }
func extents(v ...object) object { return object{"as_sym_ints": v} }

// node adds the call of a node.
func (p *program) node(n graph.Node) error {
	in := make([]object, len(n.In))
	for i, v := range n.In {
		in[i] = tensor(p.names[v])
	}
	out := n.Out.Name
	p.names[n.Out] = out
	p.values[out] = meta(n.Out.Shape, n.Out.DType, false)
	call := func(operator string, arguments ...argument) {
		p.call("torch.ops.aten."+operator, out, tensor(out), arguments...)
	}
	one := func(operator string, more ...argument) {
		call(operator, append([]argument{{"self", in[0]}}, more...)...)
	}
	two := func(operator string) { one(operator, argument{"other", in[1]}) }
	switch op := n.Op.(type) {
	case graph.Conv:
		bias := object{"as_none": true}
		if len(in) > 2 {
			bias = in[2]
		}
		call("conv2d.default", argument{"input", in[0]}, argument{"weight", in[1]}, argument{"bias", bias},
			argument{"stride", list(op.Stride, op.Stride)}, argument{"padding", list(op.Padding, op.Padding)})
	case graph.BatchNorm:
		call("batch_norm.default", argument{"input", in[0]}, argument{"weight", in[1]}, argument{"bias", in[2]},
			argument{"running_mean", in[3]}, argument{"running_var", in[4]}, argument{"training", truth(false)},
			argument{"momentum", number(0.1)}, argument{"eps", number(op.Eps)}, argument{"cudnn_enabled", truth(false)})
	case graph.GroupNorm:
		call("group_norm.default", argument{"input", in[0]}, argument{"num_groups", whole(op.Groups)},
			argument{"weight", in[1]}, argument{"bias", in[2]}, argument{"eps", number(op.Eps)})
	case graph.LayerNorm:
		call("layer_norm.default", argument{"input", in[0]},
			argument{"normalized_shape", list(n.In[1].Shape[0].Size)}, argument{"weight", in[1]},
			argument{"bias", in[2]}, argument{"eps", number(op.Eps)})
	case graph.Linear:
		call("linear.default", argument{"input", in[0]}, argument{"weight", in[1]}, argument{"bias", in[2]})
	case graph.ReLU:
		one("relu.default")
	case graph.GELU:
		one("gelu.default")
	case graph.MaxPool:
		one("max_pool2d.default", argument{"kernel_size", list(op.Kernel, op.Kernel)},
			argument{"stride", list(op.Stride, op.Stride)}, argument{"padding", list(op.Padding, op.Padding)})
	case graph.Mean:
		one("mean.dim", argument{"dim", list(2, 3)})
	case graph.Add:
		two("add.Tensor")
	case graph.Sub:
		two("sub.Tensor")
	case graph.Mul:
		two("mul.Tensor")
	case graph.Div:
		two("div.Tensor")
	case graph.Flatten:
		one("flatten.using_ints", argument{"start_dim", whole(2)})
	case graph.Permute:
		one("permute.default", argument{"dims", list(op.Dims...)})
	case graph.Unflatten:
		one("unflatten.int", argument{"dim", whole(-1)}, argument{"sizes", list(op.Sizes...)})
	case graph.Narrow:
		one("slice.Tensor", argument{"dim", whole(1)}, argument{"start", whole(op.From)}, argument{"end", whole(op.To)})
	case graph.Select:
		one("select.int", argument{"dim", whole(op.Dim)}, argument{"index", whole(op.Index)})
	case graph.Concat:
		var names []object
		for _, v := range n.In {
			names = append(names, object{"name": p.names[v]})
		}
		call("cat.default", argument{"tensors", object{"as_tensors": names}}, argument{"dim", whole(1)})
	case graph.Expand:
		images := p.extent(n.In[1], 0)
		one("expand.default", argument{"size", extents(images, whole(-1), whole(-1))})
	case graph.Resize:
		h, w := p.extent(n.In[1], 2), p.extent(n.In[1], 3)
		call("upsample_bicubic2d.vec", argument{"input", in[0]}, argument{"output_size", extents(h, w)},
			argument{"align_corners", truth(false)}, argument{"scale_factors", object{"as_none": true}})
	case graph.Attention:
		call("scaled_dot_product_attention.default", argument{"query", in[0]}, argument{"key", in[1]},
			argument{"value", in[2]})
	case graph.Cast:
		one("to.dtype", argument{"dtype", object{"as_scalar_type": types[op.To]}})
	default:
		return fmt.Errorf("torch.export: there is no form of %T", n.Op)
	}
	return nil
}

// model returns model.json.
func (p *program) model(g *graph.Graph) object {
	// The structure of the arguments: one tensor in a tuple, and no keywords; of the result: one tensor.
	const in = `[1, {"type": "builtins.tuple", "context": "null", "children_spec": [{"type": "builtins.tuple", ` +
		`"context": "null", "children_spec": [{"type": null, "context": null, "children_spec": []}]}, ` +
		`{"type": "builtins.dict", "context": "[]", "children_spec": []}]}]`
	const out = `[1, {"type": null, "context": null, "children_spec": []}]`
	result := tensor(p.names[g.Output])
	atLeast := func(n int) object { return object{"min_val": n, "max_val": nil} }
	return object{
		"graph_module": object{
			"graph": object{
				"inputs": p.placeholders, "outputs": []object{result}, "nodes": p.nodes, "tensor_values": p.values,
				"sym_int_values": p.symbols, "sym_bool_values": object{}, "sym_float_values": object{},
				"custom_obj_values": object{}, "is_single_tensor_return": false,
			},
			"signature": object{"input_specs": p.specs,
				"output_specs": []object{{"user_output": object{"arg": result}}}},
			"module_call_graph": []object{{"fqn": "", "signature": object{"inputs": []object{}, "outputs": []object{},
				"in_spec": in, "out_spec": out, "forward_arg_names": []string{g.Input.Name}}}},
			"metadata": object{}, "treespec_namedtuple_fields": object{},
		},
		"opset_version":     object{"aten": 10},
		"range_constraints": object{"s0": atLeast(1), "s1": atLeast(g.Least), "s2": atLeast(g.Least)},
		"schema_version":    object{"major": 8, "minor": 17},
		"verifiers":         []string{"TRAINING"},
		"torch_version":     "2.11.0",
		"guards_code":       []string{},
	}
}
