// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"

	"parallax"
	"parallax/nn"
)

// A Spec describes a network of the list: what the config's section backbone says, and the size of the images.
type Spec struct {
	Name  string  // as in --backbone
	Width int     // channels of the first stage, 64 in the papers and 16 for a network that learns on two CPU cores; all others scale with it
	Stem  Stem    // "": StemFor(Size)
	Norm  nn.Norm // after every convolution
	Size  int     // of the images in pixels; 0 where Stem is given
}

// Entry describes one backbone of the list.
type Entry struct {
	Name string // as in --backbone
	New  func(s Spec) (parallax.Backbone, error)
}

// All lists every backbone. Adding one is a line here.
var All = []Entry{
	{"resnet18", resNet(18)},
	{"resnet34", resNet(34)},
	{"resnet50", resNet(50)},
	{"resnet101", resNet(101)},
}

// New returns the backbone called name with batch norm. width is the number of channels of its first stage; stem is
// usually StemFor(size of the images).
func New(name string, width int, stem Stem) (parallax.Backbone, error) {
	return Spec{Name: name, Width: width, Stem: stem}.New()
}

// New returns the network that s describes. An unknown name is an error that gives the nearest.
func (s Spec) New() (parallax.Backbone, error) {
	nearest := All[0].Name
	var names []string
	for _, e := range All {
		if e.Name == s.Name {
			if s.Width < 1 || s.Width > maxWidth {
				return nil, fmt.Errorf("backbone.width is %d: it must be between 1 and %d, and is 64 in the papers", s.Width, maxWidth)
			}
			return e.New(s)
		}
		names = append(names, e.Name)
		if levenshtein.ComputeDistance(s.Name, e.Name) < levenshtein.ComputeDistance(s.Name, nearest) {
			nearest = e.Name
		}
	}
	return nil, fmt.Errorf("unknown backbone %q: did you mean %q? (there are %s)", s.Name, nearest, strings.Join(names, ", "))
}

// maxWidth keeps a mistyped width from asking for more memory than there is: ResNet-50 has 6 billion parameters at 1024.
const maxWidth = 1024

func resNet(depth int) func(Spec) (parallax.Backbone, error) {
	return func(s Spec) (parallax.Backbone, error) {
		if s.Stem == "" {
			s.Stem = StemFor(s.Size)
		}
		if s.Stem != ImageNet && s.Stem != Small {
			return nil, fmt.Errorf("backbone.stem is %q: it must be %q or %q", s.Stem, ImageNet, Small)
		}
		return ResNet{Depth: depth, Width: s.Width, Stem: s.Stem, Norm: s.Norm}, nil
	}
}
