// SPDX-License-Identifier: Apache-2.0

package backbone

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"

	"parallax"
)

// Entry describes one backbone of the list.
type Entry struct {
	Name string // as in --backbone
	New  func(width int, stem Stem) parallax.Backbone
}

// All lists every backbone. Adding one is a line here.
var All = []Entry{
	{"resnet18", resNet(18)},
	{"resnet34", resNet(34)},
	{"resnet50", resNet(50)},
}

// New returns the backbone called name. width is the number of channels of its first stage, 64 in the papers and 16 for
// a network that learns on two CPU cores; all other channels scale with it. stem is usually StemFor(size of the images).
// An unknown name is an error that gives the nearest.
func New(name string, width int, stem Stem) (parallax.Backbone, error) {
	nearest := All[0].Name
	var names []string
	for _, e := range All {
		if e.Name == name {
			return build(e, width, stem)
		}
		names = append(names, e.Name)
		if levenshtein.ComputeDistance(name, e.Name) < levenshtein.ComputeDistance(name, nearest) {
			nearest = e.Name
		}
	}
	return nil, fmt.Errorf("unknown backbone %q: did you mean %q? (there are %s)", name, nearest, strings.Join(names, ", "))
}

func build(e Entry, width int, stem Stem) (parallax.Backbone, error) {
	if width < 1 || width > maxWidth {
		return nil, fmt.Errorf("backbone.width is %d: it must be between 1 and %d, and is 64 in the papers", width, maxWidth)
	}
	if stem != ImageNet && stem != Small {
		return nil, fmt.Errorf("backbone.stem is %q: it must be %q or %q", stem, ImageNet, Small)
	}
	return e.New(width, stem), nil
}

// maxWidth keeps a mistyped width from asking for more memory than there is: ResNet-50 has 6 billion parameters at 1024.
const maxWidth = 1024

func resNet(depth int) func(width int, stem Stem) parallax.Backbone {
	return func(width int, stem Stem) parallax.Backbone {
		return ResNet{Depth: depth, Width: width, Stem: stem}
	}
}
