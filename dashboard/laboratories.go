// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/lab/report"
	"github.com/parallax-ssl/parallax/run/summary"
)

// laboratory is the answer of /api/laboratories/ID.
type laboratory struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Claims   []finding `json:"claims"`
	Runs     int       `json:"runs"` // that have begun, and whose rows there are
	Finished int       `json:"finished"`
	HTML     string    `json:"html"` // the report, as a part of a page
}

// finding is a verdict.
type finding struct {
	ID          string `json:"id"`
	Question    string `json:"question"`
	Verdict     string `json:"verdict"`
	Preliminary bool   `json:"preliminary"`
}

// laboratory answers with the verdicts of a laboratory and its report, as far as its runs have ended.
func (s *Server) laboratory(_ http.ResponseWriter, r *http.Request) (any, error) {
	f := s.catalogue.find(r.Context(), kindLaboratory, r.PathValue("id"))
	if f == nil {
		return nil, failed(http.StatusNotFound, "there is no laboratory %.40q here", r.PathValue("id"))
	}
	if err := f.contained(); err != nil {
		return nil, err
	}
	l, err := lab.Open(f.dir(), claims.All)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "%v", err)
	}
	a := laboratory{ID: f.id, Name: f.name(), Claims: []finding{}}
	for i, v := range l.Findings() {
		a.Claims = append(a.Claims, finding{v.ID, l.Experiments[i].Question, string(v.Verdict), v.Preliminary})
	}
	rows, _, _ := s.catalogue.all()
	for _, row := range rows {
		if row.In != f.id {
			continue
		}
		if a.Runs++; row.State == summary.Finished || row.State == summary.Collapsed {
			a.Finished++
		}
	}
	var b bytes.Buffer
	if err := report.Content(&b, f.dir(), claims.All, s.o.Methods); err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "%v", err)
	}
	a.HTML = b.String()
	return a, nil
}

// laboratoryStyle answers with the style of the reports, for a report in a shadow tree: the tree's host has the part of
// the root, and says in data-dark which colours the page has.
func laboratoryStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = shadowed.WriteString(w, report.Style)
}

var shadowed = strings.NewReplacer(
	"@media screen and (prefers-color-scheme: dark) {\n  :root {", "@media screen {\n  :host([data-dark=true]) {",
	":root", ":host", "\nbody {", "\n.report {")
