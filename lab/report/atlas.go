// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/method"
)

// An atlas is a table of methods and switches. Each cell has the experiments that change this switch in this method.
type atlas struct {
	Columns []string // switches of the experiments
	Rows    []atlasRow
	Without []string // methods without an experiment
}

type atlasRow struct {
	Method string
	Cells  []atlasCell // one for each column
}

type atlasCell struct {
	Switch   string
	Sections []*section
}

// newAtlas arranges the sections. Methods are in the order of their papers' dates.
func newAtlas(sections []*section) atlas {
	var a atlas
	for _, s := range lab.Switches {
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

// methodsOf lists the sections' methods. Those that are not in method.All come last.
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

// methodTitle returns the method's name in its paper.
func methodTitle(name string) string {
	for _, e := range method.All {
		if e.Name == name {
			return e.Title
		}
	}
	return name
}

// A dispute has the claims on one question that were tested.
type dispute struct {
	Question, Note string
	Sections       []*section
}

// newDisputes lists the disputes that have at least two claims among the sections.
func newDisputes(sections []*section) []dispute {
	var all []dispute
	for _, d := range claims.Disputes {
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
