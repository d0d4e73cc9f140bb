// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// Entry describes one method of the list.
type Entry struct {
	Name     string   // as in --method
	Title    string   // as the paper writes it
	Date     string   // year and month of the first public version, "2020-02"
	Paper    string   // authors, title, venue, arXiv number
	Equation string   // the loss, in one line
	Collapse string   // what keeps it from collapsing: completes "Collapse is prevented by"
	Prevents []Switch // the settings that take this away
	Uses     []Part   // what the loss works with, if running a step cannot show it
	New      func() parallax.Method
}

// A Switch is a change of the settings that takes away what keeps a method from collapsing. scripts/guard tries the
// first one of every method.
type Switch struct {
	Set []string // as in --set, all together: "method.negatives=false"
	Why string   // what can happen then
}

// A Part is something that the losses of several methods have in common.
type Part string

const (
	Negatives  Part = "negatives"  // images that are pushed apart because they are different images
	Clusters   Part = "clusters"   // groups, prototypes or classes over which every image is distributed
	Statistics Part = "statistics" // of a batch's embeddings: their variance, covariance, whitening or distribution
)

// All lists every method, by the date and arXiv number of its paper. A new method is a file in this package and a line
// here.
var All = []Entry{
	moCoV1Entry,
	simCLREntry,
	moCoV2Entry,
	supConEntry,
	scanEntry,
	byolEntry,
	swavEntry,
	deepClusterV2Entry,
	wmseEntry,
	simSiamEntry,
	moCoV2PlusEntry,
	barlowTwinsEntry,
	moCoV3Entry,
	pawsEntry,
	dinoEntry,
	nnCLREntry,
	nnBYOLEntry,
	nnSiamEntry,
	vicRegEntry,
	reSSLEntry,
	vibcRegEntry,
	dclEntry,
	dclwEntry,
	directCLREntry,
	ticoEntry,
	leJEPAEntry,
}

// Later lists the stages that follow a method of All, each in a run of its own. A stage has a name, so that its config
// can be read, but no run can begin with it.
var Later = []Entry{
	selfLabelEntry,
}

// Find returns the entry called name, which may be one of a program's own; the error names the nearest one.
func Find(name string, own ...Entry) (Entry, error) {
	var names []string
	for _, e := range slices.Concat(own, Later) {
		if e.Name == name {
			return e, nil
		}
	}
	for _, e := range All {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Entry{}, fmt.Errorf("unknown method %q: did you mean %q? (the methods are %s)",
		name, spelling.Nearest(name, names), strings.Join(names, ", "))
}
