// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/parallax-ssl/parallax/collapse/guard"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// console shows a run to whoever started it: a bar in a terminal, plain lines when piped, or events as JSON.
type console struct {
	out      io.Writer
	json     bool
	again    string   // the command that resumes a stopped run; "": pretrain's
	terminal *os.File // out, if out is a terminal

	bars *mpb.Progress // nil outside a terminal
	bar  *mpb.Bar

	mu       sync.Mutex // the bar is drawn by a goroutine of its own
	steps    int
	step     run.Event // the last step shown
	status   string    // the text beside the bar
	start    time.Time
	deadline time.Time            // of a run of --minutes
	paced    time.Time            // the end of the first step that was shown
	from     int                  // the number of that step, less the steps that a rewind repeats
	first    map[string]run.Event // the first evaluation on the first probe, by what was evaluated
	last     map[string]run.Event // the last one
	probe    string
	chance   map[string]float64 // accuracy by chance, by the probe
	judged   run.Event          // the guard's judgement of the whole run; without a class there is none
	h        run.Event          // the last evaluation of the backbone, on any probe; the embedding's follows it
}

func newConsole(out io.Writer, asJSON bool) *console {
	outliveReader()
	v := &console{out: out, json: asJSON, first: map[string]run.Event{}, last: map[string]run.Event{},
		chance: map[string]float64{}}
	if f, ok := out.(*os.File); ok && !asJSON && term.IsTerminal(int(f.Fd())) {
		v.terminal = f
		v.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(24), mpb.WithRefreshRate(200*time.Millisecond))
	}
	return v
}

// lineStart goes before everything drawn in a terminal. The terminal echoes Ctrl-C as ^C, and without lineStart the
// bar's lines would begin behind that.
const lineStart = "\r"

// begin says what is about to run. From here to the end a signal lets the run write a checkpoint.
func (v *console) begin(s *pretrain.Session) {
	tidying.Store(true)
	j := s.Job
	v.steps, v.start, v.deadline = s.Steps, time.Now(), j.Deadline()
	for _, n := range append([]string{j.Source.Summary()}, j.Source.Remarks()...) {
		v.note(n)
	}
	if v.json {
		return // the event start says the rest
	}
	c := j.Config
	v.note(fmt.Sprintf("%s on %s: %d images, views of %d px", c.Method.Name, c.Data.Path, c.Data.Images, c.Data.Size))
	v.note(fmt.Sprintf("%s (width %d, %s stem), %d steps of %d images, %s, threads: %d",
		c.Backbone.Name, c.Backbone.Width, c.Backbone.Stem,
		s.Steps, c.Train.Batch*c.Train.Accumulate, c.Train.Precision, c.Train.Threads))
	v.note(fmt.Sprintf("%s, %d warm-up steps, %s", c.Optim.Name, c.Optim.WarmupSteps, c.ScaleRate()))
	if j.Chosen != "" {
		v.note(j.Chosen)
	}
	if slow := j.Slow(); slow != "" {
		v.note(slow)
	}
	v.note("every value and its source: " + s.Dir.Path(run.ConfigFile))
	for _, n := range s.Probe.Notes() {
		v.note(n)
	}
	for _, p := range s.Probe.Probes {
		if p.Unmeasured() == "" {
			v.chance[p.Name] = p.Protocol.Chance()
		}
	}
	if v.bars != nil {
		start := decor.Any(func(decor.Statistics) string { return lineStart })
		status := decor.Any(func(decor.Statistics) string {
			v.mu.Lock()
			defer v.mu.Unlock()
			return v.status
		})
		var err error
		if v.bar, err = v.bars.Add(int64(s.Steps), mpb.BarStyle().Build(), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(start, decor.CountersNoUnit("%d/%d ")), mpb.AppendDecorators(status)); err != nil {
			v.bars = nil // the terminal is gone
		}
	}
}

// note prints a sentence. With --json it goes to standard error, so that standard output stays JSON.
func (v *console) note(text string) {
	text = printable.Text(text)
	if v.terminal != nil {
		if width, _, err := term.GetSize(int(v.terminal.Fd())); err == nil {
			text = fold(text, width)
		}
	}
	switch {
	case v.json:
		fmt.Fprintln(os.Stderr, "parallax: "+text)
	case v.bars != nil:
		fmt.Fprintln(v.bars, lineStart+text)
	default:
		fmt.Fprintln(v.out, text)
	}
}

// fold breaks a line that is longer than width: between parts that two spaces separate, or, without any, between words.
func fold(line string, width int) string {
	separator := "  "
	if !strings.Contains(strings.TrimSpace(line), separator) {
		separator = " "
	}
	var b strings.Builder
	at := 0
	for i, part := range strings.Split(line, separator) {
		n := utf8.RuneCountInString(part)
		switch {
		case i == 0:
		case at+len(separator)+n > width:
			b.WriteString("\n    ")
			at = 4
		default:
			b.WriteString(separator)
			at += len(separator)
		}
		b.WriteString(part)
		at += n
	}
	return b.String()
}

// show displays one event. A reader or a terminal that went away must not end the run, so what a write returns is of no
// interest here and in note.
func (v *console) show(e run.Event) {
	v.remember(e)
	if v.json {
		_ = json.NewEncoder(v.out).Encode(e)
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
		if e.Of == run.OfEmbedding && e.Probe != run.GuardProbe {
			v.note(v.evaluation(e))
		}
	case run.Saved:
		if e.Message != "" {
			v.note(fmt.Sprintf("checkpoint of step %d written (%s)", e.Step, e.Message))
		}
	case run.Alarm:
		v.note(alarm(e))
	case run.Replanned:
		v.note("planned anew after step " + strconv.Itoa(e.Step) + ": " + e.Message)
		if v.bar != nil {
			v.bar.SetTotal(int64(e.Steps), false)
		}
	case run.Rewound:
		v.note(fmt.Sprintf("rewound from step %d to step %d, time %d of at most %d (%s)",
			e.From, e.Step, e.Rewinds, guard.Rewinds, e.Message))
	}
}

// alarm is the line of an alarm.
func alarm(e run.Event) string {
	if e.Class != "" {
		return fmt.Sprintf("ALARM %s at step %d: %s", e.Class, e.Step, e.Message)
	}
	return "ALARM " + e.Name + ": " + e.Message
}

// remember keeps what later lines and the summary need from an event.
func (v *console) remember(e run.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Event {
	case run.Replanned:
		v.steps = e.Steps
	case run.Rewound:
		v.from += e.Step - e.From // the steps in between took time, too
	case run.StepEnd:
		if v.step = e; v.paced.IsZero() {
			v.paced, v.from = time.Now(), e.Step
		}
	case run.Eval:
		if e.Probe == run.GuardProbe {
			return
		}
		if v.probe == "" {
			v.probe = e.Probe
		}
		if e.Of == "backbone" {
			v.h = e
		}
		if e.Probe == v.probe {
			if _, seen := v.first[e.Of]; !seen {
				v.first[e.Of] = e
			}
			v.last[e.Of] = e
		}
	}
	if v.step.Step > 0 {
		v.status = v.line(v.step)
	}
}

// line describes a step: epoch, loss, std, rank and kNN of the last evaluation, time left and speed.
func (v *console) line(e run.Event) string {
	s := fmt.Sprintf("epoch %d", e.Epoch+1)
	if v.bar == nil {
		s = fmt.Sprintf("step %d/%d  %s", e.Step, v.steps, s)
	}
	s += fmt.Sprintf("  loss %.4f", e.Metrics[run.Loss].Value)
	if z, ok := v.last["embedding"]; ok {
		s += fmt.Sprintf("  std %.2f  rank %.1f", z.Metrics[run.Std].Value, z.Metrics[run.EffectiveRank].Value)
	}
	if h, ok := v.last["backbone"]; ok && h.Metrics[run.KNN].Known {
		s += fmt.Sprintf("  knn %.3f", h.Metrics[run.KNN].Value) + v.byChance(run.KNN, h.Probe)
	}
	if left := v.left(e.Step); left > 0 {
		s += "  " + rounded(left) + " left"
	}
	s += fmt.Sprintf("  %.0f images/s", e.Metrics[run.ImagesPerSecond].Value)
	if e.Metrics[run.DataWait].Value > 0.05 {
		s += fmt.Sprintf(" (%.0f%% waiting for data)", 100*e.Metrics[run.DataWait].Value)
	}
	return s
}

// left returns the time left after a step: until the deadline, or at the pace of the steps since the first one. It is 0
// if that is unknown, and after the last step.
func (v *console) left(step int) time.Duration {
	switch {
	case step >= v.steps:
		return 0
	case !v.deadline.IsZero():
		return time.Until(v.deadline)
	case v.paced.IsZero() || step <= v.from:
		return 0
	}
	each := time.Since(v.paced).Seconds() / float64(step-v.from)
	return time.Duration(min(each*float64(v.steps-step), longest.Seconds()) * float64(time.Second))
}

// longest bounds the time left that is shown.
const longest = 10_000 * time.Hour

// rounded is a duration to the second, or to the minute from an hour on.
func rounded(d time.Duration) string {
	if d < time.Hour {
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// evaluated lists the metrics in the line of an evaluation, in order: of the embeddings or of the backbone's features,
// with the format that prints them. A metric that is absent is left out.
var evaluated = []struct{ of, metric, format string }{
	{run.OfEmbedding, run.Std, " std %.2f"},
	{run.OfEmbedding, run.EffectiveRank, "  rank %.1f"},
	{run.OfBackbone, run.KNN, "  knn %.3f"},
	{run.OfBackbone, run.Linear, "  linear %.3f"},
	{run.OfEmbedding, run.Support, "  support %.3f"},
	{run.OfEmbedding, run.MeanCosine, "  cosine %.2f"},
	{run.OfEmbedding, run.Alignment, "  alignment %.2f"},
	{run.OfEmbedding, run.Uniformity, "  uniformity %.2f"},
}

// summarised lists the metrics that the summary of a run compares, in order.
var summarised = []struct{ of, metric, name, meaning string }{
	{run.OfBackbone, run.KNN, "kNN accuracy", "a vote of the nearest neighbours"},
	{run.OfBackbone, run.Linear, "linear accuracy", "a linear probe on features"},
	{run.OfEmbedding, run.Support, "support accuracy", "the soft vote of labelled images"},
	{run.OfEmbedding, run.Std, "std", "1 spread out, 0 collapsed"},
	{run.OfEmbedding, run.EffectiveRank, "effective rank", "how many directions are used"},
}

// evaluation is the line of an evaluation: z is the event of the embeddings, v.h the one of the features before it.
func (v *console) evaluation(z run.Event) string {
	s := fmt.Sprintf("eval  step %d  %s:", z.Step, filepath.Base(z.Probe))
	events := map[string]run.Event{run.OfEmbedding: z}
	if v.h.Probe == z.Probe && v.h.Step == z.Step {
		events[run.OfBackbone] = v.h
	}
	for _, m := range evaluated {
		if value := events[m.of].Metrics[m.metric]; value.Known && !math.IsNaN(value.Value) {
			s += fmt.Sprintf(m.format, value.Value) + v.byChance(m.metric, z.Probe)
		}
	}
	return s
}

// byChance is what is printed behind a metric: for an accuracy, the accuracy by chance.
func (v *console) byChance(metric, probe string) string {
	chance, known := v.chance[probe]
	if !known || metric != run.KNN && metric != run.Linear && metric != run.Support {
		return ""
	}
	return fmt.Sprintf(" (chance %.3f)", chance)
}

// end sums up a trained run. result is nil if the run did not begin.
func (v *console) end(result *pretrain.Result, err error) {
	tidying.Store(false)
	if v.json || result == nil || !result.Trained {
		return
	}
	v.judged = result.Judged
	in := func(name string) string { return filepath.Join(result.Dir, name) }
	if v.bars != nil {
		v.bar.Abort(true)
		v.bars.Wait()
		fmt.Fprint(v.out, lineStart)
		v.bars, v.bar = nil, nil
		if v.step.Step > 0 {
			v.note(v.line(v.step)) // the last state of the bar, which is gone
		}
	}
	if result.Unreadable > 0 {
		v.note(fmt.Sprintf("%d images could not be read: %s says which and why",
			result.Unreadable, in(run.QuarantineFile)))
	}
	if result.Report != "" && err != nil {
		v.note("report: " + result.Report)
	}
	if stopped, ok := asInterruption(err); ok {
		at := "after a checkpoint"
		if result.Steps == 0 {
			at = "before the first step"
		}
		v.note(fmt.Sprintf("stopped (%s) %s: resume with  %s",
			stopped.signal, at, cmp.Or(v.again, "parallax pretrain --resume "+result.Dir)))
		return
	}
	if errors.Is(err, train.ErrCollapsed) {
		v.diagnosis()
		v.note(fmt.Sprintf("stopped after a checkpoint: continue anyway with  "+
			"parallax pretrain --resume %s --on-collapse warn", result.Dir))
		return
	}
	if err != nil {
		if kept, _ := os.ReadDir(in(run.CheckpointsDir)); len(kept) > 0 {
			v.note(fmt.Sprintf("failed: the last checkpoint in %s is intact", in(run.CheckpointsDir)))
		} else {
			v.note("failed before the first checkpoint")
		}
		return
	}
	v.note("done in " + rounded(time.Since(v.start)))
	for _, m := range summarised {
		v.compare(m.of, m.name, m.meaning, m.metric)
	}
	v.diagnosis()
	v.note("  encoder          " + in(run.EncoderFile) + "  (torchvision's or timm's parameter names)")
	if result.Report != "" {
		v.note("  report           " + result.Report + "  (the run in one file to look at)")
	}
	v.note("  everything else  " + result.Dir + "  (config, metrics, TensorBoard, checkpoints)")
}

// diagnosis prints the guard's judgement of the run.
func (v *console) diagnosis() {
	if v.judged.Class != "" {
		v.note(fmt.Sprintf("  %-16s %s: %s", "diagnosis", v.judged.Class, v.judged.Message))
	}
}

// compare prints a metric before training and after it.
func (v *console) compare(of, name, meaning, metric string) {
	before, after := v.first[of].Metrics[metric], v.last[of].Metrics[metric]
	if chance := v.byChance(metric, v.probe); chance != "" {
		meaning += "; " + strings.Trim(chance, " ()")
	}
	if !after.Known || math.IsNaN(after.Value) {
		return
	}
	if e := v.first[of]; e.Step > 0 {
		v.note(fmt.Sprintf("  %-16s %.3f -> %.3f  since step %d (%s)",
			name, before.Value, after.Value, e.Step, meaning))
		return
	}
	from := "untrained"
	if v.again != "" {
		from = "before" // an earlier stage has trained the backbone
	}
	v.note(fmt.Sprintf("  %-16s %.3f %s -> %.3f  (%s)", name, before.Value, from, after.Value, meaning))
}
