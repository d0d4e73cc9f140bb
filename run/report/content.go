// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/terms"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
)

// content is what the page shows, in its order. All texts from outside have gone through shown.
type content struct {
	Style    template.CSS
	Name     string // of the run directory
	Method   Method
	Paper    []terms.Span
	State    state
	Tags     []string
	Note     string
	Summary  []tile
	Facts    []fact
	Problems []string
	Scores   *scores
	Verdict  *verdict
	Alarms   []alarm
	MoreBad  int // alarms that are left out
	Curves   []figure
	More     []figure // gradients and terms of the loss
	Bad      []bad
	BadCount string
	BadFile  string
	Chosen   []setting
	Settings []setting
	Again    []command
	Next     []command
	Version  string

	Pictures *pictures
}

// A tile is a number to see first.
type tile struct{ Value, Name, Note string }

type fact struct{ Term, Text string }

// A state says how far a run has come.
type state struct {
	Word  string // finished, ...
	Class string // in the style sheet
	Text  string // a sentence, or ""
}

// A figure is a drawing with its caption.
type figure struct {
	Caption, Note string
	SVG           template.HTML
}

type alarm struct {
	Step, Class, Text string
	Bad               bool
}

type bad struct{ Name, Reason string }

// verdict is what the guard says of a run.
type verdict struct {
	Class    string
	Bad      bool
	Words    string
	Evidence []evidence
	Causes   string
	Constant string // a sentence about the loss of a constant embedding
}

// evidence is a number that decided.
type evidence struct{ Name, Value, Limit, Meaning string }

// mostText is how long a text from outside may be, in characters.
const mostText = 400

// shown returns a text from outside so that it can be shown: what is no graphic character is escaped, and the middle of
// a text with more than most characters is left out.
func shown(text string, most int) string {
	if len(text) > 16*most {
		text = text[:8*most] + "…" + text[len(text)-8*most:]
	}
	r := []rune(printable.Text(text))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most/2]) + " … " + string(r[len(r)-most/2:])
}

func newContent(s *story, o Options) *content {
	c := &content{Style: style, Method: o.Method, Name: runName(s.dir), Version: shown(o.Version, mostText)}
	name := shown(s.value["method.name"], 60)
	if name == "" {
		name = shown(s.start().Method, 60)
	}
	c.Method.Title = cmp.Or(o.Method.Title, name, "an unknown method")
	for _, text := range []*string{&c.Method.Title, &c.Method.Equation, &c.Method.Collapse} {
		*text = shown(*text, mostText)
	}
	c.Paper = terms.Papers(shown(o.Method.Paper, mostText))
	c.State = s.condition()
	c.Note = shown(s.notes.Note, 4000)
	for _, t := range s.notes.Tags[:min(len(s.notes.Tags), 32)] {
		c.Tags = append(c.Tags, shown(t, 64))
	}
	c.Scores = s.scores()
	c.Verdict = s.verdict(o.Method.Title)
	c.alarms(s)
	c.Curves, c.More = s.curves()
	c.Facts = s.facts(name)
	c.Summary = c.tiles(s)
	for _, b := range s.quarantine {
		c.Bad = append(c.Bad, bad{shown(b.Name, 160), shown(b.Reason, mostText)})
	}
	if s.bad > 0 {
		c.BadCount, c.BadFile = counted(s.bad, "image"), run.QuarantineFile
	}
	c.Chosen, c.Settings = settings(s.settings)
	c.Again, c.Next = commands(s)
	for _, p := range s.problems {
		c.Problems = append(c.Problems, shown(p, mostText))
	}
	return c
}

// runName is the name of a run directory.
func runName(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return shown(filepath.Base(dir), 120)
}

// condition says how far the run has come.
func (s *story) condition() state {
	end, ended := run.Event{}, false
	for _, m := range s.marks {
		switch m.Event {
		case run.End:
			end, ended = m, true
		case run.Start, run.Resumed:
			ended = false
		}
	}
	switch {
	case ended && end.Reason == run.Finished:
		return state{"finished", "good", ""}
	case ended && end.Reason == run.Collapsed:
		return state{"stopped by the guard", "bad", shown(end.Message, 2*mostText)}
	case ended && end.Reason == run.Interrupted:
		return state{"stopped", "open", "A signal stopped it after a checkpoint. It can be resumed."}
	case ended:
		return state{"failed", "bad", shown(end.Message, 2*mostText)}
	case s.running:
		return state{"running", "open", "The report shows it as far as it has come."}
	case len(s.marks) == 0:
		return state{"not begun", "open", ""}
	}
	return state{"lost", "open", "Its process is gone and left no word. It can be resumed from the last checkpoint."}
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanize.Comma(int64(n)) + " " + noun + "s"
}

// facts say what was trained.
func (s *story) facts(method string) []fact {
	var all []fact
	add := func(term, text string) {
		if text != "" {
			all = append(all, fact{term, text})
		}
	}
	v := func(path string) string { return shown(s.value[path], 160) }
	network := v("backbone.name")
	if w := v("backbone.width"); w != "" && network != "" {
		network += ", width " + w
	}
	if t := v("backbone.stem"); t != "" && t != "standard" {
		network += ", " + t + " stem"
	}
	add("Method", method)
	add("Network", network)
	data := v("data.path")
	if split := v("data.split"); split != "" && split != "none" {
		data += ", " + split
	}
	add("Data", data)
	if n := v("data.images"); n != "" {
		text := grouped(n) + " images"
		if size := v("data.size"); size != "" {
			text += ", views of " + size + " px"
		}
		add("Images", text)
	}
	step, of := s.steps()
	text := humanize.Comma(int64(step))
	if of > 0 && of != step {
		text += " of " + humanize.Comma(int64(of))
	}
	images := config.StepImages(s.settings)
	if images > 0 {
		text += " of " + counted(images, "image")
		if n, err := strconv.Atoi(s.value["data.images"]); err == nil && n > 0 {
			text += fmt.Sprintf("; %s passes over the data", chart.Number(float64(step)*float64(images)/float64(n)))
		}
	}
	add("Steps", text)
	if p, ok := s.log.Last(run.Loss); ok && p.Time > 0 {
		text := chart.Duration(p.Time) + " without evaluations and pauses"
		if images > 0 {
			text += fmt.Sprintf("; %s images/s",
				humanize.Comma(int64(math.Round(float64(p.Step)*float64(images)/p.Time))))
		}
		add("Time of training", text)
	}
	if n := v("optim.name"); n != "" {
		add("Optimiser", fmt.Sprintf("%s, rate %s, weight decay %s", n, v("optim.rate"), v("optim.weight_decay")))
	}
	machine := ""
	for _, part := range []struct{ name, path string }{{"", "train.device"}, {"", "engine.cpu"},
		{"threads: ", "train.threads"}, {"precision ", "train.precision"}, {"libtorch ", "engine.version"}} {
		if t := v(part.path); t != "" {
			machine += ", " + part.name + t
		}
	}
	add("Machine", strings.TrimPrefix(machine, ", "))
	add("Seed", v("seed"))
	if s.best >= 0 {
		add("Best checkpoint", "step "+humanize.Comma(int64(s.best)))
	}
	return all
}

// grouped is a whole number with commas.
func grouped(text string) string {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return humanize.Comma(n)
	}
	return text
}

// steps returns how many steps were made, and of how many; 0: unknown.
func (s *story) steps() (step, of int) {
	for _, m := range s.marks {
		step = max(step, m.Step)
		if m.Event == run.Rewound {
			step = m.Step
		}
		if m.Steps > 0 {
			of = m.Steps
		}
	}
	if p, ok := s.log.Last(run.Loss); ok {
		step = max(step, p.Step)
	}
	return step, of
}

// tiles are the numbers to see first.
func (c *content) tiles(s *story) []tile {
	var all []tile
	if c.Scores != nil && len(c.Scores.Rows) > 0 {
		best := c.Scores.Rows[len(c.Scores.Rows)-1]
		for _, r := range c.Scores.Rows {
			if r.best && !c.Verdict.Bad {
				best = r
			}
		}
		for i, name := range c.Scores.Columns {
			if name != scoreKNN && name != scoreLinear {
				continue
			}
			if best.Cells[i] == "–" {
				continue
			}
			note := "after step " + best.Step
			if first := c.Scores.Rows[0]; first.untrained && first.Cells[i] != "–" {
				note += "; untrained " + first.Cells[i]
			}
			all = append(all, tile{best.Cells[i], name + " accuracy", note})
		}
	}
	of := func(metric string) (float64, bool) {
		for _, probe := range []string{s.probe, run.GuardProbe} {
			if p, ok := s.log.Last(tag(probe, run.OfEmbedding, metric)); ok && !math.IsNaN(p.Value) {
				return p.Value, true
			}
		}
		return 0, false
	}
	if v, ok := of(run.Std); ok {
		all = append(all, tile{fmt.Sprintf("%.2f", v), "spread of embeddings", "1 spread out, 0 collapsed"})
	}
	if v, ok := of(run.EffectiveRank); ok {
		all = append(all, tile{fmt.Sprintf("%.1f", v), "effective rank", "directions in use"})
	}
	return all
}

// verdict says what the guard makes of the run.
func (s *story) verdict(title string) *verdict {
	start := s.start()
	v := &verdict{Causes: shown(start.Causes, 2*mostText)}
	if k := start.Constant; k != nil && k.Value.Finite() {
		v.Constant = "A constant embedding would have the loss " + chart.Number(k.Value.Value)
		if k.Minimum {
			v.Constant += ", the least that the loss can be: nothing in the loss stops a collapse."
		} else {
			v.Constant += "."
		}
	}
	e := s.judged()
	if e.Class == "" {
		return v
	}
	v.Class, v.Bad = shown(e.Class, 40), collapse.Class(e.Class).Alarming()
	v.Words, _, _ = strings.Cut(e.Message, " (")
	v.Words = shown(v.Words, mostText) + "."
	if strings.HasSuffix(e.Message, "to be sure") {
		v.Words += " This has not lasted long enough to be sure."
	}
	for _, x := range e.Evidence {
		one := evidence{Name: shown(strings.ReplaceAll(x.Name, "_", " "), 60), Value: chart.Number(x.Value.Value)}
		if w, known := terms.Quantities[x.Name]; known {
			one.Name, one.Meaning = w.Term, w.Meaning
		}
		if x.Threshold.Known {
			relation := "above"
			if x.Value.Value < x.Threshold.Value {
				relation = "below"
			}
			one.Limit = relation + " " + chart.Number(x.Threshold.Value)
		}
		v.Evidence = append(v.Evidence, one)
	}
	return v
}

// mostAlarms is how many events are listed.
const mostAlarms = 20

// alarms lists what happened on the way.
func (c *content) alarms(s *story) {
	for _, m := range s.marks {
		a := alarm{Step: humanize.Comma(int64(m.Step)), Text: shown(m.Message, 4*mostText)}
		switch m.Event {
		case run.Alarm:
			a.Class, a.Bad = shown(cmp.Or(m.Class, m.Name, "alarm"), 40), true
		case run.Rewound:
			a.Class = fmt.Sprintf("went back from step %s", humanize.Comma(int64(m.From)))
		case run.Replanned:
			a.Class = "planned anew"
		case run.Resumed:
			a.Class = "resumed"
		default:
			continue
		}
		c.Alarms = append(c.Alarms, a)
	}
	if n := len(c.Alarms) - mostAlarms; n > 0 {
		c.Alarms, c.MoreBad = c.Alarms[:mostAlarms], n
	}
}

// The names of scores.
const (
	scoreKNN    = "kNN"
	scoreLinear = "linear"
)

// scores are a table of evaluations.
type scores struct {
	Columns  []string
	Rows     []scoreRow
	Others   []scoreRow // the last evaluations on other probes
	Protocol string
	Chance   string // filled in when the labels are known
}

type scoreRow struct {
	Name, Step      string
	Cells           []string
	best, untrained bool
}

// The columns of the table.
var scoreColumns = []struct{ name, of, metric, format string }{
	{scoreKNN, run.OfBackbone, run.KNN, "%.3f"},
	{scoreLinear, run.OfBackbone, run.Linear, "%.3f"},
	{"soft vote", run.OfEmbedding, run.Support, "%.3f"},
	{"std of z", run.OfEmbedding, run.Std, "%.2f"},
	{"mean cosine of z", run.OfEmbedding, run.MeanCosine, "%.2f"},
	{"effective rank of z", run.OfEmbedding, run.EffectiveRank, "%.1f"},
	{"RankMe of h", run.OfBackbone, run.RankMe, "%.1f"},
}

// scores tables the first, the best and the last evaluation, nil without any.
func (s *story) scores() *scores {
	if s.probe == "" {
		return nil
	}
	byStep := map[int]map[string]float64{} // of the first probe
	values := map[string][]series.Point{}
	for _, k := range scoreColumns {
		for _, p := range s.curve(tag(s.probe, k.of, k.metric), 4000) {
			if math.IsNaN(p.Value) {
				continue
			}
			if byStep[p.Step] == nil {
				byStep[p.Step] = map[string]float64{}
			}
			byStep[p.Step][k.name] = p.Value
			values[k.name] = append(values[k.name], p)
		}
	}
	if len(byStep) == 0 {
		return nil
	}
	first, last := math.MaxInt, 0
	for step := range byStep {
		first, last = min(first, step), max(last, step)
	}
	best := last
	for _, p := range values[scoreKNN] {
		if p.Step > 0 && p.Value > byStep[best][scoreKNN] {
			best = p.Step
		}
	}
	t := &scores{}
	for _, k := range scoreColumns {
		if len(values[k.name]) > 0 {
			t.Columns = append(t.Columns, k.name)
		}
	}
	row := func(name string, step int) scoreRow {
		r := scoreRow{Name: name, Step: humanize.Comma(int64(step))}
		for _, k := range scoreColumns {
			if len(values[k.name]) == 0 {
				continue
			}
			cell := "–"
			if v, ok := byStep[step][k.name]; ok {
				cell = chart.Minus(fmt.Sprintf(k.format, v))
			}
			r.Cells = append(r.Cells, cell)
		}
		return r
	}
	if first < best || first < last {
		r := row("first", first)
		if r.untrained = first == 0; r.untrained {
			r.Name = "before training"
		}
		t.Rows = append(t.Rows, r)
	}
	name := "last"
	if best == last && len(values[scoreKNN]) > 0 {
		name = "last, and best by kNN"
	} else if best != last {
		r := row("best by kNN", best)
		r.best = true
		t.Rows = append(t.Rows, r)
	}
	t.Rows = append(t.Rows, row(name, last))
	for _, probe := range s.probes[1:] {
		r := scoreRow{Name: shown(probe, 80)}
		for _, k := range scoreColumns {
			if len(values[k.name]) == 0 {
				continue
			}
			cell := "–"
			if p, ok := s.log.Last(tag(probe, k.of, k.metric)); ok && !math.IsNaN(p.Value) {
				cell, r.Step = chart.Minus(fmt.Sprintf(k.format, p.Value)), humanize.Comma(int64(p.Step))
			}
			r.Cells = append(r.Cells, cell)
		}
		t.Others = append(t.Others, r)
	}
	t.Protocol = s.protocol(len(values[scoreKNN]) > 0, len(values[scoreLinear]) > 0)
	return t
}

// protocol says how the scores are measured.
func (s *story) protocol(knn, linear bool) string {
	v := func(path, usual string) string { return shown(cmp.Or(s.value[path], usual), 60) }
	text := "On " + shown(s.probe, 120)
	for _, e := range slices.Backward(s.evals) {
		if e.Probe != s.probe || e.Of != run.OfBackbone {
			continue
		}
		if event, err := s.log.Event(e); err == nil && event.Rows > 0 {
			text += fmt.Sprintf(", %s queries", humanize.Comma(int64(event.Rows)))
			if event.LeftOut > 0 {
				text += fmt.Sprintf(" and %s more that no accuracy counts, since the bank has no image of "+
					"their classes",
					humanize.Comma(int64(event.LeftOut)))
			}
			if event.Overlap > 0 {
				text += fmt.Sprintf("; %s of them are also in the bank", humanize.Comma(int64(event.Overlap)))
			}
		}
		break
	}
	text += "; h are the backbone's features, z the embeddings that the loss sees."
	if knn {
		text += fmt.Sprintf(" kNN is a vote of the k = %s nearest neighbours by the cosine of h, weighted by "+
			"exp(cos/T) with T = %s.", v("probe.k", "20"), v("probe.temperature", "0.07"))
	}
	if linear {
		text += " Linear is a linear classifier that was trained on h, beside the encoder and without changing it."
	}
	return text
}

// curvePoints is about how many points a curve has.
const curvePoints = 240

// curves draws the curves of the run. Those of gradients and terms of the loss come apart.
func (s *story) curves() (main, more []figure) {
	marks := s.chartMarks()
	draw := func(caption, meaning string, guide *chart.Guide, zero bool, lines ...line) (figure, bool) {
		c := chart.Chart{Title: caption + " over the steps of training.", X: "optimiser steps", Axis: chart.Whole,
			Zero: zero, Guide: guide,
			Marks: marks}
		some := false
		for i, l := range lines {
			k := chart.Curve{Group: i}
			for _, p := range s.curve(l.tag, curvePoints) {
				k.Points = append(k.Points, chart.Point{X: float64(p.Step), Y: p.Value})
			}
			some = some || len(k.Points) > 1
			last, ok := chart.Last(k.Points)
			if ok {
				k.Title = strings.TrimPrefix(l.name+": ", ": ") + "at the end " + chart.Number(last)
				c.Title += " " + strings.TrimSpace(l.name+" ends at ") + " " + chart.Number(last) + "."
			}
			c.Curves = append(c.Curves, k)
			if len(lines) > 1 {
				c.Names = append(c.Names, l.name)
			}
		}
		f := figure{Caption: caption, Note: meaning}
		if c.Log = !zero && guide == nil && chart.Wide(c.Curves); c.Log {
			f.Note = strings.TrimPrefix(f.Note+", logarithmic", ", ")
		}
		f.SVG = c.SVG()
		return f, some
	}
	add := func(to *[]figure, caption, meaning string, guide *chart.Guide, zero bool, lines ...line) {
		var known []line
		for _, l := range lines {
			if _, ok := s.log.Last(l.tag); ok {
				known = append(known, l)
			}
		}
		if len(known) == 0 {
			return
		}
		if f, some := draw(caption, meaning, guide, zero, known...); some {
			*to = append(*to, f)
		}
	}
	var constant *chart.Guide
	if k := s.start().Constant; k != nil && k.Value.Finite() {
		constant = &chart.Guide{At: k.Value.Value, Name: "a collapsed network"}
	}
	add(&main, "Loss", "", constant, false, line{"loss", run.Loss})
	add(&main, "Accuracy of the backbone's features h", "", nil, false,
		line{"kNN", tag(s.probe, run.OfBackbone, run.KNN)}, line{"linear", tag(s.probe, run.OfBackbone, run.Linear)},
		line{"soft vote", tag(s.probe, run.OfEmbedding, run.Support)})
	for _, m := range []struct {
		metric, caption, note string
		guide                 *chart.Guide
	}{
		{run.Std, "Spread of embeddings z", "1: spread over all directions, 0: one point", &chart.Guide{At: 1}},
		{run.MeanCosine, "Mean cosine of embeddings z", "0: in all directions, 1: all equal", nil},
		{run.EffectiveRank, "Effective rank of embeddings z", "directions in use", nil},
	} {
		add(&main, m.caption, m.note, m.guide, true,
			line{"probe", tag(s.probe, run.OfEmbedding, m.metric)},
			line{"guard's sample", tag(run.GuardProbe, run.OfEmbedding, m.metric)})
	}
	add(&main, "Learning rate", "", nil, true, line{"rate", run.Rate})
	var gradients, parts []line
	for _, t := range s.log.Tags() {
		if name, ok := strings.CutPrefix(t, "gradients/"); ok && len(gradients) < chart.Styles {
			gradients = append(gradients, line{shown(name, 40), t})
		}
		if name, ok := strings.CutPrefix(t, "terms/"); ok && len(parts) < chart.Styles {
			parts = append(parts, line{shown(strings.ReplaceAll(name, "_", " "), 40), t})
		}
	}
	for _, p := range parts {
		add(&more, "Term of the loss: "+p.name, "", nil, false, p)
	}
	add(&more, "Norms of gradients, by part", "", nil, false, gradients...)
	add(&more, "Images per second", "", nil, true, line{"speed", run.ImagesPerSecond})
	return main, more
}

// A line is a curve of a chart.
type line struct{ name, tag string }

// mostChartMarks is how many events a chart marks.
const mostChartMarks = 12

// chartMarks are the events that charts mark.
func (s *story) chartMarks() []chart.Mark {
	var all []chart.Mark
	for _, m := range s.marks {
		k := chart.Mark{At: float64(m.Step)}
		switch m.Event {
		case run.Alarm:
			k.Sign, k.Title = "!", fmt.Sprintf("alarm at step %d: %s", m.Step, shown(cmp.Or(m.Class, m.Name), 40))
		case run.Rewound:
			k.Sign, k.Title = "↶", fmt.Sprintf("went back to step %d", m.Step)
		case run.Resumed:
			k.Sign, k.Title = "r", fmt.Sprintf("resumed after step %d", m.Step)
		default:
			continue
		}
		if len(all) < mostChartMarks {
			all = append(all, k)
		}
	}
	if s.best > 0 {
		all = append(all, chart.Mark{At: float64(s.best), Sign: "★", Title: fmt.Sprintf("best checkpoint, step %d",
			s.best)})
	}
	return all
}
