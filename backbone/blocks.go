// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// A Blocker is a Backbone whose inner blocks can be read.
type Blocker interface {
	parallax.Backbone
	// Blocks returns a network from N x 3 x H x W images to N x BlockFeatures() features of its inner blocks. built is
	// what Build returned; the two networks share their weights.
	Blocks(built nn.Layer) nn.Layer
	BlockFeatures() int
}

var _, _, _ Blocker = ResNet{}, WideResNet{}, ViT{}

// stages returns the outputs of layers after each of the places in ends, averaged over space and concatenated.
func stages(layers nn.Sequential, ends []int) nn.Layer {
	return nn.Func(func(x torch.Tensor) torch.Tensor {
		var pooled []torch.Tensor
		at := 0
		for _, end := range ends {
			x = layers[at:end].Forward(x)
			pooled = append(pooled, x.Mean(2, 3))
			at = end
		}
		return torch.Cat(1, pooled...)
	})
}

// Blocks averages the output of each stage over space, and concatenates the averages from the first stage to the last.
func (r ResNet) Blocks(built nn.Layer) nn.Layer {
	var ends []int
	at := 1 // after the stem
	for _, blocks := range depths[r.Depth].blocks {
		at += blocks
		ends = append(ends, at)
	}
	return stages(built.(nn.Sequential), ends)
}

// BlockFeatures is the sum of the stages' channels: 960 for depths 18 and 34 at width 64.
func (r ResNet) BlockFeatures() int {
	kind, sum := depths[r.Depth], 0
	for stage := range kind.blocks {
		sum += r.Width << stage * kind.expansion
	}
	return sum
}

// Blocks averages the output of each group over space, and concatenates the averages from the first group to the last.
// The last one is after the final batch norm and ReLU, as in the features.
func (r WideResNet) Blocks(built nn.Layer) nn.Layer {
	return stages(built.(nn.Sequential), []int{5, 9, 15}) // 4 blocks a group; norm and ReLU after the last
}

// BlockFeatures is the sum of the groups' channels.
func (r WideResNet) BlockFeatures() int { return 7 * r.Width }

// lastBlocks is how many of a ViT's blocks are read, as in DINO's linear evaluation of ViT-S (Caron et al.,
// arXiv:2104.14294, appendix F.2).
const lastBlocks = 4

// Blocks concatenates the class tokens after each of the last four blocks, each after the final layer norm, as in
// DINO's linear evaluation of ViT-S (arXiv:2104.14294, appendix F.2).
func (v ViT) Blocks(built nn.Layer) nn.Layer {
	t := built.(*transformer)
	return nn.Func(func(x torch.Tensor) torch.Tensor {
		x = t.embed(x)
		n, d := x.Size(0), x.Size(2)
		var tokens []torch.Tensor
		for i, b := range t.blocks {
			x = b.Forward(x)
			if i >= len(t.blocks)-lastBlocks {
				tokens = append(tokens, t.norm.Forward(x).Narrow(1, 0, 1).Reshape(n, d))
			}
		}
		return torch.Cat(1, tokens...)
	})
}

// BlockFeatures is four times the width of h.
func (v ViT) BlockFeatures() int { return lastBlocks * v.Features() }
