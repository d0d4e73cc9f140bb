// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Options change the graph of an encoder.
type Options struct {
	Preprocess bool // the input is uint8, N x H x W x 3; scaling and normalisation are in the graph
	Half       bool // weights and arithmetic are float16
}

// New returns the graph of the encoder that d describes, with its weights: from float32 images N x 3 x H x W,
// normalised, to float32 features N x D. Package backbone defines the networks; a test compares each with its graph.
func New(d checkpoint.Encoder, states []nn.State, o Options) (*Graph, error) {
	n := &network{builder: newBuilder(states), Encoder: d}
	n.Least = 1
	var body func(*Value) *Value
	switch {
	case strings.HasPrefix(d.Architecture, "resnet"):
		body = n.resNet
	case strings.HasPrefix(d.Architecture, "wrn"):
		body = n.wideResNet
	case strings.HasPrefix(d.Architecture, "vit"):
		body = n.viT
	default:
		return nil, fmt.Errorf("there is no graph of the network %q: the formats hold ResNets, wide ResNets and ViTs",
			d.Architecture)
	}
	if d.Norm == nn.GroupStatistics.String() {
		n.standardize()
	}
	x := n.input(o)
	if o.Half {
		n.halve()
		x = n.do(Cast{torch.F16}, x)
	}
	x = body(x)
	if o.Half {
		x = n.do(Cast{torch.F32}, x)
	}
	n.Output = x
	return &n.Graph, n.err
}

// network builds the graph of one encoder.
type network struct {
	*builder
	checkpoint.Encoder
}

// input makes the input, and returns the normalised images.
func (n *network) input(o Options) *Value {
	images, h, w := Dim{Example, N}, Dim{n.Size, H}, Dim{n.Size, W}
	if !o.Preprocess {
		n.Input = &Value{Name: "images", Shape: []Dim{images, {Size: n.Channels()}, h, w}, DType: torch.F32}
		return n.Input
	}
	n.Input = &Value{Name: "images", Shape: []Dim{images, h, w, {Size: 3}}, DType: torch.U8}
	x := n.do(Cast{torch.F32}, n.do(Permute{[]int{0, 3, 1, 2}}, n.Input))
	// The order and the type of augment.Normalize.
	x = n.do(Div{}, x, n.constant("preprocess.levels", 255))
	x = n.do(Sub{}, x, n.constant("preprocess.mean", n.Mean...))
	return n.do(Div{}, x, n.constant("preprocess.std", n.Std...))
}

// constant makes the buffer called name, of values x 1 x 1.
func (n *network) constant(name string, values ...float64) *Value {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
	}
	return n.add(&Value{Name: name, Shape: fixed(len(values), 1, 1), DType: torch.F32, Data: data, Buffer: true})
}

// halve converts the network's floating-point weights to float16, but for the constants of the pre-processing.
func (n *network) halve() {
	err := torch.Scope(func() error {
		for _, v := range n.Weights {
			if v.DType == torch.F32 && !strings.HasPrefix(v.Name, "preprocess.") {
				v.Data, v.DType = torch.FromBytes(v.Data, v.DType, v.Ints()...).To(torch.F16).Bytes(), torch.F16
			}
		}
		return nil
	})
	if err != nil {
		n.fail("converting the weights to float16: %w", err)
	}
}

// standardize replaces the weight of each convolution by the standardised one that the network computes with: mean 0
// and variance 1 for each output, as nn does.
func (n *network) standardize() {
	err := torch.Scope(func() error {
		for _, v := range n.Weights {
			if shape := v.Ints(); len(shape) == 4 {
				w := torch.FromBytes(v.Data, v.DType, shape...)
				v.Data = w.Reshape(shape[0], w.Len()/shape[0]).Standardize(1).Reshape(shape...).Bytes()
			}
		}
		return nil
	})
	if err != nil {
		n.fail("standardising the weights: %w", err)
	}
}

func (n *network) conv(name string, x *Value, stride, padding int) *Value {
	return n.do(Conv{stride, padding}, x, n.weight(name+".weight"))
}

// norm is the normalisation called name of x.
func (n *network) norm(name string, x *Value) *Value {
	w, b := n.weight(name+".weight"), n.weight(name+".bias")
	var kind nn.Norm
	if err := kind.UnmarshalText([]byte(n.Norm)); err != nil {
		n.fail("the backbone's norm: %w", err)
	}
	switch channels := w.Shape[0].Size; kind {
	case nn.GroupStatistics:
		groups := max(1, channels/16)
		for channels%groups != 0 {
			groups--
		}
		return n.do(GroupNorm{groups, 1e-5}, x, w, b)
	case nn.LayerStatistics:
		return n.do(GroupNorm{1, 1e-5}, x, w, b)
	case nn.NoStatistics, nn.FirstStatistics:
		w.Shape, b.Shape = fixed(channels, 1, 1), fixed(channels, 1, 1) // to broadcast over height and width
		return n.do(Add{}, n.do(Mul{}, x, w), b)
	}
	return n.do(BatchNorm{1e-5}, x, w, b, n.weight(name+".running_mean"), n.weight(name+".running_var"))
}

// resNet is backbone.ResNet.
func (n *network) resNet(x *Value) *Value {
	kernel, stride, padding := 7, 2, 3
	switch n.Stem {
	case "small":
		kernel, stride, padding = 3, 1, 1
	case "strided":
		kernel, stride, padding = 3, 2, 1
	}
	if got := n.weight("conv1.weight").Shape[2].Size; got != kernel {
		n.fail("conv1 has a kernel of %d: the stem %q has %d", got, n.Stem, kernel)
	}
	x = n.do(ReLU{}, n.norm("bn1", n.conv("conv1", x, stride, padding)))
	if n.Stem == "imagenet" {
		x = n.do(MaxPool{3, 2, 1}, x)
	}
	for stage := 1; n.has(fmt.Sprintf("layer%d.0.conv1.weight", stage)); stage++ {
		for i := 0; n.has(fmt.Sprintf("layer%d.%d.conv1.weight", stage, i)); i++ {
			stride := 1
			if stage > 1 && i == 0 {
				stride = 2
			}
			x = n.residual(fmt.Sprintf("layer%d.%d.", stage, i), x, stride)
		}
	}
	return n.do(Mean{}, x)
}

func (n *network) has(name string) bool { return n.states[name] != nil }

// residual is a basic block or a bottleneck, and its shortcut.
func (n *network) residual(name string, x *Value, stride int) *Value {
	branch := x
	if n.has(name + "conv3.weight") {
		branch = n.do(ReLU{}, n.norm(name+"bn1", n.conv(name+"conv1", branch, 1, 0)))
		branch = n.do(ReLU{}, n.norm(name+"bn2", n.conv(name+"conv2", branch, stride, 1)))
		branch = n.norm(name+"bn3", n.conv(name+"conv3", branch, 1, 0))
	} else {
		branch = n.do(ReLU{}, n.norm(name+"bn1", n.conv(name+"conv1", branch, stride, 1)))
		branch = n.norm(name+"bn2", n.conv(name+"conv2", branch, 1, 1))
	}
	if n.has(name + "downsample.0.weight") {
		x = n.norm(name+"downsample.1", n.conv(name+"downsample.0", x, stride, 0))
	}
	return n.do(ReLU{}, n.do(Add{}, branch, x))
}

// wideResNet is backbone.WideResNet.
func (n *network) wideResNet(x *Value) *Value {
	x = n.conv("conv1", x, 1, 1)
	for group := 1; group <= 3; group++ {
		for i := range 4 {
			name, stride := fmt.Sprintf("block%d.layer.%d.", group, i), 1
			if group > 1 && i == 0 {
				stride = 2
			}
			a := n.do(ReLU{}, n.norm(name+"bn1", x))
			if n.has(name + "convShortcut.weight") {
				x = n.conv(name+"convShortcut", a, stride, 0)
			}
			branch := n.do(ReLU{}, n.norm(name+"bn2", n.conv(name+"conv1", a, stride, 1)))
			x = n.do(Add{}, n.conv(name+"conv2", branch, 1, 1), x)
		}
	}
	return n.do(Mean{}, n.do(ReLU{}, n.norm("bn1", x)))
}

// viT is backbone.ViT.
func (n *network) viT(x *Value) *Value {
	patch, err := strconv.Atoi(strings.TrimPrefix(n.Stem, "patch"))
	if err != nil || patch < 1 {
		n.fail("the stem is %q: of a ViT it is patchN", n.Stem)
		return x
	}
	heads, known := map[string]int{"vit_tiny": 3, "vit_small": 6, "vit_base": 12}[n.Architecture]
	if !known || n.Features%heads != 0 {
		n.fail("%s with %d features is not a ViT that Parallax makes", n.Architecture, n.Features)
		return x
	}
	grid := n.Size / patch
	n.Least = patch
	x = n.do(Conv{patch, 0}, x, n.weight("patch_embed.proj.weight"), n.weight("patch_embed.proj.bias"))
	positions := n.weight("pos_embed")
	if got := positions.Shape[1].Size; got != 1+grid*grid {
		n.fail("pos_embed has %d rows: want %d", got, 1+grid*grid)
	}
	// The positions of the patches as an image of D channels, resized to the patches that there are.
	place := n.do(Permute{[]int{0, 2, 1}}, n.do(Narrow{1, 1 + grid*grid}, positions))
	place = n.do(Resize{}, n.do(Unflatten{[]int{grid, grid}}, place), x)
	place = n.do(Permute{[]int{0, 2, 1}}, n.do(Flatten{}, place))
	place = n.do(Concat{}, n.do(Narrow{0, 1}, positions), place)

	x = n.do(Permute{[]int{0, 2, 1}}, n.do(Flatten{}, x))
	x = n.do(Concat{}, n.do(Expand{}, n.weight("cls_token"), x), x)
	x = n.do(Add{}, x, place)
	for i := 0; n.has(fmt.Sprintf("blocks.%d.norm1.weight", i)); i++ {
		name := fmt.Sprintf("blocks.%d.", i)
		x = n.do(Add{}, x, n.attention(name+"attn.", n.layerNorm(name+"norm1", x), heads))
		hidden := n.do(GELU{}, n.linear(name+"mlp.fc1", n.layerNorm(name+"norm2", x)))
		x = n.do(Add{}, x, n.linear(name+"mlp.fc2", hidden))
	}
	return n.do(Select{1, 0}, n.layerNorm("norm", x))
}

func (n *network) layerNorm(name string, x *Value) *Value {
	return n.do(LayerNorm{1e-6}, x, n.weight(name+".weight"), n.weight(name+".bias"))
}

func (n *network) linear(name string, x *Value) *Value {
	return n.do(Linear{}, x, n.weight(name+".weight"), n.weight(name+".bias"))
}

// attention is multi-head self-attention: N x T x D -> N x T x D.
func (n *network) attention(name string, x *Value, heads int) *Value {
	split := n.do(Unflatten{[]int{3, heads, n.Features / heads}}, n.linear(name+"qkv", x)) // N x T x 3 x heads x d
	split = n.do(Permute{[]int{2, 0, 3, 1, 4}}, split)                                     // 3 x N x heads x T x d
	var parts []*Value
	for i := range 3 {
		parts = append(parts, n.do(Select{0, i}, split))
	}
	joined := n.do(Permute{[]int{0, 2, 1, 3}}, n.do(Attention{}, parts...)) // N x T x heads x d
	return n.linear(name+"proj", n.do(Flatten{}, joined))
}

// Used returns the weights that a node uses, in order.
func (g *Graph) Used() []*Value {
	used := map[*Value]bool{}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			used[v] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(g.Weights), func(v *Value) bool { return !used[v] })
}
