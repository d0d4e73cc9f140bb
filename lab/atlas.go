// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/method"
)

// An atlas is the table of methods against switches, of which each cell has the experiments that turn this switch of this method.
type atlas struct {
	Columns []string // switches that some experiment turns
	Rows    []atlasRow
	Without []string // methods of which no experiment asks
}

type atlasRow struct {
	Method string
	Cells  []atlasCell // one for each column
}

type atlasCell struct {
	Switch   string
	Sections []*section
}

// newAtlas arranges the sections, methods by the date of their papers.
func newAtlas(sections []*section) atlas {
	var a atlas
	for _, s := range Switches {
		if slices.ContainsFunc(sections, func(x *section) bool { return x.Switch == s }) {
			a.Columns = append(a.Columns, s)
		}
	}
	for _, s := range sections {
		if !slices.Contains(a.Columns, s.Switch) {
			a.Columns = append(a.Columns, s.Switch)
		}
	}
	for _, m := range methodsOf(sections) {
		row := atlasRow{Method: m.title}
		for _, column := range a.Columns {
			cell := atlasCell{Switch: column}
			for _, s := range sections {
				if s.Method == m.name && s.Switch == column {
					cell.Sections = append(cell.Sections, s)
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		a.Rows = append(a.Rows, row)
	}
	for _, e := range method.All {
		if !slices.ContainsFunc(sections, func(s *section) bool { return s.Method == e.Name }) {
			a.Without = append(a.Without, e.Title)
		}
	}
	return a
}

type titled struct{ name, title string }

// methodsOf lists the sections' methods, those that are none of the list last.
func methodsOf(sections []*section) []titled {
	var all []titled
	for _, e := range method.All {
		if slices.ContainsFunc(sections, func(s *section) bool { return s.Method == e.Name }) {
			all = append(all, titled{e.Name, e.Title})
		}
	}
	for _, s := range sections {
		if !slices.ContainsFunc(all, func(t titled) bool { return t.name == s.Method }) {
			all = append(all, titled{s.Method, s.Method})
		}
	}
	return all
}

// methodTitle is what the paper calls the method.
func methodTitle(name string) string {
	for _, e := range method.All {
		if e.Name == name {
			return e.Title
		}
	}
	return name
}

// disputes are questions on which published claims contradict one another, or seem to: each holds under its own conditions.
var disputes = []struct {
	Question, Note string
	Claims         []string
}{
	{"Who needs a momentum target?", "BYOL's paper reports that it fails without one, SimSiam's that it works, and DirectPred's that it depends on the predictor and its weight decay.",
		[]string{"SIM-01", "BYO-01", "BYO-02", "BYO-03", "BYO-04", "BYO-09", "SIM-12", "MOC-01", "MOC-05", "DPR-01", "DPR-02", "DPR-03", "DPR-04", "DPR-11", "DIN-03", "DIN-04"}},
	{"Who needs batch norm?", "Said to be what keeps BYOL apart, then shown not to be when the initial weights are tuned.",
		[]string{"SIM-07", "SIM-08", "SIM-09", "BYG-01", "BYG-02", "BYG-03", "BAR-02", "VIC-06", "VIC-07"}},
	{"Must the two sides differ?", "SimSiam and BYOL stand on it, Barlow Twins is the worse for it; and where statistics keep embeddings apart, not even weights need be shared.",
		[]string{"SIM-01", "SIM-02", "ZHG-01", "BYO-03", "BAR-03", "VIC-12"}},
	{"Is a collapse always complete, and fast?", "Directions can be lost while the spread stays, and slowly.",
		[]string{"SIM-02", "VIC-04", "VIC-08", "BAR-01", "DBN-01", "DBN-02", "DBN-03", "CAP-01", "JNG-01", "JNG-02"}},
	{"Who needs large batches?", "Compared at as many images seen, not at as many steps.",
		[]string{"CLR-02", "BYO-05", "SIM-06", "MOC-06", "BAR-04", "VIC-11", "DIN-07", "SWA-05", "DCL-01"}},
	{"Do wider heads help?", "Those whose loss is of correlations or covariances are said to gain by them, and SimCLR and BYOL not.",
		[]string{"BAR-05", "BAR-07", "VIC-10"}},
	{"Which number tells the quality without labels?", "Each was proposed within its own set of runs.",
		[]string{"RKM-01", "LID-01", "ARQ-01", "CAP-02", "AU-02"}},
}

// A dispute is those claims on one question that were put to the test.
type dispute struct {
	Question, Note string
	Sections       []*section
}

// newDisputes lists the disputes of which the sections have at least two claims.
func newDisputes(sections []*section) []dispute {
	var all []dispute
	for _, d := range disputes {
		var found []*section
		for _, id := range d.Claims {
			for _, s := range sections {
				if strings.EqualFold(s.ID, id) {
					found = append(found, s)
				}
			}
		}
		if len(found) > 1 {
			all = append(all, dispute{d.Question, d.Note, found})
		}
	}
	return all
}
