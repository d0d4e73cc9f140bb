// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
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
func newAtlas(methods Methods, sections []*section) atlas {
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
	for _, m := range methods.of(sections) {
		row := atlasRow{Method: m.Title}
		for _, column := range a.Columns {
			cell := atlasCell{Switch: column}
			for _, s := range sections {
				if s.Method == m.Name && s.Switch == column {
					cell.Sections = append(cell.Sections, s)
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		a.Rows = append(a.Rows, row)
	}
	for _, e := range methods {
		if !slices.ContainsFunc(sections, func(s *section) bool { return s.Method == e.Name }) {
			a.Without = append(a.Without, e.Title)
		}
	}
	return a
}

// A Method is an objective: its name, as in --method, and its title, as in its paper.
type Method struct{ Name, Title string }

// Methods are the objectives that there are, by the dates of their papers.
type Methods []Method

// of lists the sections' methods. Those that are not known come last.
func (m Methods) of(sections []*section) []Method {
	var all []Method
	for _, e := range m {
		if slices.ContainsFunc(sections, func(s *section) bool { return s.Method == e.Name }) {
			all = append(all, e)
		}
	}
	for _, s := range sections {
		if !slices.ContainsFunc(all, func(t Method) bool { return t.Name == s.Method }) {
			all = append(all, Method{s.Method, s.Method})
		}
	}
	return all
}

// title returns the title of a method, or else its name.
func (m Methods) title(name string) string {
	for _, e := range m {
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
