// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"cmp"
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var _ parallax.Backbone = WideResNet{}

// WideResNet is the wide residual network of depth 28 for small images, without its classifier (Zagoruyko & Komodakis,
// arXiv:1605.07146): a 3 x 3 convolution to 16 channels, and three groups of four pre-activation blocks. torchvision
// has no such network. Parameters have the names, order and initialisation of github.com/xternalz/WideResNet-pytorch:
// convolutions by He et al.'s normal over fan-out.
type WideResNet struct {
	Width int // channels of the first group: 32 is WRN-28-2, which PAWS and FixMatch use, 160 is WRN-28-10
	Norm  nn.Norm
	// Channels is those of the images; 0: 3.
	Channels int
}

// Features returns the width of h: 128 for WRN-28-2.
func (r WideResNet) Features() int { return 4 * r.Width }

// Build makes the network: N x Channels x H x W -> N x Features(), the mean of the last group over space.
func (r WideResNet) Build(p *nn.Params) nn.Layer {
	in := 16
	layers := nn.Sequential{r.Norm.Conv(p.Sub("conv1"), cmp.Or(r.Channels, RGB), in, 3, 1, 1)}
	for group := range 3 {
		for i := range 4 {
			out, stride := r.Width<<group, 1
			if group > 0 && i == 0 {
				stride = 2
			}
			q := p.Sub(fmt.Sprintf("block%d.layer.%d", group+1, i))
			layers = append(layers, newPreActivation(q, r.Norm, in, out, stride))
			in = out
		}
	}
	return append(layers, r.Norm.Layer(p.Sub("bn1"), in, true), nn.ReLU,
		nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }))
}

// preActivation is branch(ReLU(norm(x))) + x. If the number of channels changes, it is branch(a) + shortcut(a) with
// a = ReLU(norm(x)).
type preActivation struct{ first, branch, shortcut nn.Layer }

func newPreActivation(p *nn.Params, norm nn.Norm, in, out, stride int) preActivation {
	b := preActivation{
		first: nn.Sequential{norm.Layer(p.Sub("bn1"), in, true), nn.ReLU},
		branch: nn.Sequential{
			norm.Conv(p.Sub("conv1"), in, out, 3, stride, 1), norm.Layer(p.Sub("bn2"), out, true), nn.ReLU,
			norm.Conv(p.Sub("conv2"), out, out, 3, 1, 1),
		},
	}
	if in != out {
		b.shortcut = norm.Conv(p.Sub("convShortcut"), in, out, 1, stride, 0)
	}
	return b
}

func (b preActivation) Forward(x torch.Tensor) torch.Tensor {
	a := b.first.Forward(x)
	if b.shortcut != nil {
		x = b.shortcut.Forward(a)
	}
	return b.branch.Forward(a).Add(x)
}

func wideResNet(s Spec) (parallax.Backbone, error) {
	if s.Stem != Small {
		return nil, fmt.Errorf("backbone.stem is %q: a wide ResNet for small images has %q", s.Stem, Small)
	}
	return WideResNet{Width: s.Width, Norm: s.Norm, Channels: s.Channels}, nil
}
