// SPDX-License-Identifier: Apache-2.0

package pt2

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/bicubic"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/torch"
)

// Program is an archive that was read. It computes with the operators that [Write] writes, and no others.
type Program struct {
	graph   graphJSON
	specs   []specJSON
	weights map[string]weight // by the name of the parameter or buffer
}

type weight struct {
	dtype torch.DType
	shape []int
	data  []byte
}

// What is read of model.json.
type (
	modelJSON struct {
		GraphModule struct {
			Graph     graphJSON `json:"graph"`
			Signature struct {
				InputSpecs []specJSON `json:"input_specs"`
			} `json:"signature"`
		} `json:"graph_module"`
	}
	graphJSON struct {
		Outputs []valueJSON `json:"outputs"`
		Nodes   []nodeJSON  `json:"nodes"`
	}
	specJSON struct {
		Parameter *struct {
			Arg  nameJSON `json:"arg"`
			Name string   `json:"parameter_name"`
		} `json:"parameter"`
		Buffer *struct {
			Arg  nameJSON `json:"arg"`
			Name string   `json:"buffer_name"`
		} `json:"buffer"`
		UserInput *struct {
			Arg valueJSON `json:"arg"`
		} `json:"user_input"`
	}
	nameJSON struct {
		Name   string `json:"name"`
		AsName string `json:"as_name"`
		AsInt  *int   `json:"as_int"`
	}
	nodeJSON struct {
		Target string `json:"target"`
		Inputs []struct {
			Name string    `json:"name"`
			Arg  valueJSON `json:"arg"`
		} `json:"inputs"`
		Outputs []valueJSON `json:"outputs"`
	}
	valueJSON struct {
		Tensor  *nameJSON  `json:"as_tensor"`
		Tensors []nameJSON `json:"as_tensors"`
		Int     *int       `json:"as_int"`
		Ints    []int      `json:"as_ints"`
		SymInt  *nameJSON  `json:"as_sym_int"`
		SymInts []nameJSON `json:"as_sym_ints"`
		Float   *float64   `json:"as_float"`
		Scalar  *int       `json:"as_scalar_type"`
	}
	configJSON struct {
		Config map[string]struct {
			PathName string `json:"path_name"`
			Meta     struct {
				DType int        `json:"dtype"`
				Sizes []nameJSON `json:"sizes"`
			} `json:"tensor_meta"`
		} `json:"config"`
	}
)

// Read reads an archive of the given size.
func Read(r io.ReaderAt, size int64) (*Program, error) {
	p, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("reading an archive of torch.export: %w", err)
	}
	return p, nil
}

func read(r io.ReaderAt, size int64) (*Program, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	files := map[string]*zip.File{}
	for _, f := range z.File {
		files[strings.TrimPrefix(f.Name, folder)] = f
	}
	content := func(name string) ([]byte, error) {
		f := files[name]
		if f == nil {
			return nil, fmt.Errorf("it has no %s", printable.Short(name))
		}
		if f.Method != zip.Store || f.UncompressedSize64 > uint64(size) {
			return nil, fmt.Errorf("%s is compressed", printable.Short(name))
		}
		c, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer c.Close()
		return io.ReadAll(io.LimitReader(c, size))
	}
	decode := func(name string, into any) error {
		text, err := content(name)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	var m modelJSON
	if err := decode(modelFile, &m); err != nil {
		return nil, err
	}
	var c configJSON
	if err := decode(weightsConfig, &c); err != nil {
		return nil, err
	}
	p := &Program{m.GraphModule.Graph, m.GraphModule.Signature.InputSpecs, map[string]weight{}}
	for name, about := range c.Config {
		w := weight{}
		if w.data, err = content(weightsFolder + about.PathName); err != nil {
			return nil, err
		}
		if err := w.describe(about.Meta.DType, about.Meta.Sizes); err != nil {
			return nil, fmt.Errorf("the weight %s %w", printable.Short(name), err)
		}
		p.weights[name] = w
	}
	return p, nil
}

// describe sets type and shape, which the bytes must fit.
func (w *weight) describe(dtype int, sizes []nameJSON) error {
	var ok bool
	if w.dtype, ok = kind(dtype); !ok {
		return fmt.Errorf("has the element type %d, which is not read here", dtype)
	}
	misfit := errors.New("does not have the bytes of its shape")
	left, count := len(w.data)/w.dtype.Bytes(), 1
	for _, s := range sizes {
		if s.AsInt == nil || *s.AsInt < 1 || *s.AsInt > left || count > left / *s.AsInt {
			return misfit
		}
		count *= *s.AsInt
		w.shape = append(w.shape, *s.AsInt)
	}
	if count*w.dtype.Bytes() != len(w.data) {
		return misfit
	}
	return nil
}

func kind(number int) (torch.DType, bool) {
	for dtype, n := range types {
		if n == number {
			return dtype, true
		}
	}
	return 0, false
}

// Run computes the program's output. Call it inside torch.Scope: a node that cannot be computed ends the Scope.
func (p *Program) Run(x torch.Tensor) torch.Tensor {
	v := &values{map[string]torch.Tensor{}, map[string]int{}}
	load := func(value, name string) {
		w, ok := p.weights[name]
		if !ok {
			torch.Fail("torch.export", "the archive has no weight %s", printable.Short(name))
		}
		v.tensors[value] = torch.FromBytes(w.data, w.dtype, w.shape...)
	}
	for _, s := range p.specs {
		switch {
		case s.Parameter != nil:
			load(s.Parameter.Arg.Name, s.Parameter.Name)
		case s.Buffer != nil:
			load(s.Buffer.Arg.Name, s.Buffer.Name)
		case s.UserInput != nil && s.UserInput.Arg.Tensor != nil:
			v.tensors[s.UserInput.Arg.Tensor.Name] = x
		}
	}
	for i := range p.graph.Nodes {
		v.node(&p.graph.Nodes[i])
	}
	if len(p.graph.Outputs) != 1 || p.graph.Outputs[0].Tensor == nil {
		torch.Fail("torch.export", "the program has %d outputs, want one tensor", len(p.graph.Outputs))
	}
	return v.tensor("torch.export", p.graph.Outputs[0].Tensor.Name)
}

// values are the tensors and sizes that were computed so far.
type values struct {
	tensors map[string]torch.Tensor
	sizes   map[string]int
}

func (v *values) tensor(target, name string) torch.Tensor {
	t, ok := v.tensors[name]
	if !ok {
		torch.Fail(target, "no node before made %s", printable.Short(name))
	}
	return t
}

// node computes a node.
func (v *values) node(n *nodeJSON) {
	c := &call{values: v, target: n.Target, arguments: map[string]*valueJSON{}}
	for i := range n.Inputs {
		c.arguments[n.Inputs[i].Name] = &n.Inputs[i].Arg
	}
	if len(n.Outputs) != 1 {
		torch.Fail(n.Target, "the node has %d outputs, want one", len(n.Outputs))
	}
	switch out := n.Outputs[0]; {
	case out.SymInt != nil && n.Target == "torch.ops.aten.sym_size.int":
		v.sizes[out.SymInt.AsName] = c.tensor("self").Size(c.whole("dim"))
	case out.Tensor != nil:
		v.tensors[out.Tensor.Name] = c.result(strings.TrimPrefix(n.Target, "torch.ops.aten."))
	default:
		torch.Fail(n.Target, "the node's output is no tensor")
	}
}

// call is a call of an operator with its arguments by name.
type call struct {
	*values
	target    string
	arguments map[string]*valueJSON
}

func (c *call) missing(name, what string) {
	torch.Fail(c.target, "the argument %s is no %s", name, what)
}

func (c *call) tensor(name string) torch.Tensor {
	a := c.arguments[name]
	if a == nil || a.Tensor == nil {
		c.missing(name, "tensor")
	}
	return c.values.tensor(c.target, a.Tensor.Name)
}

// optional returns a tensor, or none.
func (c *call) optional(name string) torch.Tensor {
	if a := c.arguments[name]; a == nil || a.Tensor == nil {
		return torch.Tensor{}
	}
	return c.tensor(name)
}

func (c *call) whole(name string) int {
	a := c.arguments[name]
	if a == nil || a.Int == nil {
		c.missing(name, "whole number")
	}
	return *a.Int
}

func (c *call) number(name string) float64 {
	a := c.arguments[name]
	if a == nil || a.Float == nil {
		c.missing(name, "number")
	}
	return *a.Float
}

// list returns a list of whole numbers, some of which earlier nodes may have computed.
func (c *call) list(name string) []int {
	a := c.arguments[name]
	if a == nil || a.Ints == nil && a.SymInts == nil {
		c.missing(name, "list")
	}
	if a.Ints != nil {
		return a.Ints
	}
	var list []int
	for _, s := range a.SymInts {
		size, known := c.sizes[s.AsName]
		switch {
		case s.AsInt != nil:
			size = *s.AsInt
		case !known:
			torch.Fail(c.target, "no node before made %s", printable.Short(s.AsName))
		}
		list = append(list, size)
	}
	return list
}

// square returns the number of which a pair consists.
func (c *call) square(name string) int {
	v := c.list(name)
	if len(v) != 2 || v[0] != v[1] || v[0] < 0 || v[0] > mostWindow {
		torch.Fail(c.target, "%s is %v, want two equal numbers from 0 to %d", name, v, mostWindow)
	}
	return v[0]
}

// mostWindow bounds kernels, strides and padding; mostRepeats the images over which a token is repeated.
const (
	mostWindow  = 4096
	mostRepeats = 1 << 16
)

// result computes the tensor that the operator returns.
func (c *call) result(operator string) torch.Tensor {
	switch operator {
	case "conv2d.default":
		return torch.Conv2d(c.tensor("input"), c.tensor("weight"), c.optional("bias"), c.square("stride"),
			c.square("padding"), 1)
	case "batch_norm.default":
		return torch.BatchNorm(c.tensor("input"), c.tensor("weight"), c.tensor("bias"), c.tensor("running_mean"),
			c.tensor("running_var"), false, 0, c.number("eps"))
	case "group_norm.default":
		return torch.GroupNorm(c.tensor("input"), c.whole("num_groups"), c.tensor("weight"), c.tensor("bias"),
			c.number("eps"))
	case "layer_norm.default":
		return torch.LayerNorm(c.tensor("input"), c.tensor("weight"), c.tensor("bias"), c.number("eps"))
	case "linear.default":
		return torch.Linear(c.tensor("input"), c.tensor("weight"), c.tensor("bias"))
	case "scaled_dot_product_attention.default":
		return torch.Attention(c.tensor("query"), c.tensor("key"), c.tensor("value"))
	case "upsample_bicubic2d.vec":
		size := c.list("output_size")
		if len(size) != 2 {
			torch.Fail(c.target, "output_size is %v, want two numbers", size)
		}
		return bicubic.Resize(c.tensor("input"), size[0], size[1])
	case "cat.default":
		var all []torch.Tensor
		if a := c.arguments["tensors"]; a != nil {
			for _, t := range a.Tensors {
				all = append(all, c.values.tensor(c.target, t.Name))
			}
		}
		return torch.Cat(c.whole("dim"), all...)
	}
	x := c.tensor("self")
	shape := x.Shape()
	switch operator {
	case "relu.default":
		return x.ReLU()
	case "gelu.default":
		return x.GELU()
	case "add.Tensor":
		return x.Add(c.tensor("other"))
	case "sub.Tensor":
		return x.Sub(c.tensor("other"))
	case "mul.Tensor":
		return x.Mul(c.tensor("other"))
	case "div.Tensor":
		return x.Div(c.tensor("other"))
	case "max_pool2d.default":
		return torch.MaxPool2d(x, c.square("kernel_size"), c.square("stride"), c.square("padding"))
	case "mean.dim":
		return x.Mean(c.list("dim")...)
	case "flatten.using_ints":
		if len(shape) < 3 || c.whole("start_dim") != 2 {
			torch.Fail(c.target, "of a tensor of shape %v", shape)
		}
		return x.Reshape(shape[0], shape[1], -1)
	case "permute.default":
		return x.Permute(c.list("dims")...)
	case "unflatten.int":
		if len(shape) < 1 || c.whole("dim") != -1 {
			torch.Fail(c.target, "of another dimension than the last")
		}
		return x.Reshape(append(shape[:len(shape)-1], c.list("sizes")...)...)
	case "slice.Tensor":
		return x.Narrow(c.whole("dim"), c.whole("start"), c.whole("end")-c.whole("start"))
	case "select.int":
		dim := c.whole("dim")
		if dim < 0 || dim >= len(shape) {
			torch.Fail(c.target, "dimension %d of a tensor of shape %v", dim, shape)
		}
		return x.Narrow(dim, c.whole("index"), 1).Reshape(append(shape[:dim:dim], shape[dim+1:]...)...)
	case "expand.default":
		size := c.list("size")
		if len(size) == 0 || slices.Max(size) > mostRepeats {
			torch.Fail(c.target, "to the shape %v", size)
		}
		return x.Expand(size...)
	case "to.dtype":
		a := c.arguments["dtype"]
		if a == nil || a.Scalar == nil {
			c.missing("dtype", "type")
		}
		dtype, ok := kind(*a.Scalar)
		if !ok {
			torch.Fail(c.target, "type %d is not read here", *a.Scalar)
		}
		return x.To(dtype)
	}
	torch.Fail(c.target, "the operator is not one that Parallax writes")
	return torch.Tensor{}
}
