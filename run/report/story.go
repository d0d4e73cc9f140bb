// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
	"github.com/parallax-ssl/parallax/run/summary"
)

// A story is what a run directory says of the run, without its images.
type story struct {
	dir        string
	config     []byte // config.yaml; nil: it cannot be read
	settings   []config.Value
	value      map[string]string // of the settings, by their path; of one with several values, the last
	log        *series.Log
	state      series.State
	marks      []run.Event
	judge      summary.Judge
	evals      []series.Evaluation
	probe      string // the first one, by which the run is judged; "" for none
	probes     []string
	quarantine []dataset.BadImage
	bad        int // images in the quarantine, of which quarantine has some
	notes      notes
	running    bool
	best       int      // the step of the best checkpoint, -1: unknown
	problems   []string // what could not be read, in sentences
}

// notes are what people wrote about a run, in the dashboard.
type notes struct {
	Tags []string
	Note string
}

// The bounds of what is read.
const (
	mostConfig     = 4 << 20 // bytes
	mostNotes      = 1 << 20 // bytes
	mostQuarantine = 64 << 20
	shownBad       = 8       // images of the quarantine that are named
	portion        = 8 << 20 // bytes of the events between two looks at the clock
	notesFile      = "notes.json"
)

// readStory reads a run directory. What cannot be read becomes a problem.
func readStory(ctx context.Context, dir string) *story {
	s := &story{dir: dir, value: map[string]string{}, best: -1}
	if text, err := readFile(filepath.Join(dir, run.ConfigFile), mostConfig); err != nil {
		s.problem(run.ConfigFile, err)
	} else if s.settings, err = config.Values(text, run.ConfigFile); err != nil {
		s.problem(run.ConfigFile, err)
	} else {
		s.config = text
		for _, v := range s.settings {
			s.value[v.Path] = v.Text
		}
	}
	s.judge.Reset()
	images := func() int { return config.StepImages(s.settings) }
	s.log = series.New(func() (*os.File, error) { return openPlain(filepath.Join(dir, run.MetricsFile)) }, images,
		&s.judge)
	for {
		state, err := s.log.Update(portion)
		if err != nil {
			s.problem(run.MetricsFile, err)
			break
		}
		if s.state = state; state.Complete() {
			break
		}
		if ctx.Err() != nil {
			s.problems = append(s.problems, fmt.Sprintf("There was no time to read more than %d %% of the events; the "+
				"curves after that are a sketch.", 100*state.Read/max(1, state.Size)))
			break
		}
	}
	if s.state.Size == 0 {
		s.problems = append(s.problems, "There are no events: "+run.MetricsFile+" is missing or empty.")
	}
	if s.state.Broken > 0 {
		s.problems = append(s.problems, fmt.Sprintf("Lines of %s that are no events: %d. They are left out.",
			run.MetricsFile,
			s.state.Broken))
	}
	s.marks, s.evals = s.log.Marks(), s.log.Evaluations()
	seen := map[string]bool{}
	for _, e := range s.evals {
		if e.Probe == run.GuardProbe || seen[e.Probe] {
			continue
		}
		if seen[e.Probe] = true; len(s.probes) < mostProbes {
			s.probes = append(s.probes, e.Probe)
		}
	}
	if len(s.probes) > 0 {
		s.probe = s.probes[0]
	}
	s.readQuarantine()
	if text, err := readFile(filepath.Join(dir, notesFile), mostNotes); err == nil {
		err = json.Unmarshal(text, &s.notes)
		s.problem(notesFile, err)
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.problem(notesFile, err)
	}
	s.running, _ = run.Running(dir)
	for _, m := range s.marks {
		if m.Event == run.Saved && m.Best {
			s.best = m.Step
		}
	}
	return s
}

// mostProbes is how many probes a report has.
const mostProbes = 6

// problem adds what is wrong with a file, if anything is.
func (s *story) problem(file string, err error) {
	if err == nil {
		return
	}
	why := err.Error()
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "it is missing"
	case errors.As(err, &path):
		why = path.Err.Error()
	}
	s.problems = append(s.problems, fmt.Sprintf("%s cannot be read: %s.", file, strings.TrimSuffix(why, ".")))
}

// readQuarantine counts the images that could not be read.
func (s *story) readQuarantine() {
	f, err := openPlain(filepath.Join(s.dir, run.QuarantineFile))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.problem(run.QuarantineFile, err)
		}
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, mostQuarantine))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var b dataset.BadImage
		if json.Unmarshal(lines.Bytes(), &b) != nil || b.Name == "" && b.Reason == "" {
			continue
		}
		if s.bad++; len(s.quarantine) < shownBad {
			s.quarantine = append(s.quarantine, b)
		}
	}
	s.problem(run.QuarantineFile, lines.Err())
}

// openPlain opens a file that is no folder, pipe or device.
func openPlain(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no plain file")
	}
	return os.Open(path)
}

// readFile reads a plain file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d MiB", most>>20)
	}
	return text, err
}

// curve returns about n points of a curve. The step after which the run went back or was resumed makes it fold.
func (s *story) curve(tag string, n int) []series.Point {
	points, err := s.log.Curve(tag, 0, math.MaxInt, n)
	if err != nil {
		s.problem(run.MetricsFile, err)
	}
	return points
}

// tag is the tag of a metric of the evaluations on a probe.
func tag(probe, of, metric string) string {
	return (&run.Event{Event: run.Eval, Probe: probe, Of: of}).Tag(metric)
}

// judged returns what the guard says of the run as far as it has come; without a class it says nothing.
func (s *story) judged() run.Event {
	judged, ok, _ := s.judge.Verdict()
	if !ok || judged.Class == string(collapse.Unknown) {
		return run.Event{}
	}
	return judged
}

// start returns how the run began.
func (s *story) start() run.Event {
	_, _, start := s.judge.Verdict()
	return start
}
