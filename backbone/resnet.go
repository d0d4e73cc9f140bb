// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var _ parallax.Backbone = ResNet{}

// ResNet is a residual network without its classifier (He, Zhang, Ren & Sun, arXiv:1512.03385). Parameters have
// torchvision's names, order and initialisation: convolutions by He et al.'s normal over fan-out, batch norm 1 and 0.
type ResNet struct {
	Depth int // 8, 20, 18 or 34 (two 3 x 3 convolutions a block); 50, 101 or 152 (bottleneck blocks)
	// channels of the first stage, 64 in the paper, 16 of depths 8 and 20; every further stage has twice as many
	Width    int
	Stem     Stem // see StemFor
	Norm     nn.Norm
	ZeroInit bool // the last norm of a block starts at weight 0, so the block is the identity (arXiv:1706.02677)
	Channels int  // of the images; 0: 3
}

// depths holds the blocks in each stage, and the kind of block: four stages as in table 1 of the paper; three as in its
// section 4.2, with 6n + 2 layers. Unlike there, the shortcuts of those three are projections, as in the others.
var depths = map[int]struct {
	blocks    []int
	expansion int // a block's output channels over its inner ones
	block     func(p *nn.Params, norm nn.Norm, in, inner, stride int) (branch nn.Sequential, last string)
}{
	8:   {[]int{1, 1, 1}, 1, basic},
	20:  {[]int{3, 3, 3}, 1, basic},
	18:  {[]int{2, 2, 2, 2}, 1, basic},
	34:  {[]int{3, 4, 6, 3}, 1, basic},
	50:  {[]int{3, 4, 6, 3}, 4, bottleneck},
	101: {[]int{3, 4, 23, 3}, 4, bottleneck},
	152: {[]int{3, 8, 36, 3}, 4, bottleneck},
}

// ResNetOf returns the depth of the ResNet with so many blocks in each stage; ok is false if there is none.
func ResNetOf(blocks []int, bottlenecks bool) (depth int, ok bool) {
	for depth, kind := range depths {
		if slices.Equal(kind.blocks, blocks) && (kind.expansion > 1) == bottlenecks {
			return depth, true
		}
	}
	return 0, false
}

// Features returns the width of h: at width 64 it is 512 for depths 18 and 34 and 2048 for deeper ones; at width 16 it
// is 64 for depths 8 and 20.
func (r ResNet) Features() int {
	kind := depths[r.Depth]
	return r.Width << (len(kind.blocks) - 1) * kind.expansion
}

// Build makes the network: N x Channels x H x W -> N x Features(), the mean of the last stage over space.
func (r ResNet) Build(p *nn.Params) nn.Layer {
	kind, known := depths[r.Depth]
	if !known {
		torch.Fail("ResNet", "there is no table for depth %d: use 8, 18, 20, 34, 50, 101 or 152", r.Depth)
	}
	layers := nn.Sequential{r.Stem.build(p, r.Norm, cmp.Or(r.Channels, RGB), r.Width)}
	in := r.Width
	for stage, blocks := range kind.blocks {
		inner := r.Width << stage
		for i := range blocks {
			q := p.Sub(fmt.Sprintf("layer%d.%d", stage+1, i))
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			branch, last := kind.block(q, r.Norm, in, inner, stride)
			if r.ZeroInit {
				weight, _ := q.Sub(last).Get("weight")
				weight.ScaleInto(0)
			}
			out := inner * kind.expansion
			layers = append(layers, nn.Residual{Branch: branch,
				Shortcut: shortcut(q.Sub("downsample"), r.Norm, in, out, stride)})
			in = out
		}
	}
	return append(layers, nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }))
}

// basic is two 3 x 3 convolutions (figure 5, left). last is the name of its last batch norm.
func basic(p *nn.Params, norm nn.Norm, in, inner, stride int) (branch nn.Sequential, last string) {
	return nn.Sequential{
		norm.Conv(p.Sub("conv1"), in, inner, 3, stride, 1), norm.Layer(p.Sub("bn1"), inner, true), nn.ReLU,
		norm.Conv(p.Sub("conv2"), inner, inner, 3, 1, 1), norm.Layer(p.Sub("bn2"), inner, true),
	}, "bn2"
}

// bottleneck is 1 x 1, 3 x 3 and 1 x 1 (figure 5, right). The stride is in the 3 x 3 convolution, as in torchvision
// ("v1.5"); the paper has it in the first.
func bottleneck(p *nn.Params, norm nn.Norm, in, inner, stride int) (branch nn.Sequential, last string) {
	return nn.Sequential{
		norm.Conv(p.Sub("conv1"), in, inner, 1, 1, 0), norm.Layer(p.Sub("bn1"), inner, true), nn.ReLU,
		norm.Conv(p.Sub("conv2"), inner, inner, 3, stride, 1), norm.Layer(p.Sub("bn2"), inner, true), nn.ReLU,
		norm.Conv(p.Sub("conv3"), inner, 4*inner, 1, 1, 0), norm.Layer(p.Sub("bn3"), 4*inner, true),
	}, "bn3"
}

// shortcut is the identity if the shapes agree, else a projection by a 1 x 1 convolution (option B).
func shortcut(p *nn.Params, norm nn.Norm, in, out, stride int) nn.Layer {
	if in == out && stride == 1 {
		return nn.Identity
	}
	return nn.Sequential{norm.Conv(p.Sub("0"), in, out, 1, stride, 0), norm.Layer(p.Sub("1"), out, true)}
}
