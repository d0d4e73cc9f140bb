// SPDX-License-Identifier: Apache-2.0

// Package script writes a graph as a TorchScript file, and runs one.
//
// The network is compiled from source, not traced: a trace would keep the sizes of its example as numbers. The weights
// are parameters and buffers of modules under the backbone's names.
package script

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/export/internal/graph"
	"github.com/parallax-ssl/parallax/torch"
)

// Write writes g into the file at path, with an extra file in its archive. Call it inside torch.Scope.
func Write(path string, g *graph.Graph, file, content string) error {
	source, err := Source(g)
	if err != nil {
		return err
	}
	var weights []torch.ScriptWeight
	for _, v := range g.Weights {
		weights = append(weights, torch.ScriptWeight{Name: v.Name,
			Tensor: torch.FromBytes(v.Data, v.DType, v.Ints()...), Buffer: v.Buffer})
	}
	torch.SaveScript(path, source, weights, file, content)
	return nil
}

// Run runs the module in the file at path. Call it inside torch.Scope.
func Run(path string, x torch.Tensor) torch.Tensor { return torch.RunScript(path, x) }

// Source returns g as a method forward.
func Source(g *graph.Graph) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "def forward(self, %s: Tensor) -> Tensor:\n", g.Input.Name)
	for _, n := range g.Nodes {
		text, err := expression(n)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "    %s = %s\n", n.Out.Name, text)
	}
	fmt.Fprintf(&b, "    return %s\n", g.Output.Name)
	return b.String(), nil
}

// expression returns the call that computes a node.
func expression(n graph.Node) (string, error) {
	in := make([]string, len(n.In))
	for i, v := range n.In {
		in[i] = reference(v)
	}
	call := func(function string, arguments ...any) (string, error) {
		texts := make([]string, len(arguments))
		for i, a := range arguments {
			texts[i] = python(a)
		}
		return fmt.Sprintf("torch.%s(%s)", function, strings.Join(append(in, texts...), ", ")), nil
	}
	like := func(dim int) string { return fmt.Sprintf("torch.size(%s, %d)", in[1], dim) }
	switch op := n.Op.(type) {
	case graph.Conv:
		if len(in) == 2 {
			in = append(in, "None")
		}
		return call("conv2d", []int{op.Stride, op.Stride}, []int{op.Padding, op.Padding})
	case graph.BatchNorm:
		return call("batch_norm", false, 0.1, op.Eps, false)
	case graph.GroupNorm:
		return fmt.Sprintf("torch.group_norm(%s, %d, %s, %s, %s)", in[0], op.Groups, in[1], in[2], python(op.Eps)), nil
	case graph.LayerNorm:
		return fmt.Sprintf("torch.layer_norm(%s, [%d], %s, %s, %s)", in[0], n.In[1].Shape[0].Size, in[1], in[2],
			python(op.Eps)), nil
	case graph.Linear:
		return call("linear")
	case graph.ReLU:
		return call("relu")
	case graph.GELU:
		return call("gelu")
	case graph.MaxPool:
		return call("max_pool2d", []int{op.Kernel, op.Kernel}, []int{op.Stride, op.Stride},
			[]int{op.Padding, op.Padding})
	case graph.Mean:
		return call("mean", []int{2, 3})
	case graph.Add:
		return call("add")
	case graph.Sub:
		return call("sub")
	case graph.Mul:
		return call("mul")
	case graph.Div:
		return call("div")
	case graph.Flatten:
		return call("flatten", 2)
	case graph.Permute:
		return call("permute", op.Dims)
	case graph.Unflatten:
		return call("unflatten", -1, op.Sizes)
	case graph.Narrow:
		return call("narrow", 1, op.From, op.To-op.From)
	case graph.Select:
		return call("select", op.Dim, op.Index)
	case graph.Concat:
		return fmt.Sprintf("torch.cat([%s], 1)", strings.Join(in, ", ")), nil
	case graph.Expand:
		return fmt.Sprintf("torch.expand(%s, [%s, -1, -1])", in[0], like(0)), nil
	case graph.Resize:
		return fmt.Sprintf("torch.upsample_bicubic2d(%s, [%s, %s], False, None, None)", in[0], like(2), like(3)), nil
	case graph.Attention:
		return call("scaled_dot_product_attention")
	case graph.Cast:
		return call("to", scalarTypes[op.To])
	}
	return "", fmt.Errorf("TorchScript: there is no form of %T", n.Op)
}

// scalarTypes are PyTorch's numbers of element types.
var scalarTypes = map[torch.DType]int{torch.U8: 0, torch.I64: 4, torch.F16: 5, torch.F32: 6}

// reference is how the method reaches a value. The parts of a weight's name that are numbers are no identifiers.
func reference(v *graph.Value) string {
	if !v.Weight() {
		return v.Name
	}
	text := "self"
	for part := range strings.SplitSeq(v.Name, ".") {
		if part[0] >= '0' && part[0] <= '9' {
			text = fmt.Sprintf("getattr(%s, %q)", text, part)
		} else {
			text += "." + part
		}
	}
	return text
}

// python returns a number, a truth value or a list of numbers as Python writes it.
func python(a any) string {
	switch a := a.(type) {
	case bool:
		return map[bool]string{true: "True", false: "False"}[a]
	case float64:
		return strconv.FormatFloat(a, 'e', -1, 64)
	case []int:
		return strings.ReplaceAll(fmt.Sprint(a), " ", ", ")
	}
	return fmt.Sprint(a)
}
