// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"

	"parallax"
)

// Entry describes one method of the list.
type Entry struct {
	Name     string // as in --method
	Title    string // as the paper writes it
	Paper    string // authors, title, venue, arXiv number
	Equation string // the loss, in one line
	Collapse string // what keeps it from collapsing
	New      func() parallax.Method
}

// All lists every method. Adding one is a file in this package and a line here.
var All = []Entry{
	moCoV1Entry,
	simCLREntry,
	moCoV2Entry,
	supConEntry,
	byolEntry,
	swavEntry,
	deepClusterV2Entry,
	wmseEntry,
	simSiamEntry,
	moCoV2PlusEntry,
	pawsEntry,
	barlowTwinsEntry,
	moCoV3Entry,
	dinoEntry,
	nnCLREntry,
	nnBYOLEntry,
	nnSiamEntry,
	vicRegEntry,
	reSSLEntry,
	vibcRegEntry,
	dclEntry,
	dclwEntry,
	ticoEntry,
	leJEPAEntry,
}

// Find returns the entry called name; the error names the nearest one.
func Find(name string) (Entry, error) {
	nearest := All[0].Name
	var names []string
	for _, e := range All {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
		if levenshtein.ComputeDistance(name, e.Name) < levenshtein.ComputeDistance(name, nearest) {
			nearest = e.Name
		}
	}
	return Entry{}, fmt.Errorf("unknown method %q: did you mean %q? (there are %s)", name, nearest, strings.Join(names, ", "))
}
