// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/spelling"
	"github.com/parallax-ssl/parallax/nn"
)

// A Spec describes a network: the config's section backbone, and the size of the images.
type Spec struct {
	Name string // as in --backbone
	// Width is the number of channels of the first stage; all other stages scale with it. It is 64 in the ResNets'
	// papers, and 16 in their networks for CIFAR-10 (resnet8, resnet20) and for training on two CPU cores. A wide
	// ResNet has 16 times the widening factor; a ViT has the width of an attention head, 64 in the papers.
	Width    int
	Stem     Stem    // usually the [Entry]'s
	Norm     nn.Norm // after, or before, every convolution; a ViT has layer norm
	ZeroInit bool    // for a ResNet: see [ResNet]; others have no norm at the end of a block
	Size     int     // side of the images in pixels; a ViT's positions depend on it
	Channels int     // of the images; 0: 3
}

// Entry describes one backbone.
type Entry struct {
	Name string // as in --backbone
	New  func(s Spec) (parallax.Backbone, error)
	Stem func(size int) Stem // the usual stem for images of size x size pixels
	Norm nn.Norm             // the usual norm
}

// All lists every backbone. To add one, add a line here.
var All = []Entry{
	{"resnet8", resNet(8), StemFor, nn.BatchStatistics},
	{"resnet20", resNet(20), StemFor, nn.BatchStatistics},
	{"resnet18", resNet(18), StemFor, nn.BatchStatistics},
	{"resnet34", resNet(34), StemFor, nn.BatchStatistics},
	{"resnet50", resNet(50), StemFor, nn.BatchStatistics},
	{"resnet101", resNet(101), StemFor, nn.BatchStatistics},
	{"resnet152", resNet(152), StemFor, nn.BatchStatistics},
	{"wrn28", wideResNet, func(int) Stem { return Small }, nn.BatchStatistics},
	{"vit_tiny", viT(3), PatchStem, nn.LayerStatistics},
	{"vit_small", viT(6), PatchStem, nn.LayerStatistics},
	{"vit_base", viT(12), PatchStem, nn.LayerStatistics},
}

// Find returns the entry called name; the error names the nearest one.
func Find(name string) (Entry, error) {
	var names []string
	for _, e := range All {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Entry{}, fmt.Errorf("unknown backbone %q: did you mean %q? (the backbones are %s)", name,
		spelling.Nearest(name, names), strings.Join(names, ", "))
}

// New returns the ResNet called name with batch norm; width and stem are those of [Spec].
func New(name string, width int, stem Stem) (parallax.Backbone, error) {
	return Spec{Name: name, Width: width, Stem: stem}.New()
}

// New returns the network that s describes.
func (s Spec) New() (parallax.Backbone, error) {
	e, err := Find(s.Name)
	if err != nil {
		return nil, err
	}
	if s.Width < 1 || s.Width > maxWidth {
		return nil, fmt.Errorf("backbone.width is %d: it must be between 1 and %d, and is 64 in the papers", s.Width,
			maxWidth)
	}
	if s.Channels == 0 {
		s.Channels = RGB
	}
	if s.Channels < 1 || s.Channels > augment.MaxChannels {
		return nil, fmt.Errorf("the network's images have %d channels: there must be between 1 and %d", s.Channels,
			augment.MaxChannels)
	}
	return e.New(s)
}

// RGB is the number of channels of images that are not deep ones.
const RGB = 3

// maxWidth keeps a mistyped width from exhausting memory: ResNet-50 has 6 billion parameters at width 1024.
const maxWidth = 1024

func resNet(depth int) func(Spec) (parallax.Backbone, error) {
	return func(s Spec) (parallax.Backbone, error) {
		if s.Stem != ImageNet && s.Stem != Small && s.Stem != Strided && s.Stem != Padded {
			return nil, fmt.Errorf("backbone.stem is %q: of a ResNet it must be %q, %q, %q or %q", s.Stem, ImageNet,
				Small, Strided, Padded)
		}
		return ResNet{Depth: depth, Width: s.Width, Stem: s.Stem, Norm: s.Norm, ZeroInit: s.ZeroInit,
			Channels: s.Channels}, nil
	}
}
