// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"strings"

	"github.com/parallax-ssl/parallax/compare"
)

// sweep is the answer of /api/sweeps/ID.
type sweep struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Tables   []compare.Table `json:"tables"` // empty before a run has been evaluated
	Verdicts []string        `json:"verdicts"`
	Remarks  []string        `json:"remarks"`
	Runs     []*row          `json:"runs"`
	Problem  string          `json:"problem,omitempty"` // why there are no tables, or which runs are not in them
}

// mostCompared bounds the runs of a sweep that are compared.
const mostCompared = 400

// sweep answers with the comparison of a sweep's runs, as far as they have come. Groups are named by the settings in
// which they differ.
func (s *Server) sweep(_ http.ResponseWriter, r *http.Request) (any, error) {
	f := s.catalogue.find(r.Context(), kindSweep, r.PathValue("id"))
	if f == nil {
		return nil, failed(http.StatusNotFound, "there is no sweep %.40q here", r.PathValue("id"))
	}
	if err := f.contained(); err != nil {
		return nil, err
	}
	a := sweep{ID: f.id, Name: f.name(), Tables: []compare.Table{}, Verdicts: []string{}, Remarks: []string{},
		Runs: []*row{}}
	var runs []*compare.Run
	var problems []string
	rows, _, _ := s.catalogue.all()
	for _, row := range rows {
		if row.In != f.id || len(a.Runs) >= mostCompared {
			continue
		}
		a.Runs = append(a.Runs, row)
		folder := s.catalogue.folder(row.ID)
		if folder == nil {
			continue // it is gone since
		}
		one, err := compare.Read(folder.dir())
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		runs = append(runs, one)
	}
	c, err := compare.Of(runs)
	if err != nil {
		problems = append(problems, err.Error())
	} else {
		a.Tables = c.Tables()
		a.Verdicts, a.Remarks = append(a.Verdicts, c.Verdicts()...), append(a.Remarks, c.Remarks()...)
	}
	a.Problem = strings.ReplaceAll(strings.Join(problems, "; "), "\n", "; ")
	return a, nil
}
