// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/internal/bicubic"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var _ parallax.Backbone = ViT{}

// ViT is a vision transformer without its classifier (Dosovitskiy et al., arXiv:2010.11929): pre-norm, GELU, layer norm
// with eps 1e-6; h is the class token after the last norm. Parameters have timm's names and order. Linear layers,
// positions and class token are initialised by a normal of standard deviation 0.02, truncated at two standard
// deviations, biases by 0, the patch projection as PyTorch initialises a convolution.
type ViT struct {
	Heads int // of each of the 12 blocks: 3 in ViT-Ti, 6 in ViT-S (both Touvron et al., arXiv:2012.12877), 12 in ViT-B
	Width int // features of a head, 64 in the papers
	Patch int // side of a patch in pixels
	Size  int // side of an image in pixels; for other images the positions are interpolated
	// Channels is those of the images; 0: 3.
	Channels int
}

const vitDepth = 12

// Features returns the width of h: 192, 384 and 768 with 64 features a head.
func (v ViT) Features() int { return v.Heads * v.Width }

// Build makes the network: N x Channels x H x W -> N x Features(), H and W multiples of Patch.
func (v ViT) Build(p *nn.Params) nn.Layer {
	d, grid, channels := v.Features(), v.Size/v.Patch, cmp.Or(v.Channels, RGB)
	t := &transformer{ViT: v, grid: grid}
	t.class = p.Param("cls_token", nn.TruncNormal(0.02), 1, 1, d)
	t.positions = p.Param("pos_embed", nn.TruncNormal(0.02), 1, 1+grid*grid, d)
	q := p.Sub("patch_embed.proj")
	fan := channels * v.Patch * v.Patch
	t.weight = q.Param("weight", nn.Uniform(fan), d, channels, v.Patch, v.Patch)
	t.bias = q.Param("bias", nn.Uniform(fan), d)
	for i := range vitDepth {
		t.blocks = append(t.blocks, newBlock(p.Sub(fmt.Sprintf("blocks.%d", i)), d, v.Heads))
	}
	t.norm = nn.NewLayerNorm(p.Sub("norm"), d, 1e-6)
	return t
}

type transformer struct {
	ViT
	grid                           int // patches along a side of an image of Size
	class, positions, weight, bias torch.Tensor
	blocks                         nn.Sequential
	norm                           *nn.LayerNorm
}

func (t *transformer) Forward(x torch.Tensor) torch.Tensor {
	x = t.norm.Forward(t.blocks.Forward(t.embed(x))) // N x 1+patches x d
	return x.Narrow(1, 0, 1).Reshape(x.Size(0), x.Size(2))
}

// embed returns the tokens that enter the first block, N x 1+patches x d.
func (t *transformer) embed(x torch.Tensor) torch.Tensor {
	x = torch.Conv2d(x, t.weight, t.bias, t.Patch, 0, 1)
	n, d, h, w := x.Size(0), x.Size(1), x.Size(2), x.Size(3)
	x = x.Reshape(n, d, h*w).Transpose(1, 2)                   // N x patches x d
	x = torch.Cat(1, t.class.To(x.DType()).Expand(n, 1, d), x) // the class token before them
	return x.Add(t.at(h, w).To(x.DType()))
}

// at returns the positions for h x w patches, 1 x 1+hw x d: bicubic interpolation of those for an image of Size, as
// DINO does for its small crops.
func (t *transformer) at(h, w int) torch.Tensor {
	g, d := t.grid, t.Features()
	if h == g && w == g {
		return t.positions
	}
	weights := func(out int) torch.Tensor {
		return torch.FromFloat64(bicubic.Weights(out, g), out, g).To(t.positions.DType())
	}
	patches := t.positions.Narrow(1, 1, g*g).Reshape(g, g*d)
	rows := weights(h).MatMul(patches).Reshape(h, g, d).Transpose(0, 1).Reshape(g, h*d)
	both := weights(w).MatMul(rows).Reshape(w, h, d).Transpose(0, 1).Reshape(1, h*w, d)
	return torch.Cat(1, t.positions.Narrow(1, 0, 1), both)
}

// block is x + attention(norm(x)), then x + mlp(norm(x)).
type block struct {
	norm1, norm2        *nn.LayerNorm
	qkv, proj, fc1, fc2 *nn.Linear
	heads               int
}

func newBlock(p *nn.Params, d, heads int) *block {
	b := &block{heads: heads}
	linear := func(name string, in, out int) *nn.Linear {
		return nn.NewLinearFrom(p.Sub(name), nn.TruncNormal(0.02), in, out)
	}
	b.norm1 = nn.NewLayerNorm(p.Sub("norm1"), d, 1e-6)
	b.qkv, b.proj = linear("attn.qkv", d, 3*d), linear("attn.proj", d, d)
	b.norm2 = nn.NewLayerNorm(p.Sub("norm2"), d, 1e-6)
	b.fc1, b.fc2 = linear("mlp.fc1", d, 4*d), linear("mlp.fc2", 4*d, d)
	return b
}

func (b *block) Forward(x torch.Tensor) torch.Tensor {
	x = x.Add(b.attention(b.norm1.Forward(x)))
	return x.Add(b.fc2.Forward(b.fc1.Forward(b.norm2.Forward(x)).GELU()))
}

// attention is multi-head self-attention: N x tokens x d -> N x tokens x d.
func (b *block) attention(x torch.Tensor) torch.Tensor {
	n, tokens, d := x.Size(0), x.Size(1), x.Size(2)
	qkv := b.qkv.Forward(x).Chunk(2, 3)
	for i := range qkv {
		qkv[i] = qkv[i].Reshape(n, tokens, b.heads, d/b.heads).Transpose(1, 2) // N x heads x tokens x d/heads
	}
	return b.proj.Forward(torch.Attention(qkv[0], qkv[1], qkv[2]).Transpose(1, 2).Reshape(n, tokens, d))
}

// PatchStem returns the stem of a ViT for images of size x size pixels, "patch16", "patch8" ...: the largest power of
// two up to 16 that divides the size and leaves 7 patches along a side: 16 for 224 pixels, 8 for 64 and 96, 4 for 28
// and 32.
func PatchStem(size int) Stem {
	patch := 16
	for patch > 1 && (size%patch != 0 || size/patch < 7) {
		patch /= 2
	}
	return Stem("patch" + strconv.Itoa(patch))
}

func viT(heads int) func(Spec) (parallax.Backbone, error) {
	return func(s Spec) (parallax.Backbone, error) {
		number, found := strings.CutPrefix(string(s.Stem), "patch")
		patch, err := strconv.Atoi(number)
		if !found || err != nil || patch < 1 {
			return nil, fmt.Errorf("backbone.stem is %q: for a ViT it must be patchN, N the side of a patch in "+
				"pixels: %q for %d pixels", s.Stem, PatchStem(s.Size), s.Size)
		}
		if s.Size < patch || s.Size%patch != 0 {
			return nil, fmt.Errorf("backbone.stem is %q and the images are of %d pixels: the patch must divide them, "+
				"as %q does", s.Stem, s.Size, PatchStem(s.Size))
		}
		if s.Norm != nn.LayerStatistics {
			return nil, fmt.Errorf("backbone.norm is %q: a ViT has %q", s.Norm, nn.LayerStatistics)
		}
		return ViT{Heads: heads, Width: s.Width, Patch: patch, Size: s.Size, Channels: s.Channels}, nil
	}
}
