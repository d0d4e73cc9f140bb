// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"
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
	Collapse string   // what keeps it from collapsing
	Prevents []Switch // the same by settings: each switch takes it away
	Uses     []Part   // what the loss works with, as far as running it cannot show
	New      func() parallax.Method
}

// A Switch is a change of the hyperparameters that takes away what keeps a method from collapsing. The first one of a
// method is what scripts/guard tries.
type Switch struct {
	Set []string // as in --set, all of them together: "method.negatives=false"
	Why string   // what can then happen
}

// A Part is something that losses of several methods have in common.
type Part string

const (
	Negatives  Part = "negatives"  // images that are pushed apart because they are not the same one
	Clusters   Part = "clusters"   // groups, prototypes or classes that every image is distributed over
	Statistics Part = "statistics" // of the embeddings of a batch: their variance, covariance, whitening or distribution
)

// All lists every method, by the date and arXiv number of its paper. Adding one is a file in this package and a line
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

// Later lists what goes on where a method of All has ended, in a run of its own. It has a name, so that its config can
// be read, and is not a method that can be begun.
var Later = []Entry{
	selfLabelEntry,
}

// Find returns the entry called name; the error names the nearest one.
func Find(name string) (Entry, error) {
	var names []string
	for _, e := range Later {
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
