// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"parallax/run"
)

// view shows a run to whoever started it: a bar in a terminal, plain lines when piped, or events as JSON.
type view struct {
	out  io.Writer
	json bool

	bars *mpb.Progress // nil outside a terminal
	bar  *mpb.Bar

	mu     sync.Mutex // the bar is drawn by a goroutine of its own
	steps  int
	status string
	start  time.Time
	first  map[string]run.Event // the first and the last evaluation of the first probe, by what was evaluated
	last   map[string]run.Event
	probe  string
	wrong  bool // an alarm was shown
	rate   float64
}

func newView(out io.Writer, asJSON bool) *view {
	v := &view{out: out, json: asJSON, first: map[string]run.Event{}, last: map[string]run.Event{}}
	if f, ok := out.(*os.File); ok && !asJSON && term.IsTerminal(int(f.Fd())) {
		v.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(24), mpb.WithRefreshRate(200*time.Millisecond))
	}
	return v
}

// begin says what is about to run.
func (v *view) begin(j *job, dir *run.Dir, steps int) {
	v.steps, v.start = steps, time.Now()
	c := j.config
	v.note(fmt.Sprintf("%s on %s: %d images of %d px, %s (width %d, %s stem), %d steps of %d images, %s on %d threads",
		c.Method.Name, c.Data.Path, c.Data.Images, c.Data.Size, c.Backbone.Name, c.Backbone.Width, c.Backbone.Stem,
		steps, c.Train.Batch*c.Train.Accumulate, c.Train.Precision, c.Train.Threads))
	v.note(fmt.Sprintf("%s, learning %s, %d warm-up steps; every value and its source: %s",
		c.Optim.Name, c.ScaleRate(), c.Optim.WarmupSteps, dir.Path(run.ConfigFile)))
	for _, n := range j.source.Notes {
		v.note(n)
	}
	if v.bars != nil {
		v.bar = v.bars.AddBar(int64(steps),
			mpb.PrependDecorators(decor.CountersNoUnit("step %d/%d ")),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
				v.mu.Lock()
				defer v.mu.Unlock()
				return v.status
			})))
	}
}

// note prints a sentence. With --json it goes to standard error, so that standard output stays JSON.
func (v *view) note(text string) {
	switch {
	case v.json:
		fmt.Fprintln(os.Stderr, "parallax: "+text)
	case v.bars != nil:
		fmt.Fprintln(v.bars, text)
	default:
		fmt.Fprintln(v.out, text)
	}
}

// show displays one event.
func (v *view) show(e run.Event) {
	v.remember(e)
	if v.json {
		json.NewEncoder(v.out).Encode(e)
		return
	}
	switch e.Event {
	case run.Resumed:
		v.note(fmt.Sprintf("resumed after step %d", e.Step))
	case run.StepEnd:
		if v.bar != nil {
			v.bar.SetCurrent(int64(e.Step))
		} else {
			v.note(v.line(e))
		}
	case run.Eval:
		if e.Of == "embedding" {
			v.note(v.evaluation(e))
		}
	case run.Alarm:
		v.note("ALARM " + e.Name + ": " + e.Message)
	}
}

// remember keeps what lines and the summary need of earlier events.
func (v *view) remember(e run.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Event {
	case run.StepEnd:
		v.rate = e.ImagesPerSecond.Value
		v.status = v.line(e)
	case run.Eval:
		if v.probe == "" {
			v.probe = e.Probe
		}
		if e.Probe == v.probe {
			if _, seen := v.first[e.Of]; !seen {
				v.first[e.Of] = e
			}
			v.last[e.Of] = e
		}
	}
}

// line is a step in words: epoch, loss, the last evaluation's std, rank and kNN, speed and time left.
func (v *view) line(e run.Event) string {
	s := fmt.Sprintf("epoch %d", e.Epoch+1)
	if v.bar == nil {
		s = fmt.Sprintf("step %d/%d  %s", e.Step, v.steps, s)
	}
	s += fmt.Sprintf("  loss %.4f", e.Loss.Value)
	if z, ok := v.last["embedding"]; ok {
		s += fmt.Sprintf("  std %.2f  rank %.1f", z.Std.Value, z.EffectiveRank.Value)
	}
	if h, ok := v.last["backbone"]; ok && h.KNN.Known {
		s += fmt.Sprintf("  knn %.3f", h.KNN.Value)
	}
	s += fmt.Sprintf("  %.0f images/s", e.ImagesPerSecond.Value)
	if e.DataWait.Value > 0.05 {
		s += fmt.Sprintf(" (%.0f%% waiting for data)", 100*e.DataWait.Value)
	}
	if e.ImagesPerSecond.Value > 0 && e.Step > 1 && !v.start.IsZero() {
		perStep := time.Since(v.start).Seconds() / float64(max(1, e.Step-v.begun()))
		s += "  " + time.Duration(perStep*float64(v.steps-e.Step)*float64(time.Second)).Round(time.Second).String() + " left"
	}
	return s
}

// begun is the step at which this process began: of the first evaluation or 0.
func (v *view) begun() int {
	if e, ok := v.first["embedding"]; ok && e.Step < v.steps {
		return e.Step
	}
	return 0
}

func (v *view) evaluation(z run.Event) string {
	h := v.last["backbone"]
	s := fmt.Sprintf("eval  step %d  %s: std %.2f  mean cosine %.2f  rank %.1f  alignment %.2f  uniformity %.2f", z.Step, z.Probe,
		z.Std.Value, z.MeanCosine.Value, z.EffectiveRank.Value, z.Alignment.Value, z.Uniformity.Value)
	if h.Probe == z.Probe && h.Step == z.Step {
		if h.KNN.Known {
			s += fmt.Sprintf("  knn %.3f", h.KNN.Value)
		}
		if h.Linear.Known && !math.IsNaN(h.Linear.Value) {
			s += fmt.Sprintf("  linear %.3f", h.Linear.Value)
		}
	}
	return s
}

// end sums the run up.
func (v *view) end(dir *run.Dir, quarantined int, err error) {
	if v.bars != nil {
		v.bar.EnableTriggerComplete()
		if !v.bar.Completed() {
			v.bar.Abort(false)
		}
		v.bars.Wait()
		v.bars = nil
	}
	if quarantined > 0 {
		v.note(fmt.Sprintf("%d images could not be read: %s says which and why", quarantined, dir.Path(run.QuarantineFile)))
	}
	var stopped interruption
	switch {
	case errors.As(err, &stopped):
		v.note(fmt.Sprintf("stopped (%s) after a checkpoint: go on with  parallax pretrain --resume %s", stopped.signal, dir))
		return
	case err != nil:
		v.note(fmt.Sprintf("failed: the last checkpoint in %s is intact", dir.Path(run.CheckpointsDir)))
		return
	}
	v.note(fmt.Sprintf("done in %s", time.Since(v.start).Round(time.Second)))
	v.compare("backbone", "kNN accuracy", "the nearest neighbours' vote; higher is better", func(e run.Event) run.Number { return e.KNN })
	v.compare("backbone", "linear accuracy", "a linear probe on the features", func(e run.Event) run.Number { return e.Linear })
	v.compare("embedding", "std", "1 is spread over all directions, 0 is collapsed", func(e run.Event) run.Number { return e.Std })
	v.compare("embedding", "effective rank", "how many directions are used", func(e run.Event) run.Number { return e.EffectiveRank })
	v.note("  encoder          " + dir.Path(run.EncoderFile) + "  (torchvision's parameter names)")
	v.note("  everything else  " + dir.Path() + "  (config.yaml, metrics.jsonl, tensorboard/, checkpoints/)")
}

// compare prints a number before training and after it.
func (v *view) compare(of, name, meaning string, value func(run.Event) run.Number) {
	before, after := value(v.first[of]), value(v.last[of])
	if !after.Known || math.IsNaN(after.Value) {
		return
	}
	if e := v.first[of]; e.Step > 0 {
		v.note(fmt.Sprintf("  %-16s %.3f -> %.3f  since step %d (%s)", name, before.Value, after.Value, e.Step, meaning))
		return
	}
	v.note(fmt.Sprintf("  %-16s %.3f untrained -> %.3f  (%s)", name, before.Value, after.Value, meaning))
}
