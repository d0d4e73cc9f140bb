// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/replay"
)

// clustering is the answer of /api/clusterings/ID.
type clustering struct {
	ID      string         `json:"id"`
	Name    string         `json:"name"`
	Report  *report.Report `json:"report,omitempty"` // nil: the clustering goes on
	Groups  []group        `json:"groups"`
	Classes []string       `json:"classes"` // of the labels; empty without
	Stages  []other        `json:"stages"`  // the runs
	Note    notes          `json:"notes"`
	Problem string         `json:"problem,omitempty"` // why there are no pictures, or no notes
}

// group is one cluster.
type group struct {
	Cluster    int     `json:"cluster"`
	Images     int     `json:"images"`
	Confidence float64 `json:"confidence"`       // mean probability of the cluster
	Labels     []int   `json:"labels,omitempty"` // images of each class
}

// member is an image of a cluster.
type member struct {
	Index      int     `json:"index"` // in the data; -1: it is not there
	Name       string  `json:"name"`
	Confidence float64 `json:"confidence"`
	Label      int     `json:"label"`

	cluster int
}

// findClustering returns the clustering that a request names.
func (s *Server) findClustering(r *http.Request) (*folder, error) {
	f := s.catalogue.find(r.Context(), kindClustering, r.PathValue("id"))
	if f == nil {
		return nil, failed(http.StatusNotFound, "there is no clustering %.40q here", r.PathValue("id"))
	}
	return f, nil
}

// stage returns the folder of a stage of a clustering.
func (f *folder) stage(name string) *folder {
	g := *f
	g.kind, g.in, g.at = kindRun, f.id, path.Join(f.at, name)
	g.id = idOf(g.dir())
	return &g
}

// The bounds of what is read of clusters.csv, and of the counts that are made of it.
const (
	mostMembers = 5_000_000 // lines
	mostGroups  = 10_000
	mostCounts  = 1 << 22 // clusters times classes
)

// members reads clusters.csv. The data may be nil.
func members(f *folder, t *replay.Data) ([]member, error) {
	file, err := f.open(report.ClustersFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	at := map[string]int{}
	if t != nil {
		for i := range t.Source.Len() {
			at[t.Source.Name(i)] = i
		}
	}
	r := csv.NewReader(file)
	r.ReuseRecord, r.FieldsPerRecord = true, 3
	var all []member
	for line := 1; ; line++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, failed(http.StatusUnprocessableEntity, "reading %s: %v", report.ClustersFile, err)
		}
		if line == 1 {
			continue
		}
		k, err := strconv.Atoi(record[1])
		c, err2 := strconv.ParseFloat(record[2], 64)
		if err != nil || err2 != nil || k < 0 || !(c >= 0 && c <= 1) {
			return nil, failed(http.StatusUnprocessableEntity, "reading %s, line %d: it is not an image with its "+
				"cluster",
				report.ClustersFile, line)
		}
		if k >= mostGroups || line > mostMembers {
			return nil, failed(http.StatusUnprocessableEntity, "reading %s, line %d: there are more than %d clusters "+
				"or %d "+
				"images", report.ClustersFile, line, mostGroups, mostMembers)
		}
		m := member{Index: -1, Name: record[0], Confidence: c, Label: -1, cluster: k}
		if i, known := at[m.Name]; known {
			m.Index, m.Label = i, t.Source.Label(i)
		}
		m.Name = printable.Name(m.Name)
		all = append(all, m)
	}
}

// album returns the data of a clustering, as one of its stages has them.
func (s *Server) album(f *folder) (*replay.Data, error) {
	var errs []error
	for _, stage := range []string{report.Clustering, report.Pretext, report.SelfLabel} {
		t, err := s.albums.of(f.stage(stage))
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return nil, cmp.Or(errors.Join(errs...), errors.New("no stage of the clustering has a config"))
}

// clustering answers with the clusters of a clustering.
func (s *Server) clustering(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.findClustering(r)
	if err != nil {
		return nil, err
	}
	c := clustering{ID: f.id, Name: f.name(), Groups: []group{}, Classes: []string{}, Stages: []other{}}
	for _, name := range []string{report.Pretext, report.Clustering, report.SelfLabel} {
		if g := f.stage(name); exists(g, run.ConfigFile) {
			c.Stages = append(c.Stages, other{g.id, name, g.name()})
		}
	}
	if c.Note, err = readNotes(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.Problem = err.Error()
	}
	if text, err := f.text(report.File); err == nil {
		c.Report = &report.Report{}
		if err := json.Unmarshal(text, c.Report); err != nil {
			return nil, failed(http.StatusUnprocessableEntity, "reading %s: %v", report.File, err)
		}
	}
	t, err := s.album(f)
	if err != nil {
		c.Problem = strings.TrimPrefix(c.Problem+"; "+err.Error(), "; ")
	} else {
		c.Classes = t.Source.Classes
	}
	all, err := members(f, t)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil // it goes on
	}
	if err != nil {
		return nil, err
	}
	c.Groups = groups(all, len(c.Classes))
	return c, nil
}

// exists reports whether a folder has a file.
func exists(f *folder, name string) bool { _, err := f.stat(name); return err == nil }

// groups counts the images of each cluster.
func groups(all []member, classes int) []group {
	most := -1
	for _, m := range all {
		most = max(most, m.cluster)
	}
	if classes*(most+1) > mostCounts {
		classes = 0
	}
	g := make([]group, most+1)
	for i := range g {
		g[i].Cluster = i
		if classes > 0 {
			g[i].Labels = make([]int, classes)
		}
	}
	for _, m := range all {
		one := &g[m.cluster]
		one.Images++
		one.Confidence += m.Confidence
		if m.Label >= 0 && m.Label < classes {
			one.Labels[m.Label]++
		}
	}
	for i := range g {
		if g[i].Images > 0 {
			g[i].Confidence /= float64(g[i].Images)
		}
	}
	return g
}

// gallery is a part of a cluster.
type gallery struct {
	Of     int      `json:"of"`
	Run    string   `json:"run"` // the id of the run through which the pictures are had
	Images []member `json:"images"`
}

// cluster answers with images of one cluster, the surest first, or last with ?order=unsure.
func (s *Server) cluster(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.findClustering(r)
	if err != nil {
		return nil, err
	}
	k, err := strconv.Atoi(r.PathValue("cluster"))
	if err != nil || k < 0 {
		return nil, failed(http.StatusBadRequest, "the cluster is %.40q: give its number", r.PathValue("cluster"))
	}
	from, err := whole(r, "from", 0, 0, 1<<40)
	if err != nil {
		return nil, err
	}
	count, err := whole(r, "count", 60, 1, mostListed)
	if err != nil {
		return nil, err
	}
	t, _ := s.album(f) // without it there are names
	all, err := members(f, t)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m member) bool { return m.cluster != k })
	slices.SortStableFunc(all, func(a, b member) int {
		if r.URL.Query().Get("order") == "unsure" {
			a, b = b, a
		}
		return cmp.Compare(b.Confidence, a.Confidence)
	})
	g := gallery{Of: len(all), Images: all[min(from, len(all)):min(from+count, len(all))]}
	for _, stage := range []string{report.Clustering, report.Pretext, report.SelfLabel} {
		if one := f.stage(stage); exists(one, run.ConfigFile) {
			g.Run = one.id
			break
		}
	}
	return g, nil
}

// setNames replaces the names of clusters.
func (s *Server) setNames(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.findClustering(r)
	if err != nil {
		return nil, err
	}
	var given struct {
		Names   map[int]string
		Version *string
	}
	if err := decode(r.Body, &given); err != nil {
		return nil, err
	}
	return s.edit(f, given.Version, func(n *notes) { n.Names = given.Names })
}

// harmless returns a cell that no spreadsheet takes for a formula, with before put in front of it where it would.
func harmless(cell, before string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return before + cell
	}
	return cell
}

// namedCSV answers with clusters.csv and the names of the clusters. A path that a spreadsheet would take for a formula
// begins with "./", which is the same path, and such a name with an apostrophe.
func (s *Server) namedCSV(w http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.findClustering(r)
	if err != nil {
		return nil, err
	}
	n, err := readNotes(f)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := f.open(report.ClustersFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="clusters.csv"`)
	in, out := csv.NewReader(file), csv.NewWriter(w)
	in.FieldsPerRecord = 3
	for line := 0; ; line++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler) // the head was sent: the reader sees that the rest is missing
		}
		name := "name"
		if line > 0 {
			if k, err := strconv.Atoi(record[1]); err == nil {
				name = n.Names[k]
			} else {
				name = ""
			}
		}
		record = []string{harmless(record[0], "./"), harmless(record[1], "'"), harmless(record[2], "'"),
			harmless(name, "'")}
		if out.Write(record) != nil {
			break
		}
	}
	out.Flush()
	return nil, nil
}
