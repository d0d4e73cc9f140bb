// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
)

// A Score is a number of an evaluation by which runs are compared. More is better.
type Score string

// The scores. RankMe needs no labels (Garrido et al. 2023, arXiv:2210.02885). It compares settings of one method and
// one width of features better than others.
const (
	KNN    Score = "kNN"
	Linear Score = "linear"
	RankMe Score = "RankMe"
)

// Scores are all of them, in the order of the tables.
var Scores = []Score{KNN, Linear, RankMe}

// metrics are the names of the scores in an evaluation of the backbone.
var metrics = map[Score]string{KNN: run.KNN, Linear: run.Linear, RankMe: run.RankMe}

// A Run is what is compared of one run.
type Run struct {
	Name   string // by which tables and pages call it
	Dir    string
	Seed   string
	Class  string // the guard's last word, "" for none
	Ended  bool   // it reached its end
	Broken bool   // it stopped for good before its end: it collapsed, or its loss became NaN or infinite
	Curves map[Score][]series.Point
	Loss   []series.Point // thinned

	settings []config.Value
}

// Read reads the run in dir, which may still go on.
func Read(dir string) (*Run, error) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Name: filepath.Base(dir), Dir: dir, Curves: map[Score][]series.Point{}}
	if r.settings, err = config.Values(text, filepath.Join(dir, run.ConfigFile)); err != nil {
		return nil, err
	}
	r.Seed = r.value("seed")
	log := series.New(func() (*os.File, error) { return os.Open(filepath.Join(dir, run.MetricsFile)) },
		func() int { return config.StepImages(r.settings) }, nil)
	if _, err := log.Update(math.MaxInt64); err != nil {
		return nil, fmt.Errorf("reading the run in %s: %w", dir, err)
	}
	r.marks(log.Marks())
	probe := ""
	for _, e := range log.Evaluations() {
		if e.Probe != run.GuardProbe && e.Of == run.OfBackbone {
			probe = e.Probe
			break
		}
	}
	of := run.Event{Event: run.Eval, Probe: probe, Of: run.OfBackbone}
	for score, metric := range metrics {
		if r.Curves[score], err = log.Curve(of.Tag(metric), 0, math.MaxInt, 4000); err != nil {
			return nil, fmt.Errorf("reading the run in %s: %w", dir, err)
		}
		ordered(r.Curves[score])
	}
	if r.Loss, err = log.Curve(run.Loss, 0, math.MaxInt, 300); err != nil {
		return nil, fmt.Errorf("reading the run in %s: %w", dir, err)
	}
	return r, nil
}

// ordered makes times that do not fall. The time of an evaluation between two steps that were logged is an estimate,
// and the later ones are better.
func ordered(points []series.Point) {
	for i := len(points) - 2; i >= 0; i-- {
		points[i].Time = math.Min(points[i].Time, points[i+1].Time)
	}
}

// marks takes in how the run went.
func (r *Run) marks(all []run.Event) {
	notFinite := false
	for _, e := range all {
		switch e.Event {
		case run.Judged:
			r.Class = e.Class
		case run.Alarm:
			notFinite = notFinite || e.Name == run.NonFinite
			if e.Name == run.Collapse {
				r.Class = e.Class
			}
		case run.End:
			r.Ended = e.Reason == run.Finished
			r.Broken = e.Reason == run.Collapsed || e.Reason == run.Failed && notFinite
		case run.Start, run.Resumed:
			r.Ended, r.Broken, notFinite = false, false, false
		}
	}
}

// value returns a setting, or "".
func (r *Run) value(path string) string {
	for _, v := range r.settings {
		if v.Path == path {
			return v.Text
		}
	}
	return ""
}

// apart are settings that do not make runs different for a comparison: the seed, what changes the speed alone, and how
// often a run is looked at.
var apart = []string{"format", "seed", "engine.", "train.threads", "train.workers", "train.scheme", "train.memory",
	"train.log_every", "train.eval_every", "train.save_every", "train.keep", "stages.planned", "data.fingerprint"}

// minutes is what --minutes was, "" if it was not given.
func (r *Run) minutes() string {
	for _, v := range r.settings {
		if minutes, is := strings.CutPrefix(v.Source, "--minutes "); is {
			return minutes
		}
	}
	return ""
}

// planned are the settings that --minutes chooses by the speed of the machine. So they differ between runs of one plan.
var planned = []string{"train.max_steps", "stages.ends"}

// own returns the settings that count for a comparison, a text for each path.
func (r *Run) own() map[string]string {
	all := map[string]string{}
	for _, v := range r.settings {
		if slices.ContainsFunc(apart, func(a string) bool {
			return v.Path == a || strings.HasSuffix(a, ".") && strings.HasPrefix(v.Path, a)
		}) {
			continue
		}
		if was, twice := all[v.Path]; twice {
			v.Text = was + ", " + v.Text
		}
		all[v.Path] = v.Text
	}
	if minutes := r.minutes(); minutes != "" {
		all["minutes"] = minutes
		for _, path := range planned {
			delete(all, path)
		}
	}
	return all
}

// end returns the step and the time of the last evaluation; ok is false if there was none after the start.
func (r *Run) end() (step int, seconds float64, ok bool) {
	seconds = math.NaN()
	for _, s := range Scores {
		if n := len(r.Curves[s]); n > 0 && r.Curves[s][n-1].Step > step {
			step, seconds, ok = r.Curves[s][n-1].Step, r.Curves[s][n-1].Time, true
		}
	}
	return step, seconds, ok
}

// at returns the last value of a score of which before is true; NaN if there is none after the start.
func (r *Run) at(s Score, before func(series.Point) bool) float64 {
	value := math.NaN()
	for _, p := range r.Curves[s] {
		if p.Step > 0 && before(p) {
			value = p.Value // also NaN: an older value would hide that the network is broken
		}
	}
	return value
}
