// SPDX-License-Identifier: Apache-2.0

package lab

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// ReportFile is where the report lies in a laboratory's output.
const ReportFile = "report.html"

//go:embed report.tmpl.html
var reportText string

//go:embed report.css
var reportStyle string

var reportTemplate = template.Must(template.New("report").Parse(reportText))

// Report writes the report of the laboratory in dir to w: one HTML file that needs no network. It is of the runs that have
// ended, so that it can be made while others go on.
func Report(dir string, w io.Writer) error {
	p, experiments, err := opened(dir)
	if err != nil {
		return err
	}
	return reportTemplate.Execute(w, newPage(p, setup(p, dir, experiments), experiments, newEndedRuns(p, dir).samples))
}

// Findings are the verdicts of the laboratory in dir, from the runs that have ended.
func Findings(dir string) ([]Finding, error) {
	p, experiments, err := opened(dir)
	if err != nil {
		return nil, err
	}
	return newEndedRuns(p, dir).findings(experiments), nil
}

// opened reads what the laboratory in dir was asked for.
func opened(dir string) (Plan, []Experiment, error) {
	p, err := ReadPlan(dir)
	if err != nil {
		return Plan{}, nil, err
	}
	experiments, err := p.experiments()
	if err != nil {
		return Plan{}, nil, fmt.Errorf("reading the plan of %s: %w", dir, err)
	}
	return p, experiments, nil
}

// A page is what the report says, in the order in which it does.
type page struct {
	Style       template.CSS
	Facts       []word
	Command     string
	Moved       bool // paths in commands were shortened
	Tally       []tally
	Preliminary int // verdicts that are
	Sections    []*section
	Atlas       atlas
	Disputes    []dispute
	Looks       []verdictLook
	Classes     []word
	Metrics     []word
}

// A tally is how many claims have a verdict.
type tally struct {
	Look  verdictLook
	Count int
}

// A section is what the report says of one experiment.
type section struct {
	ID, Anchor, Method, MethodTitle, Switch    string
	Question, Claim, Reported, Scale, Measured string
	Source                                     []span
	Finding                                    Finding
	Look                                       verdictLook
	Arms                                       []armRow
	Columns                                    []string // of the measured values
	Rule                                       []ruleLine
	Figures                                    []figure
	Longer                                     []figure // of the runs at the longer length
	Pictures                                   []figure
	PictureNote                                string
	Diagnoses                                  []diagnosis
	Again                                      []again
	Lab                                        string // the command for the whole experiment
}

// A span is a piece of text, with the address that it links to or "".
type span struct{ Text, Link string }

// An armRow is an arm with what it ended at.
type armRow struct {
	Index   int // of its style
	Letter  string
	Name    string
	Method  string
	Set     []string
	Length  string // when it is not the others'
	Control bool
	Ended   []ended
	Values  []value
}

// ended is how many of an arm's runs ended in a class.
type ended struct {
	Class string
	Count int
	Bad   bool
}

// A value is a metric's median over seeds, with its least and largest, and the median before training.
type value struct{ Column, Median, Range, Start string }

// A ruleLine is one sentence of a rule and what the seeds said of it.
type ruleLine struct {
	Text  string
	Marks []mark
	Found string // the size of the effect
}

type mark struct{ Class, Sign, Title string }

// A figure is a drawing with what is written above it.
type figure struct {
	Arm           int // whose it is, -1 for all
	Caption, Note string
	SVG           template.HTML
}

// A diagnosis is a class that runs of an arm ended in, and the numbers that decided in each of them.
type diagnosis struct {
	Arm            int
	Letter, Name   string
	Class, Meaning string
	Bad            bool
	Seeds          []word // and the numbers
}

// again is how one run is made again.
type again struct{ Letter, Name, Command string }

// newPage arranges what read finds of the experiments.
func newPage(p Plan, facts []word, experiments []Experiment, read func(e Experiment, long bool) []Sample) *page {
	shown := p
	if filepath.IsAbs(p.Data) {
		shown.Data = filepath.Base(p.Data) // where it lay on one machine helps nobody on another
	}
	g := &page{Style: template.CSS(reportStyle), Facts: facts, Moved: shown.Data != p.Data, Looks: verdictLooks, Classes: classWords}
	g.Command = labCommand(shown, p.Experiments)
	used := map[string]bool{}
	for _, e := range experiments {
		s := newSection(shown, e, read(e, false), read(e, true))
		g.Sections = append(g.Sections, s)
		if s.Finding.Preliminary {
			g.Preliminary++
		}
		for _, m := range e.Shows {
			used[m.quantity()] = true
		}
	}
	for _, l := range verdictLooks {
		n := 0
		for _, s := range g.Sections {
			if s.Finding.Verdict == l.Verdict {
				n++
			}
		}
		if n > 0 {
			g.Tally = append(g.Tally, tally{l, n})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if q, known := quantities[name]; known {
			g.Metrics = append(g.Metrics, q)
		}
	}
	g.Atlas, g.Disputes = newAtlas(g.Sections), newDisputes(g.Sections)
	sharePictures(g.Sections)
	return g
}

// sharePictures leaves of equal pictures only the first: many experiments have the same control.
func sharePictures(sections []*section) {
	drawn := map[string]string{} // what is within the svg element, and its id
	for _, s := range sections {
		for i, f := range s.Pictures {
			head, body, _ := strings.Cut(strings.TrimSuffix(string(f.SVG), "</svg>"), ">")
			id, known := drawn[body]
			if known {
				body = `<use href="#` + id + `"/>`
			} else {
				id = "drawn-" + strconv.Itoa(len(drawn)+1)
				drawn[body] = id
				body = `<g id="` + id + `">` + body + "</g>"
			}
			s.Pictures[i].SVG = template.HTML(head + ">" + body + "</svg>")
		}
	}
}

func newSection(p Plan, e Experiment, short, long []Sample) *section {
	f := e.Judge(short, long)
	f.Why = readable(f.Why)
	s := &section{
		ID: e.ID, Anchor: strings.ToLower(e.ID), Method: e.Method, MethodTitle: methodTitle(e.Method), Switch: e.turns(),
		Question: e.Question, Claim: e.Claim, Source: spans(e.Source), Reported: e.Reported, Scale: e.Scale,
		Finding: f, Look: f.Verdict.look(), Lab: labCommand(p, []string{e.ID}),
	}
	if e.Untestable != "" {
		return s
	}
	arms := e.armNames(short)
	for _, m := range e.Shows {
		s.Columns = append(s.Columns, m.title())
	}
	if len(short) > 0 {
		s.Measured = fmt.Sprintf("At the end of training, median over %d seeds, least to largest.", len(short))
		if len(short) == 1 {
			s.Measured = "At the end of training, one seed."
		}
	}
	for i, name := range arms {
		s.Arms = append(s.Arms, e.armRow(i, name, short))
	}
	s.Rule = e.ruleLines(short)
	s.Figures = e.curves(arms, short, e.Shows)
	if spectra, ok := spectra(arms, short); ok {
		s.Figures = append(s.Figures, spectra)
	}
	if len(long) > 0 {
		s.Longer = e.curves(arms, long, e.Shows[:min(1, len(e.Shows))])
	}
	s.Pictures, s.PictureNote = pictures(arms, short)
	s.Diagnoses = e.diagnoses(short)
	for i, a := range e.Arms {
		j := Job{Arm: a, Seed: 1}
		s.Again = append(s.Again, again{letter(i), a.Name, shell(p.Args(j, filepath.ToSlash(filepath.Join("runs", s.Anchor, letter(i)+"-seed-1"))))})
	}
	return s
}

// armNames are the names of what was measured: the arms, or of a closed form whatever it has numbers of.
func (e Experiment) armNames(samples []Sample) []string {
	var names []string
	for _, a := range e.Arms {
		names = append(names, a.Name)
	}
	if len(e.Arms) == 0 {
		for _, s := range samples {
			for _, name := range slices.Sorted(maps.Keys(s.Traces)) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		if len(names) == 0 && len(samples) > 0 {
			names = []string{"closed form"}
		}
	}
	return names
}

// measured is a metric of an arm at the end of a seed's run, or as a closed form gives it.
func (s Sample) measured(arm string, m Metric) float64 {
	if v, known := s.Values[m]; known && s.Traces[arm] == nil {
		return v
	}
	return s.value(arm, m)
}

func (e Experiment) armRow(i int, name string, samples []Sample) armRow {
	row := armRow{Index: i % armStyles, Letter: letter(i), Name: name, Control: i == 0 && len(e.Arms) > 0}
	if i < len(e.Arms) {
		a := e.Arms[i]
		row.Method, row.Set = methodTitle(a.Method), a.Set
		if a.length() != 1 {
			row.Length = fmt.Sprintf("trained %s times as long", number(a.length()))
		}
	}
	for _, m := range e.Shows {
		var ends, starts []float64
		for _, s := range samples {
			if v := s.measured(name, m); !math.IsNaN(v) {
				ends = append(ends, v)
			}
			if t := s.Traces[name]; t != nil {
				if v := t.First(m); !math.IsNaN(v) {
					starts = append(starts, v)
				}
			}
		}
		v := value{Column: m.title()}
		if len(ends) > 0 {
			v.Median = number(median(ends))
			if len(ends) > 1 {
				v.Range = number(slices.Min(ends)) + " to " + number(slices.Max(ends))
			}
			if len(starts) > 0 {
				v.Start = number(median(starts))
			}
		}
		row.Values = append(row.Values, v)
	}
	for _, s := range samples {
		if s.Traces[name] == nil || i >= len(e.Arms) {
			continue
		}
		class := s.Diagnosis(e, name).Worst().Class
		at := slices.IndexFunc(row.Ended, func(x ended) bool { return x.Class == string(class) })
		if at < 0 {
			at = len(row.Ended)
			row.Ended = append(row.Ended, ended{Class: string(class), Bad: class.Alarming()})
		}
		row.Ended[at].Count++
	}
	slices.SortStableFunc(row.Ended, func(a, b ended) int { return b.Count - a.Count })
	return row
}

// Changed are the classes that most runs of the arms other than the control ended in, each once: what the switch did.
func (s *section) Changed() []string {
	var all []string
	for _, a := range s.Arms {
		if !a.Control && len(a.Ended) > 0 && !slices.Contains(all, a.Ended[0].Class) {
			all = append(all, a.Ended[0].Class)
		}
	}
	return all
}

// ruleLines are the rule's sentences, those that are judged in every seed with a mark for each.
func (e Experiment) ruleLines(samples []Sample) []ruleLine {
	var all []ruleLine
	for i, text := range e.Rule() {
		l := ruleLine{Text: readable(text)}
		switch {
		case i < len(e.Expect):
			for _, s := range samples {
				l.Marks = append(l.Marks, e.mark(i, s))
			}
		case i == len(e.Expect) && e.Effect != nil && len(samples) >= leastSeeds:
			l.Found = "not measured"
			if effect := e.effect(samples); !math.IsNaN(effect) {
				l.Found = "found: " + number(math.Round(10*effect)/10)
			}
		}
		all = append(all, l)
	}
	return all
}

func (e Experiment) mark(expectation int, s Sample) mark {
	if why := s.controlFailed(e); why != "" {
		return mark{"none", "c", fmt.Sprintf("seed %d: the control failed: %s", s.Seed, why)}
	}
	switch e.Expect[expectation].Judge(e, s) {
	case Agrees:
		return mark{"yes", "✓", fmt.Sprintf("seed %d: so", s.Seed)}
	case Opposes:
		return mark{"no", "✗", fmt.Sprintf("seed %d: the opposite", s.Seed)}
	}
	return mark{"open", "?", fmt.Sprintf("seed %d: neither", s.Seed)}
}

// curves are the drawings of metrics over the steps of training, every seed and arm. A metric that was measured once has none.
func (e Experiment) curves(arms []string, samples []Sample, metrics []Metric) []figure {
	var all []figure
	for _, m := range metrics {
		c := chart{X: "optimiser steps", Steps: true, Names: arms, Title: fmt.Sprintf("%s over the steps of training. ", m.title())}
		points := 0
		for i, name := range arms {
			var ends []float64
			for _, s := range samples {
				if t := s.Traces[name]; t != nil {
					k := curve{Arm: i, Points: t.Curve(m)}
					points = max(points, len(k.Points))
					last, _ := lastFinite(k.Points)
					ends = append(ends, last)
					k.Title = fmt.Sprintf("%s, seed %d: %s", letter(i), s.Seed, number(last))
					c.Curve = append(c.Curve, k)
				}
			}
			if len(ends) > 0 {
				c.Title += fmt.Sprintf("%s ends at %s; ", name, number(median(ends)))
			}
		}
		if points < 2 {
			continue
		}
		c.Log = wide(c.Curve)
		f := figure{Arm: -1, Caption: heading(m.title()), SVG: c.SVG()}
		if c.Log {
			f.Note = "logarithmic"
		}
		all = append(all, f)
	}
	return all
}

// heading begins with a capital letter, unless its first word has one elsewhere.
func heading(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if first != strings.ToLower(first) || first == "" {
		return text
	}
	return strings.ToUpper(first[:1]) + text[1:]
}

// wide says whether values are all positive and spread over so many orders of magnitude that a linear axis hides the small ones.
func wide(curves []curve) bool {
	least, most := math.Inf(1), 0.0
	for _, k := range curves {
		for _, p := range k.Points {
			if finite(p.Y) {
				least, most = min(least, p.Y), max(most, p.Y)
			}
		}
	}
	return least > 0 && most > 300*least
}

// What is drawn of a spectrum: so many of its values, and down to this share of the largest.
const (
	spectrumPoints = 20
	spectrumFloor  = 1e-6
)

// spectra is the drawing of the singular values of z at the end, as shares of the largest.
func spectra(arms []string, samples []Sample) (figure, bool) {
	c := chart{X: "direction, largest first", Log: true, Names: arms, Title: "Singular values of the embeddings at the end of training, over the largest. "}
	for i, name := range arms {
		for _, s := range samples {
			e, ok := s.Traces[name].lastDetail()
			if !ok || len(e.Spectrum) == 0 || !(e.Spectrum[0] > 0) {
				continue
			}
			var points []XY
			for _, k := range thinned(len(e.Spectrum), spectrumPoints) {
				points = append(points, XY{float64(k + 1), max(e.Spectrum[k]/e.Spectrum[0], spectrumFloor)})
			}
			above := 0
			for _, v := range e.Spectrum {
				if v > e.Spectrum[0]/100 {
					above++
				}
			}
			c.Curve = append(c.Curve, curve{i, fmt.Sprintf("%s, seed %d: %d of %d above 1 %% of the largest", letter(i), s.Seed, above, len(e.Spectrum)), points})
		}
	}
	if len(c.Curve) == 0 {
		return figure{}, false
	}
	return figure{Arm: -1, Caption: "Spectrum of embeddings z at the end", Note: "singular values over the largest, logarithmic", SVG: c.SVG()}, true
}

// lastDetail is the last evaluation of the embeddings that has a spectrum.
func (t *Trace) lastDetail() (run.Event, bool) {
	all := t.details()
	if len(all) == 0 {
		return run.Event{}, false
	}
	return all[len(all)-1], true
}

// details are the evaluations of the embeddings on the first probe that have points, in order.
func (t *Trace) details() []run.Event {
	if t == nil {
		return nil
	}
	var all []run.Event
	probe := ""
	for _, e := range t.Events {
		if e.Event != run.Eval || probe != "" && e.Probe != probe {
			continue
		}
		probe = e.Probe
		if e.Of == run.OfEmbedding && (len(e.Points) > 0 || len(e.Spectrum) > 0) {
			all = append(all, e)
		}
	}
	return all
}

// thinned are n of the numbers from 0 below total, closer to one another where they are small.
func thinned(total, n int) []int {
	if total <= n {
		n = total
	}
	var all []int
	for i := range n {
		share := float64(i) / float64(max(1, n-1))
		k := max(i, int(math.Round(float64(total-1)*(0.4*share+0.6*share*share*share))))
		if len(all) == 0 || k > all[len(all)-1] {
			all = append(all, min(k, total-1))
		}
	}
	return all
}

// pictures are the embeddings of the first seed at some steps, for every arm to one scale, and a note on what is drawn.
func pictures(arms []string, samples []Sample) ([]figure, string) {
	if len(samples) == 0 {
		return nil, ""
	}
	limit := 0.0
	all := make([][]run.Event, len(arms))
	labelled := false
	for i, name := range arms {
		events := samples[0].Traces[name].details()
		events = slices.DeleteFunc(events, func(e run.Event) bool { return len(e.Points) == 0 })
		for _, k := range frames(events) {
			e := events[k]
			all[i] = append(all[i], e)
			for _, q := range e.Points[:min(len(e.Points), pointsShown)] {
				if finite(q[0]) && finite(q[1]) {
					limit = max(limit, math.Abs(q[0]), math.Abs(q[1]))
				}
			}
			labelled = labelled || slices.ContainsFunc(e.Labels, func(l int) bool { return l >= 0 })
		}
	}
	limit = max(0.25, math.Ceil(limit*4)/4) // few scales, so that experiments share pictures
	var figures []figure
	for i, events := range all {
		if len(events) == 0 {
			continue
		}
		p := picture{Limit: limit, Title: fmt.Sprintf("Embeddings of %s in two dimensions at %d steps of training", arms[i], len(events))}
		for _, e := range events {
			p.Frames = append(p.Frames, frame{e.Step, e.Points, e.Labels})
		}
		figures = append(figures, figure{Arm: i % armStyles, Caption: letter(i) + " " + arms[i], SVG: p.SVG()})
	}
	if len(figures) == 0 {
		return nil, ""
	}
	note := fmt.Sprintf("Seed %d: images as points, their embeddings scaled to length 1, in the two directions of their largest spread. Every square reaches from %s to %s in both, so that a collapsed embedding is one point.",
		samples[0].Seed, number(-limit), number(limit))
	if labelled {
		note += " Colours are classes of images."
	}
	return figures, note
}

// frames chooses the evaluations that a picture has squares for: the first, the last, and others evenly between on a logarithmic
// scale.
func frames(events []run.Event) []int {
	if len(events) <= squares {
		return thinned(len(events), squares)
	}
	last := math.Log1p(float64(events[len(events)-1].Step))
	chosen := []int{0}
	for i := 1; i < squares; i++ {
		// The first steps look alike: begin at a quarter of the scale.
		want := last * (0.25 + 0.75*float64(i)/(squares-1))
		best := chosen[len(chosen)-1] + 1
		for k := best; k < len(events)-(squares-1-i); k++ {
			if math.Abs(math.Log1p(float64(events[k].Step))-want) < math.Abs(math.Log1p(float64(events[best].Step))-want) {
				best = k
			}
		}
		chosen = append(chosen, best)
	}
	chosen[squares-1] = len(events) - 1
	return chosen
}

// diagnoses lists what the runs of every arm ended as.
func (e Experiment) diagnoses(samples []Sample) []diagnosis {
	var all []diagnosis
	for i, a := range e.Arms {
		first := len(all)
		add := func(seed int, f collapse.Finding) {
			at := first + slices.IndexFunc(all[first:], func(d diagnosis) bool { return d.Class == string(f.Class) && d.Meaning == f.Meaning })
			if at < first {
				at = len(all)
				all = append(all, diagnosis{Arm: i % armStyles, Letter: letter(i), Name: a.Name, Class: string(f.Class), Meaning: f.Meaning, Bad: f.Class.Alarming()})
			}
			parts := make([]string, len(f.Evidence))
			for k, v := range f.Evidence {
				parts[k] = minus(strings.ReplaceAll(v.String(), "_", " "))
			}
			all[at].Seeds = append(all[at].Seeds, word{fmt.Sprintf("seed %d", seed), strings.Join(parts, "; ")})
		}
		for _, s := range samples {
			d := s.Diagnosis(e, a.Name)
			add(s.Seed, d.Finding)
			if d.Clusters != nil {
				add(s.Seed, *d.Clusters)
			}
		}
	}
	return all
}

// setup is what the runs had in common, from the config of the first that is there.
func setup(p Plan, dir string, experiments []Experiment) []word {
	data := filepath.Base(p.Data)
	network := ""
	for _, j := range p.jobs(experiments) {
		file := filepath.Join(dir, j.Dir(), run.ConfigFile)
		text, err := run.ReadConfig(filepath.Join(dir, j.Dir()))
		if err != nil {
			continue
		}
		values, err := config.Values(text, file)
		if err != nil {
			continue
		}
		has := map[string]string{}
		for _, v := range values {
			has[v.Path] = v.Text
		}
		if n, size := has["data.images"], has["data.size"]; n != "" && size != "" {
			data += fmt.Sprintf(": %s images, %s×%s pixels", n, size, size)
		}
		if name := has["backbone.name"]; name != "" {
			network = name
			if width := has["backbone.width"]; width != "" {
				network += ", width " + width
			}
			if batch := has["train.batch"]; batch != "" {
				network += "; batches of " + batch
			}
		}
		break
	}
	facts := []word{{"Data", data}}
	if network != "" {
		facts = append(facts, word{"Network", network})
	}
	runs := len(p.jobs(experiments))
	facts = append(facts,
		word{"Training", fmt.Sprintf("%d steps a run; arms of another batch size see as many images", p.Steps)},
		word{"Seeds", fmt.Sprintf("1 to %d; with the same seed all arms have the same initial weights, order of the data and views", p.Seeds)},
		word{"Runs", strconv.Itoa(runs)})
	if len(p.Set) > 0 {
		facts = append(facts, word{"Set for all", strings.Join(p.Set, " ")})
	}
	return facts
}

// labCommand is the command that puts the claims to the test.
func labCommand(p Plan, ids []string) string {
	args := append([]string{"lab", "run"}, ids...)
	if len(ids) == len(All) && len(ids) > 1 {
		args = []string{"lab", "run", "all"}
	}
	args = append(args, "--data", p.Data, "--seeds", strconv.Itoa(p.Seeds), "--steps", strconv.Itoa(p.Steps))
	for _, s := range p.Set {
		args = append(args, "--set", s)
	}
	return shell(args)
}

var metrics = regexp.MustCompile(`\b(embedding|backbone|assignments|terms|steps|pretext|clustering)\.[a-z_]+`)

// readable writes out the metrics that a text names: those of a rule are as metrics.jsonl has them.
func readable(text string) string {
	return metrics.ReplaceAllStringFunc(text, func(name string) string { return Metric(name).title() })
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// shell is the parallax command with the arguments, as a shell reads it.
func shell(args []string) string {
	words := []string{"parallax"}
	for _, a := range args {
		if !plain.MatchString(a) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

var arxiv = regexp.MustCompile(`arXiv:(\d{4}\.\d{4,5})`)

// spans are the text with links to the papers on arXiv that it names.
func spans(text string) []span {
	var all []span
	at := 0
	for _, m := range arxiv.FindAllStringSubmatchIndex(text, -1) {
		all = append(all, span{Text: text[at:m[0]]}, span{text[m[0]:m[1]], "https://arxiv.org/abs/" + text[m[2]:m[3]]})
		at = m[1]
	}
	return append(all, span{Text: text[at:]})
}
