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

// comparedRuns keeps what is compared of the runs that were asked for last, so that only runs that went on are read
// again.
type comparedRuns struct{ *recent[comparedRun] }

type comparedRun struct {
	stamp stamp
	run   *compare.Run
}

// read reads what is compared of a run, unless its files are those that were read before.
func (c *comparedRuns) read(f *folder) (*compare.Run, error) {
	now := stampOf(f)
	now.notes = 0 // nothing of them is compared
	if was, known := c.get(f.id); known && was.stamp == now {
		return was.run, nil
	}
	one, err := compare.Read(f.dir())
	if err != nil {
		return nil, err
	}
	c.put(f.id, comparedRun{now, one})
	return one, nil
}

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
		one, err := s.compared.read(folder)
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
