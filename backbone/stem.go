// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Stem is a network's first layers: [ImageNet], [Small], [Strided] or [Padded] for a ResNet, patchN for a ViT (see
// [PatchStem]).
type Stem string

const (
	// ImageNet is the stem of the paper: a 7 x 7 convolution of stride 2, then a 3 x 3 max-pool of stride 2. The stages
	// get a quarter of the image's side.
	ImageNet Stem = "imagenet"
	// Small is the stem for small images: one 3 x 3 convolution of stride 1, and no pooling (SimCLR, appendix B.9, and
	// its followers on CIFAR-10).
	Small Stem = "small"
	// Strided is Small with stride 2: a quarter of the work, for experiments in which speed matters more than accuracy.
	Strided Stem = "strided"
	// Padded is Small with two pixels of padding instead of one: solo-learn's stem for CIFAR (solo/methods/base.py).
	Padded Stem = "padded"
)

// StemFor returns the stem of a ResNet for images of size x size pixels: Small up to 64. After the stem, the stages
// divide the side by 8. With the ImageNet stem a 32-pixel image would reach the last stage as a single pixel and a
// 64-pixel one as 2 x 2. Small keeps 4 x 4 and 8 x 8 there, close to the 7 x 7 of ImageNet's 224 pixels.
func StemFor(size int) Stem {
	if size <= 64 {
		return Small
	}
	return ImageNet
}

// build makes conv1 and bn1 with the given input and output channels.
func (s Stem) build(p *nn.Params, norm nn.Norm, channels, width int) nn.Layer {
	kernel, stride, padding := 7, 2, 3
	switch s {
	case Small:
		kernel, stride, padding = 3, 1, 1
	case Strided:
		kernel, stride, padding = 3, 2, 1
	case Padded:
		kernel, stride, padding = 3, 1, 2
	}
	layers := nn.Sequential{
		norm.Conv(p.Sub("conv1"), channels, width, kernel, stride, padding),
		norm.Layer(p.Sub("bn1"), width, true),
		nn.ReLU,
	}
	if s != ImageNet {
		return layers
	}
	return append(layers, nn.Func(func(x torch.Tensor) torch.Tensor { return torch.MaxPool2d(x, 3, 2, 1) }))
}
