// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/run/series"
)

// table is the answer of /api/runs.
type table struct {
	Runs    []*row   `json:"runs"`
	Others  []other  `json:"others"`            // clusterings, laboratories and sweeps
	Places  []string `json:"places"`            // the folders that were given
	Pending int      `json:"pending,omitempty"` // runs whose rows are not made yet: they come with the next answers
	Partial string   `json:"partial,omitempty"` // why runs are missing
	Write   bool     `json:"write"`             // this reader may write notes
}

// other is a folder that is no run.
type other struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// runs answers with the table of runs.
func (s *Server) runs(_ http.ResponseWriter, r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), firstTime)
	defer cancel()
	s.catalogue.look(ctx, lookTime)
	t := table{Others: []other{}, Write: s.bears(r)}
	partial := false
	t.Runs, t.Pending, partial = s.catalogue.all()
	for _, kind := range []string{kindLaboratory, kindClustering, kindSweep} {
		for _, f := range s.catalogue.of(kind) {
			t.Others = append(t.Others, other{f.id, f.kind, f.name()})
		}
	}
	for _, p := range s.catalogue.places {
		t.Places = append(t.Places, p.name)
	}
	if partial {
		t.Partial = "there are more folders than were searched: name the ones with the runs"
	}
	return t, nil
}

// firstTime is how long a page waits for rows. The others follow.
const firstTime = 500 * time.Millisecond

// find returns the run that a request names.
func (s *Server) find(r *http.Request) (*folder, error) {
	f := s.catalogue.find(r.Context(), kindRun, r.PathValue("id"))
	if f == nil {
		return nil, failed(http.StatusNotFound, "there is no run %.40q here", r.PathValue("id"))
	}
	return f, nil
}

// story is the answer of /api/runs/ID: what a run is, and how far it has come.
type story struct {
	Row      *row     `json:"row"`
	Dir      string   `json:"dir"`
	Settings []entry  `json:"settings"`
	Again    string   `json:"again"` // the command that repeats it
	Progress progress `json:"progress"`
}

// entry is a value of a config and where it came from.
type entry struct {
	Path   string `json:"path"`
	Value  string `json:"value"`
	Source string `json:"source,omitempty"`
	Other  string `json:"other,omitempty"` // the value in the run that it is compared with, if that is another
}

// progress is what changes while a run goes on.
type progress struct {
	Read  int64       `json:"read"` // bytes of metrics.jsonl
	Size  int64       `json:"size"`
	Tags  []string    `json:"tags"`
	Marks []run.Event `json:"marks"` // start, saved, alarm, rewound, end, ...
	Evals []when      `json:"evals"`

	Class    string        `json:"class,omitempty"` // the guard's
	Words    string        `json:"words,omitempty"`
	Constant *constantLoss `json:"constant,omitempty"`
	Causes   string        `json:"causes,omitempty"`
	Broken   int           `json:"broken,omitempty"` // lines that are no events
}

// when names an evaluation.
type when struct {
	Step  int    `json:"step"`
	Probe string `json:"probe"`
	Of    string `json:"of"`
}

// constantLoss is the loss that a constant embedding would have.
type constantLoss struct {
	Value   run.Number `json:"value,omitzero"`
	Minimum bool       `json:"minimum"`
}

// run answers with what a run is.
func (s *Server) run(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	log := s.logs.of(f)
	state, err := log.Update(portionBytes)
	if err != nil {
		return nil, err
	}
	if !state.Complete() {
		s.background(func(ctx context.Context) { s.advance(ctx, f) })
	}
	t := story{Row: rowOf(f, stampOf(f)), Dir: f.dir(), Settings: []entry{}, Progress: progressOf(log, state)}
	t.Again = "parallax pretrain --config " + quoted(filepath.Join(t.Dir, run.ConfigFile)) + " --out runs/again"
	if text, err := f.text(run.ConfigFile); err == nil {
		if t.Settings, err = entries(text); err != nil {
			t.Row.Error = strings.Trim(t.Row.Error+"; "+err.Error(), "; ")
		}
	}
	return t, nil
}

// quoted returns a path as a shell takes it.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("/._-+=:,@", r)
	}
	if strings.TrimFunc(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// progressOf says how far a run has come.
func progressOf(log *runLog, state series.State) progress {
	p := progress{Read: state.Read, Size: state.Size, Tags: log.Tags(), Marks: log.Marks(), Evals: []when{},
		Broken: state.Broken}
	for _, e := range log.Evaluations() {
		p.Evals = append(p.Evals, when{e.Step, e.Probe, e.Of})
	}
	judged, ok, start := log.judge.Verdict()
	if ok {
		p.Class, p.Words = judged.Class, judged.Message
	}
	if c := start.Constant; c != nil {
		p.Constant = &constantLoss{c.Value, c.Minimum}
	}
	p.Causes = start.Causes
	return p
}

// line is a curve in the form in which pages get it: columns, and null for what is not finite.
type line struct {
	Step  []int        `json:"step"`
	Time  []run.Number `json:"time"`
	Value []run.Number `json:"value"`
}

// The bounds of what is asked of curves.
const (
	mostCurves  = 64
	mostPoints  = 20_000
	allPoints   = 200_000 // of all curves of an answer
	usualPoints = 1500
	mostFile    = 100 // characters of the name of a download
)

// curves answers with the curves of the tags in the query: ?tag=loss&tag=rate&from=0&to=99&points=1000.
func (s *Server) curves(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	tags := q["tag"]
	if len(tags) == 0 || len(tags) > mostCurves {
		return nil, failed(http.StatusBadRequest, "%d tags: give 1 to %d", len(tags), mostCurves)
	}
	from, to, points := 0, math.MaxInt, usualPoints
	for name, v := range map[string]*int{"from": &from, "to": &to, "points": &points} {
		if !q.Has(name) {
			continue
		}
		if *v, err = strconv.Atoi(q.Get(name)); err != nil || *v < 0 {
			return nil, failed(http.StatusBadRequest, "%s is %.40q: give a whole number", name, q.Get(name))
		}
	}
	log := s.logs.of(f)
	if err := log.update(); err != nil {
		return nil, err
	}
	points = min(points, mostPoints, allPoints/len(tags))
	all := map[string]line{}
	for _, tag := range tags {
		points, err := log.Curve(tag, from, to, points)
		if err != nil {
			return nil, err
		}
		c := line{Step: []int{}, Time: []run.Number{}, Value: []run.Number{}}
		for _, p := range points {
			c.Step = append(c.Step, p.Step)
			c.Time, c.Value = append(c.Time, run.Num(p.Time)), append(c.Value, run.Num(p.Value))
		}
		all[tag] = c
	}
	return all, nil
}

// curveCSV answers with every value of one curve as CSV.
func (s *Server) curveCSV(w http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	tag := r.URL.Query().Get("tag")
	log := s.logs.of(f)
	if !slices.Contains(log.Tags(), tag) {
		return nil, failed(http.StatusNotFound, "the run has no curve %.100q", tag)
	}
	name := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' {
			return c
		}
		return '-'
	}, tag[:min(len(tag), mostFile)])
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.csv"`, name))
	out := csv.NewWriter(w)
	_ = out.Write([]string{"step", "seconds", "value"})
	for p, err := range log.All(tag) {
		if err != nil {
			panic(http.ErrAbortHandler) // the head was sent: the reader sees that the rest is missing
		}
		number := func(v float64) string {
			if math.IsNaN(v) {
				return ""
			}
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		if out.Write([]string{strconv.Itoa(p.Step), number(p.Time), number(p.Value)}) != nil {
			return nil, nil
		}
	}
	out.Flush()
	return nil, nil
}

// spectrum is the spectrum of one evaluation.
type spectrum struct {
	Step   int          `json:"step"`
	Values []float64    `json:"values"`           // singular values, largest first
	Points [][2]float64 `json:"points,omitempty"` // some rows on their two directions of largest spread
	Labels []int        `json:"labels,omitempty"`
}

// mostSpectra is how many evaluations a page gets, evenly over the run.
const mostSpectra = 60

// spectra answers with the spectra of the embeddings over the run, of the probe in the query. Those of a run without
// probe.detail are kept beside its features.
func (s *Server) spectra(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	log := s.logs.of(f)
	if err := log.update(); err != nil {
		return nil, err
	}
	probe, of := r.URL.Query().Get("probe"), r.URL.Query().Get("of")
	var all []series.Evaluation
	for _, e := range log.Evaluations() {
		if e.Of == of && e.Probe == probe {
			all = append(all, e)
		}
	}
	answer := []spectrum{}
	for i := range min(len(all), mostSpectra) {
		e, err := log.Event(all[i*(len(all)-1)/max(1, min(len(all), mostSpectra)-1)])
		if err != nil {
			continue // the file was cut since: the next answer has what there is now
		}
		if len(e.Spectrum) > 0 || len(e.Points) > 0 {
			if e.Spectrum == nil {
				e.Spectrum = []float64{}
			}
			answer = append(answer, spectrum{e.Step, e.Spectrum, e.Points, e.Labels})
		}
	}
	if len(answer) == 0 && of == run.OfEmbedding {
		return f.keptSpectra(probe)
	}
	return answer, nil
}

// keptSpectra returns the spectra that a run has kept beside its features, which are of one probe.
func (f *folder) keptSpectra(probe string) ([]spectrum, error) {
	answer := []spectrum{}
	kept, err := f.features()
	if err != nil {
		return nil, err
	}
	steps, err := features.Steps(kept)
	if err != nil {
		return nil, err
	}
	for i := range min(len(steps), mostSpectra) {
		step := steps[i*(len(steps)-1)/max(1, min(len(steps), mostSpectra)-1)]
		values, data, err := features.Spectrum(kept, step)
		if err == nil && data == probe && len(values) > 0 { // else it is being written, or of another probe
			answer = append(answer, spectrum{Step: step, Values: values})
		}
	}
	return answer, nil
}

// config answers with the settings of a run, and what another one (?against=ID) has in their place.
func (s *Server) config(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	text, err := f.text(run.ConfigFile)
	if err != nil {
		return nil, err
	}
	own, err := entries(text)
	if err != nil {
		return nil, err
	}
	id := r.URL.Query().Get("against")
	if id == "" {
		return own, nil
	}
	g := s.catalogue.find(r.Context(), kindRun, id)
	if g == nil {
		return nil, failed(http.StatusNotFound, "there is no run %.40q here", id)
	}
	if text, err = g.text(run.ConfigFile); err != nil {
		return nil, err
	}
	others, err := entries(text)
	if err != nil {
		return nil, err
	}
	return against(own, others), nil
}

// against puts the values of another config beside the own ones, where they are others.
func against(own, others []entry) []entry {
	values := map[string]string{}
	for _, e := range others {
		values[e.Path] = e.Value
	}
	all := slices.Clone(own)
	for i, e := range all {
		if v, has := values[e.Path]; !has {
			all[i].Other = none
		} else if v != e.Value {
			all[i].Other = v
		}
		delete(values, e.Path)
	}
	for _, e := range others {
		if _, only := values[e.Path]; only {
			all = append(all, entry{Path: e.Path, Value: none, Other: e.Value})
		}
	}
	return all
}

// none stands for a value that a config does not have.
const none = "(none)"

// entries returns the values of a config file with their sources.
func entries(text []byte) ([]entry, error) {
	values, err := config.Values(text, run.ConfigFile)
	if err != nil {
		return nil, err
	}
	all := []entry{}
	for _, v := range values {
		all = append(all, entry{Path: v.Path, Value: v.Text, Source: v.Source})
	}
	return all, nil
}

// setNotes replaces the tags and the note of a run.
func (s *Server) setNotes(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	var given struct {
		Tags    []string
		Note    string
		Version *string
	}
	if err := decode(r.Body, &given); err != nil {
		return nil, err
	}
	if _, err := s.edit(f, given.Version, func(n *notes) { n.Tags, n.Note = given.Tags, given.Note }); err != nil {
		return nil, err
	}
	changed := rowOf(f, stampOf(f))
	s.hub.tell("", "rows", found{Rows: []*row{changed}})
	return changed, nil
}
