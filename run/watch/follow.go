// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
	"github.com/parallax-ssl/parallax/run/summary"
)

// A follower reads what a run writes.
type follower struct {
	dir   string
	run   summary.Run
	err   error // what could not be read at the last look
	log   *series.Log
	judge *summary.Judge
	probe string // the first one that is not the guard's; "" before there is one
}

// follow returns a follower of the run in a directory.
func follow(dir string) *follower {
	f := &follower{dir: dir, judge: &summary.Judge{}}
	f.log = series.New(func() (*os.File, error) { return os.Open(filepath.Join(dir, run.MetricsFile)) }, func() int {
		text, err := run.ReadConfig(dir)
		if err != nil {
			return 0
		}
		images, _ := new(summary.Run).Settings(text) // without the settings there is no time of training
		return images
	}, f.judge)
	return f
}

// portion is how many bytes of the events are read between two looks at the screen.
const portion = 4 << 20

// look reads what the run has written since. It reports whether there is more to read.
func (f *follower) look() (more bool) {
	if _, err := os.Stat(f.dir); err != nil {
		f.err = err
		return false
	}
	if f.run, f.err = summary.Read(f.dir); errors.Is(f.err, fs.ErrNotExist) {
		f.err = nil // a run that begins has no config yet
	}
	state, err := f.log.Update(portion)
	f.err = errors.Join(f.err, err)
	if f.probe == "" {
		for _, e := range f.log.Evaluations() {
			if e.Probe != run.GuardProbe {
				f.probe = e.Probe
				break
			}
		}
	}
	return err == nil && !state.Complete()
}

// A measure is a number of a run that is drawn over its steps.
type measure struct {
	title  string
	of     string // run.OfBackbone, run.OfEmbedding; "" for a number of the steps
	metric string
}

// measures are what is drawn, in the order of the pages.
var measures = []measure{
	{"loss", "", run.Loss},
	{"kNN accuracy", run.OfBackbone, run.KNN},
	{"std of the embedding", run.OfEmbedding, run.Std},
	{"effective rank", run.OfEmbedding, run.EffectiveRank},
	{"mean cosine", run.OfEmbedding, run.MeanCosine},
	{"linear accuracy", run.OfBackbone, run.Linear},
	{"learning rate", "", run.Rate},
	{"images per second", "", run.ImagesPerSecond},
}

// tag is the name of the measure's curve.
func (f *follower) tag(m measure) string {
	if m.of == "" {
		return m.metric
	}
	return (&run.Event{Event: run.Eval, Probe: f.probe, Of: m.of}).Tag(m.metric)
}

// curve returns the points of a measure, or those of the guard's sample where no probe has it. It has about n points.
func (f *follower) curve(m measure, n int) []series.Point {
	points, _ := f.log.Curve(f.tag(m), 0, math.MaxInt, n) // a file that is gone is said elsewhere
	if len(points) == 0 && m.of == run.OfEmbedding {
		points, _ = f.log.Curve((&run.Event{Event: run.Eval, Probe: run.GuardProbe, Of: m.of}).Tag(m.metric), 0,
			math.MaxInt, n)
	}
	return points
}

// constant returns the loss of a constant embedding; ok is false if the run does not know it.
func (f *follower) constant() (loss float64, ok bool) {
	_, _, start := f.judge.Verdict()
	if start.Constant == nil || !start.Constant.Value.Known {
		return 0, false
	}
	return start.Constant.Value.Value, true
}

// diagnosis returns the guard's class and its reasons; class is "" before it has judged.
func (f *follower) diagnosis() (class, words string) {
	judged, ok, _ := f.judge.Verdict()
	if !ok {
		return f.run.Class, ""
	}
	return judged.Class, printable.Text(judged.Message)
}

// facts is how far the run is, in one line.
func (f *follower) facts() string {
	r := f.run
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.Steps > 0 {
		add("step %s of %s", comma(r.Step), comma(r.Steps))
	} else {
		add("step %s", comma(r.Step))
	}
	add("epoch %s", comma(r.Epoch+1))
	if r.Speed > 0 {
		add("%s images/s", comma(int(r.Speed)))
	}
	if r.State == summary.Running && r.Left > 0 {
		add("%s left", duration(r.Left))
	}
	for _, s := range []struct {
		name  string
		value run.Number
	}{{"loss", r.Loss}, {"kNN", r.KNN}, {"linear", r.Linear}, {"std", r.Std}, {"rank", r.Rank}} {
		if s.value.Known {
			add("%s %s", s.name, number(s.value.Value))
		}
	}
	return strings.Join(parts, "  ")
}

// what is the run in a few words.
func (f *follower) what() string {
	var parts []string
	for _, s := range []string{f.run.Method, f.run.Network, f.run.Data} {
		if s != "" {
			parts = append(parts, printable.Name(s))
		}
	}
	return strings.Join(parts, "  ")
}

// event says what an event is, in one line.
func event(e run.Event) string {
	parts := []string{fmt.Sprintf("step %s  %s", comma(e.Step), printable.Text(e.Event))}
	for _, s := range []string{e.Class, e.Reason, e.Message, e.File} {
		if s != "" {
			parts = append(parts, printable.Text(s))
		}
	}
	return strings.Join(parts, "  ")
}

func comma(n int) string { return humanize.Comma(int64(n)) }

// number writes a value with about four digits.
func number(v float64) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return "infinite"
	case size != 0 && (size < 1e-3 || size >= 1e6):
		return fmt.Sprintf("%.2e", v)
	case size >= 1000:
		return comma(int(math.Round(v)))
	case size >= 100:
		return fmt.Sprintf("%.1f", v)
	case size >= 10:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// duration writes seconds as 45s, 12m, 3h20m.
func duration(seconds float64) string {
	if seconds > 1e8 {
		return "years"
	}
	d := time.Duration(seconds * float64(time.Second))
	if d >= time.Minute {
		d = d.Round(time.Minute)
		return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
	}
	return d.Round(time.Second).String()
}
