// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/replay"
	"github.com/parallax-ssl/parallax/run/summary"
)

// The table shows what the files say.
func TestTable(t *testing.T) {
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	whole := storyOf(400)
	writeRun(t, at("finished"), settings, whole...)
	collapsed := slices.Clone(whole)
	collapsed[len(collapsed)-1].Reason = run.Collapsed
	writeRun(t, at("deep/collapsed"), settings, append(collapsed[:len(collapsed)-1:len(collapsed)-1], run.Event{
		Event: run.Alarm, Step: 400, Name: run.Collapse, Class: "COMPLETE_COLLAPSE"}, collapsed[len(collapsed)-1])...)
	writeRun(t, at("failed"), settings, append(whole[:20:20], run.Event{Event: run.End, Step: 19,
		Reason: run.Failed})...)
	writeRun(t, at("resumed"), settings, append(whole[:20:20], run.Event{Event: run.End, Step: 19,
		Reason: run.Interrupted},
		run.Event{Event: run.Resumed, Step: 19, Steps: 900})...)
	writeRun(t, at("new"), settings)
	write(t, at("no events/config.yaml"), settings)
	writeRun(t, at("running"), settings, whole[:300]...)
	unlock, err := run.Lock("run directory", at("running"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	writeClustering(t, at("clusters"), "a", "b")
	writeLaboratory(t, at("lab"))
	w := local(t, top)
	all := get[table](t, w, "/api/runs")
	rows := map[string]*row{}
	for _, r := range all.Runs {
		rows[strings.TrimPrefix(r.Name, top+"/")] = r
	}
	for name, want := range map[string]string{"finished": summary.Finished, "deep/collapsed": summary.Collapsed,
		"failed":  summary.Stopped,
		"resumed": summary.Stale, "new": summary.Stale, "no events": summary.New, "running": summary.Running} {
		r := rows[name]
		if r == nil {
			t.Errorf("%s is not in the table", name)
			continue
		}
		if r.State != want || r.Error != "" || r.Method != "simsiam" || r.Data != "synthetic" || r.Batch != "256" ||
			r.Seed != "1" ||
			r.Network != "resnet18, width 8" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	r := rows["finished"]
	if r.Step != 400 || r.Steps != 400 || r.Epoch != 0 && r.Epoch != 4 || r.Loss.Value != lossAt(400) ||
		r.Std.Value != 0.8 ||
		math.Abs(r.Rank.Value-5.6) > 1e-9 || r.Speed != 2560 || r.Left != 0 {
		t.Errorf("finished: %+v", r)
	}
	if r := rows["running"]; math.Abs(r.Left-float64(400-r.Step)/10) > 1e-6 {
		t.Errorf("running: step %d, %g seconds are left", r.Step, r.Left)
	}
	if r := rows["deep/collapsed"]; r.Class != "COMPLETE_COLLAPSE" {
		t.Errorf("collapsed: %+v", r)
	}
	if r := rows["resumed"]; r.Steps != 900 {
		t.Errorf("resumed: %+v", r)
	}
	kinds := map[string]int{}
	for _, o := range all.Others {
		kinds[o.Kind]++
	}
	if kinds[kindClustering] != 1 || kinds[kindLaboratory] != 1 || len(kinds) != 2 {
		t.Errorf("others: %v", all.Others)
	}
	if lab := rows["lab/"+labRun(t, at("lab"))]; lab == nil || lab.In != idAt(t, at("lab")) {
		t.Errorf("a laboratory's run: %+v", lab)
	}
}

// labRun returns the path of a run in a laboratory.
func labRun(t *testing.T, dir string) (found string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if d.Name() == run.MetricsFile {
			found, err = filepath.Rel(dir, filepath.Dir(path))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// A long run whose last evaluation is far from its end has it in the table.
func TestFarEvaluation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	events := append(stepsOf(1, 10), evaluation(10, 0.25))
	writeRun(t, dir, settings, append(events, stepsOf(11, 6000)...)...)
	w := local(t, dir)
	if r := get[table](t, w, "/api/runs").Runs[0]; r.Std.Value != 0.25 || r.Step != 6000 {
		t.Errorf("%+v", r)
	}
}

// Curves keep their ends and peaks at every length, are exact where they are looked at closely, and are null where the
// run had no finite number. The CSV has every value.
func TestCurves(t *testing.T) {
	const steps = 12_000
	dir := filepath.Join(t.TempDir(), "run")
	events := stepsOf(1, steps)
	events[99].Metrics[run.Loss] = run.Num(math.NaN())
	writeRun(t, dir, settings, events...)
	w := local(t, dir)
	p := "/api/runs/" + idAt(t, dir)
	read := get[story](t, w, p).Progress
	for read.Read < read.Size {
		read = get[story](t, w, p).Progress
	}
	for _, points := range []int{8, 300, 5000} {
		c := get[map[string]line](t, w, fmt.Sprint(p, "/curves?tag=loss&tag=terms/cosine&tag=none&points=", points))
		loss := c["loss"]
		if n := len(loss.Step); n != len(loss.Value) || n != len(loss.Time) || n > points+16 || loss.Step[0] != 1 ||
			loss.Step[n-1] != steps ||
			!slices.IsSorted(loss.Step) {
			t.Errorf("%d points were asked for: %d steps from %d to %d", points, n, loss.Step[0], loss.Step[n-1])
		}
		peak := 0.
		for _, v := range loss.Value {
			if v.Finite() {
				peak = max(peak, v.Value)
			}
		}
		if peak != 99.5 {
			t.Errorf("of %d points the greatest is %g", points, peak)
		}
		if least := c["terms/cosine"].Value; !slices.ContainsFunc(least,
			func(v run.Number) bool { return v.Value == -99.5 }) {
			t.Errorf("of %d points the least is lost", points)
		}
		if none := c["none"]; none.Step == nil || len(none.Step) > 0 {
			t.Errorf("a curve that is not there: %+v", none)
		}
	}
	c := get[map[string]line](t, w, p+"/curves?tag=loss&from=20&to=120&points=400")["loss"]
	if len(c.Step) != 101 || c.Step[0] != 20 || c.Step[100] != 120 {
		t.Fatalf("steps 20 to 120 are %d points from %d to %d", len(c.Step), c.Step[0], c.Step[len(c.Step)-1])
	}
	for i, step := range c.Step {
		want := run.Num(lossAt(step))
		if got := c.Value[i]; step == 100 && got.Finite() || step != 100 && got != want {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
		if math.Abs(c.Time[i].Value-float64(step)/10) > 1e-6 {
			t.Errorf("step %d: after %v seconds", step, c.Time[i])
		}
	}
	records, err := csv.NewReader(strings.NewReader(string(w.ask(t, "GET", p+"/curve.csv?tag=loss",
		"").text))).ReadAll()
	if err != nil || len(records) != steps+1 {
		t.Fatalf("the CSV has %d lines: %v", len(records), err)
	}
	for i, record := range records[1:] {
		v, err := strconv.ParseFloat(record[2], 64)
		if i == 99 {
			if record[2] != "" {
				t.Errorf("line %q", record)
			}
		} else if err != nil || v != lossAt(i+1) || record[0] != strconv.Itoa(i+1) {
			t.Fatalf("line %q, want %g", record, lossAt(i+1))
		}
	}
	for _, bad := range []string{"", "?tag=loss&from=x", "?tag=loss&points=-1", "?tag=loss&to=1.5",
		"?tag=loss&from=99999999999999999999",
		"?" + strings.Repeat("tag=a&", mostCurves+1)} {
		refused(t, bad, w.ask(t, "GET", p+"/curves"+bad, ""), http.StatusBadRequest)
	}
	refused(t, "no curve", w.ask(t, "GET", p+"/curve.csv?tag=none", ""), http.StatusNotFound)
	refused(t, "no run", w.ask(t, "GET", "/api/runs/000000000000/curves?tag=loss", ""), http.StatusNotFound)
}

// The spectra of an evaluation are those of its event.
func TestSpectra(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var events []run.Event
	for step := range 200 {
		events = append(events, evaluation(step, float64(step)/200))
	}
	writeRun(t, dir, settings, events...)
	w := local(t, dir)
	p := "/api/runs/" + idAt(t, dir)
	all := get[[]spectrum](t, w, p+"/spectra?probe=synthetic&of=embedding")
	if len(all) != mostSpectra || all[0].Step != 0 || all[len(all)-1].Step != 199 {
		t.Fatalf("%d spectra", len(all))
	}
	for _, s := range all {
		if !slices.Equal(s.Values, []float64{3, 2, float64(s.Step) / 200}) || len(s.Points) != 2 ||
			!slices.Equal(s.Labels, []int{0, 1}) {
			t.Errorf("%+v", s)
		}
	}
	if none := get[[]spectrum](t, w, p+"/spectra?probe=other&of=embedding"); len(none) > 0 {
		t.Errorf("%d spectra of another probe", len(none))
	}
	s := get[story](t, w, p)
	if len(s.Progress.Evals) != 200 || s.Progress.Evals[7] != (when{7, "synthetic", "embedding"}) {
		t.Errorf("%d evaluations", len(s.Progress.Evals))
	}
}

// The config is shown with its sources, and beside that of another run.
func TestConfig(t *testing.T) {
	top := t.TempDir()
	writeRun(t, filepath.Join(top, "a b's"), settings)
	other := strings.Replace(strings.Replace(settings, "batch: 256 ", "batch: 128 ", 1), "  momentum: 0.9 ",
		"  momentums: 0.9 ", 1)
	writeRun(t, filepath.Join(top, "b"), other)
	w := local(t, top)
	a, b := idAt(t, filepath.Join(top, "a b's")), idAt(t, filepath.Join(top, "b"))
	changed := map[string]entry{}
	all := get[[]entry](t, w, "/api/runs/"+a+"/config?against="+b)
	for _, e := range all {
		if e.Other != "" {
			changed[e.Path] = e
		}
	}
	want := map[string]entry{"train.batch": {"train.batch", "256", "preset tiny-cpu", "128"},
		"optim.momentum":  {"optim.momentum", "0.9", "preset tiny-cpu", none},
		"optim.momentums": {"optim.momentums", none, "", "0.9"}}
	for path, e := range want {
		if changed[path] != e {
			t.Errorf("%s is %+v, want %+v", path, changed[path], e)
		}
	}
	if len(changed) != len(want) || len(all) < 100 {
		t.Errorf("%d of %d values differ: %v", len(changed), len(all), changed)
	}
	if same := get[[]entry](t, w, "/api/runs/"+a+"/config"); len(same) != len(all)-1 || same[0].Other != "" {
		t.Errorf("%d values without another run", len(same))
	}
	if again := get[story](t, w, "/api/runs/"+a).Again; !strings.Contains(again, `'\''`) ||
		!strings.HasSuffix(again, " --out runs/again") {
		t.Errorf("again: %s", again)
	}
	refused(t, "another run that is not there", w.ask(t, "GET", "/api/runs/"+a+"/config?against=000000000000", ""),
		http.StatusNotFound)
}

// Notes come back as they were sent, a change of which the reader had not heard is not overwritten, and changes at a
// time leave a whole file.
func TestNotes(t *testing.T) {
	w, dir, p := aRun(t)
	a := w.put(t, p+"/notes", `{"tags":["z","a","a"],"note":"two\nlines","version":""}`)
	r := decoded[row](t, a)
	if a.status != http.StatusOK || !slices.Equal(r.Tags, []string{"a", "z"}) || r.Note != "two\nlines" ||
		r.Version == "" {
		t.Fatalf("%s", a.text)
	}
	if again := get[table](t, w, "/api/runs"); len(again.Runs) != 1 {
		t.Errorf("%+v", again)
	}
	refused(t, "an old version", w.put(t, p+"/notes", `{"tags":[],"note":"lost","version":""}`), http.StatusConflict)
	if got := get[story](t, w, p).Row; got.Note != r.Note || got.Version != r.Version {
		t.Errorf("%+v", got)
	}
	a = w.put(t, p+"/notes", `{"tags":[],"note":"next","version":"`+r.Version+`"}`)
	if next := decoded[row](t, a); a.status != http.StatusOK || next.Version == r.Version || next.Note != "next" {
		t.Errorf("%s", a.text)
	}
	write(t, filepath.Join(dir, notesFile), `{"note":"by hand","names":{"3":"kept"}}`)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			if a := w.put(t, p+"/notes", fmt.Sprintf(`{"tags":[],"note":"%s"}`,
				strings.Repeat(fmt.Sprint(i%10), 1000))); a.status != http.StatusOK {
				t.Errorf("%s", a.text)
			}
		})
	}
	wait.Wait()
	text, err := os.ReadFile(filepath.Join(dir, notesFile))
	var n notes
	if err != nil || json.Unmarshal(text, &n) != nil || len(n.Note) != 1000 || strings.Trim(n.Note, n.Note[:1]) != "" ||
		n.Names[3] != "kept" {
		t.Errorf("%.200s, %v", text, err)
	}
	write(t, filepath.Join(dir, notesFile), "damaged")
	refused(t, "damaged notes", w.put(t, p+"/notes", `{"tags":[],"note":"x"}`), http.StatusUnprocessableEntity)
	if text, err := os.ReadFile(filepath.Join(dir, notesFile)); err != nil || string(text) != "damaged" {
		t.Errorf("damaged notes were overwritten: %s, %v", text, err)
	}
}

func TestClustering(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clusters")
	w := local(t, filepath.Dir(dir))
	writeClustering(t, dir)
	trained, err := replay.Open([]byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	text := "path,cluster,confidence\n"
	labels := [3][10]int{}
	for i := range 300 {
		labels[i%3][trained.Source.Label(i)]++
		text += fmt.Sprintf("%s,%d,%g\n", trained.Source.Name(i), i%3, float64(i)/300)
	}
	write(t, filepath.Join(dir, "clusters.csv"), text)
	p := "/api/clusterings/" + idAt(t, dir)
	c := get[clustering](t, w, p)
	if len(c.Groups) != 3 || len(c.Classes) != 10 || c.Report == nil || len(c.Stages) != 1 {
		t.Fatalf("%+v", c)
	}
	for k, g := range c.Groups {
		if g.Images != 100 || !slices.Equal(g.Labels, labels[k][:]) ||
			math.Abs(g.Confidence-(148.5+float64(k)-1.0+1)/300) > 0.01 {
			t.Errorf("%+v, want labels %v", g, labels[k])
		}
	}
	for _, order := range []string{"sure", "unsure"} {
		g := get[gallery](t, w, p+"/clusters/1?count=7&from=2&order="+order)
		first := map[string]int{"sure": 292, "unsure": 7}[order]
		if g.Of != 100 || len(g.Images) != 7 || g.Images[0].Index != first ||
			g.Run != idAt(t, filepath.Join(dir, "pretext")) ||
			g.Images[0].Label != trained.Source.Label(first) {
			t.Errorf("%s: %+v", order, g)
		}
	}
	if g := get[gallery](t, w, p+"/clusters/9"); g.Of != 0 || g.Images == nil {
		t.Errorf("a cluster that is not there: %+v", g)
	}
	kept := decoded[notes](t, w.put(t, p+"/names", `{"names":{"1":"cats"},"version":""}`))
	if kept.Names[1] != "cats" || kept.Version == "" {
		t.Errorf("%+v", kept)
	}
	refused(t, "an old version", w.put(t, p+"/names", `{"names":{},"version":""}`), http.StatusConflict)
	for _, bad := range []string{`{"names":{"-1":"x"}}`, `{"names":{"x":"x"}}`,
		`{"names":{"1":"` + strings.Repeat("x", mostName+1) + `"}}`} {
		refused(t, bad, w.put(t, p+"/names", bad), http.StatusBadRequest)
	}
	if c := get[clustering](t, w, p); c.Note.Names[1] != "cats" || c.Note.Version != kept.Version {
		t.Errorf("%+v", c.Note)
	}
	if text := string(w.ask(t, "GET", p+"/clusters.csv", "").text); strings.Count(text, ",cats\n") != 100 {
		t.Errorf("%.200s", text)
	}
}

func TestLaboratory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	writeLaboratory(t, dir)
	w := local(t, filepath.Dir(dir))
	p := "/api/laboratories/" + idAt(t, dir)
	get[table](t, w, "/api/runs")
	l := get[laboratory](t, w, p)
	if len(l.Claims) != 1 || l.Claims[0].ID != "SIM-01" || l.Claims[0].Verdict == "" || l.Runs < 2 ||
		l.Finished != l.Runs ||
		!strings.Contains(l.HTML, "SIM-01") {
		t.Errorf("%+v", l)
	}
	for _, bad := range []string{"<script", " onload=", "javascript:", "<iframe", "http-equiv"} {
		if strings.Contains(l.HTML, bad) {
			t.Errorf("the report has %q", bad)
		}
	}
	for _, damaged := range []string{"", "{", `{"experiments":["none"],"seeds":1,"steps":1}`,
		`{"experiments":["SIM-01"],"seeds":1000000000,"steps":1}`, "[]"} {
		write(t, filepath.Join(dir, "lab.json"), damaged)
		refused(t, "the plan "+damaged, w.ask(t, "GET", p, ""), http.StatusUnprocessableEntity)
	}
}

func TestQuarantine(t *testing.T) {
	w, dir, p := aRun(t)
	if all := get[[]bad](t, w, p+"/quarantine"); all == nil || len(all) > 0 {
		t.Errorf("%v", all)
	}
	write(t, filepath.Join(dir, run.QuarantineFile),
		`{"index":3,"name":"a.png","reason":"cut"}`+"\nbroken\n"+`{"index":5,"name":"b"`)
	if all := get[[]bad](t, w, p+"/quarantine"); len(all) != 1 || all[0].Index != 3 || all[0].Name != "a.png" {
		t.Errorf("%+v", all)
	}
	for _, index := range []string{"-1", "5000", "x", "99999999999999999999"} {
		refused(t, index, w.ask(t, "GET", p+"/quarantine/"+index, ""), http.StatusNotFound)
	}
}

// A sweep's runs are compared as far as they have come, and a damaged one is named.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sweep")
	write(t, filepath.Join(dir, "sweep.json"), "{}")
	for _, method := range []string{"simsiam", "byol"} {
		for seed := range 2 {
			config := strings.Replace(settings, "name: simsiam", "name: "+method, 1)
			config = strings.Replace(config, "seed: 1", fmt.Sprintf("seed: %d", seed+1), 1)
			scored := run.Event{Event: run.Eval, Step: 100, Probe: "synthetic", Of: run.OfBackbone,
				Metrics: map[string]run.Number{run.KNN: run.Num(0.5 + 0.01*float64(seed))}}
			events := storyOf(100)
			events = slices.Insert(events, len(events)-1, scored)
			writeRun(t, filepath.Join(dir, fmt.Sprintf("%s-%d", method, seed+1)), config, events...)
		}
	}
	w := local(t, filepath.Dir(dir))
	get[table](t, w, "/api/runs")
	p := "/api/sweeps/" + idAt(t, dir)
	s := get[sweep](t, w, p)
	if len(s.Runs) != 4 || s.Problem != "" || len(s.Tables) == 0 || len(s.Tables[0].Rows) != 2 ||
		s.Tables[0].Rows[0].Runs != 2 || len(s.Verdicts) == 0 {
		t.Errorf("%+v", s)
	}
	// A run is read again when its events have changed, and only then.
	metrics := filepath.Join(dir, "byol-1", run.MetricsFile)
	info, err := os.Stat(metrics)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(metrics)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), `"knn":0.5`, `"knn":0.9`)
	write(t, metrics, changed)
	if err := os.Chtimes(metrics, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := get[sweep](t, w, p); !reflect.DeepEqual(got.Tables, s.Tables) {
		t.Errorf("a file with the old time was read again: %+v", got.Tables)
	}
	later := info.ModTime().Add(time.Second)
	if err := os.Chtimes(metrics, later, later); err != nil {
		t.Fatal(err)
	}
	if got := get[sweep](t, w, p); reflect.DeepEqual(got.Tables, s.Tables) {
		t.Errorf("a changed file was not read again: %+v", got.Tables)
	}
	write(t, filepath.Join(dir, "byol-1", run.ConfigFile), "{")
	if s := get[sweep](t, w, p); !strings.Contains(s.Problem, "byol-1") || len(s.Tables) == 0 {
		t.Errorf("with a damaged run: %+v", s)
	}
	refused(t, "a run in its place", w.ask(t, "GET", "/api/sweeps/"+idAt(t, filepath.Join(dir, "byol-2")), ""), 404)
}
