// SPDX-License-Identifier: Apache-2.0

package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/internal/shell"
	"github.com/parallax-ssl/parallax/internal/terms"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/run"
)

// File is the name of the report in a laboratory's output.
const File = "report.html"

//go:embed report.tmpl.html
var reportText string

//go:embed report.css
var ownStyle string

// Style is the style sheet of what [Content] writes.
var Style = chart.Style + ownStyle

var reportTemplate = template.Must(template.New("report").Parse(reportText))

// Write writes the report of the laboratory in dir to w: one HTML file that needs no network. It covers the runs that
// have ended, so it can be written while others are in progress. The plan's claims are looked up in known.
func Write(w io.Writer, dir string, known []lab.Experiment, methods Methods) error {
	return write(w, "report", dir, known, methods)
}

// Content writes the same as a part of a page: without style, script and head. [Style] is its style.
func Content(w io.Writer, dir string, known []lab.Experiment, methods Methods) error {
	return write(w, "content", dir, known, methods)
}

func write(w io.Writer, part, dir string, known []lab.Experiment, methods Methods) error {
	l, err := lab.Open(dir, known)
	if err != nil {
		return err
	}
	return reportTemplate.ExecuteTemplate(w, part,
		newPage(methods, l.Plan, setup(l.Plan, dir, l.Experiments), l.Experiments, l.Samples))
}

// WriteFile writes the report of the laboratory in dir to file, by default [File] in dir, and returns the file's path.
func WriteFile(dir, file string, known []lab.Experiment, methods Methods) (string, error) {
	if file == "" {
		file = filepath.Join(dir, File)
	}
	if _, err := lab.ReadPlan(dir); err != nil {
		return "", err // so that no file is written without a laboratory
	}
	err := run.WriteFile(file, func(w io.Writer) error { return Write(w, dir, known, methods) })
	if err != nil {
		return "", fmt.Errorf("writing the report of %s: %w", dir, err)
	}
	return file, nil
}

// A page is the content of the report, in its order.
type page struct {
	Style       template.CSS
	Facts       []word
	Command     string
	Moved       bool // paths in commands were shortened
	Tally       []tally
	Preliminary int  // number of preliminary verdicts
	Short       bool // no runs were made that could refute a claim
	Groups      []group
	Versions    []lab.Version
	Sections    []*section
	Atlas       atlas
	Disputes    []dispute
	Looks       []verdictLook
	Classes     []terms.Word
	Metrics     []word
}

// A tally is the number of claims with one verdict.
type tally struct {
	Look  verdictLook
	Count int
}

// A group has the answers whose runs began before or after their rules were fixed.
type group struct {
	Title, Note string
	Sections    []*section
}

// newGroups lists the groups that have sections.
func newGroups(sections []*section) []group {
	all := []group{
		{Title: "Runs that began after the rule was fixed", Note: "A run under a seed and on images that were known " +
			"before gives the same numbers again. Only other images or other seeds are new evidence."},
		{Title: "Runs that began before the rule was fixed, or at an unknown time",
			Note: "These numbers may have been known when the rule was changed."},
		{Title: "No runs", Note: "Computed in closed form, not testable here, or not yet trained."},
	}
	for _, s := range sections {
		at := 1
		switch {
		case s.closed || s.Finding.Seeds == 0:
			at = 2
		case s.Finding.After:
			at = 0
		}
		all[at].Sections = append(all[at].Sections, s)
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.Sections) == 0 })
}

// A section is the part of the report on one experiment.
type section struct {
	ID, Anchor, Method, MethodTitle, Switch    string
	Question, Claim, Reported, Scale, Measured string
	Source                                     []terms.Span
	Finding                                    lab.Finding
	closed                                     bool
	Look                                       verdictLook
	Arms                                       []armRow
	Columns                                    []string // the metrics
	Rule                                       []ruleLine
	Figures                                    []figure
	Longer                                     []figure // of the runs of the longer length
	Pictures                                   []figure
	PictureNote                                string
	Diagnoses                                  []diagnosis
	Again                                      []again
	Lab                                        string // the command for the whole experiment
}

// An armRow is an arm and its results.
type armRow struct {
	Index   int // of its style
	Letter  string
	Name    string
	Method  string
	Set     []string
	Length  string // if it is not the usual one
	Control bool
	Ended   []ended
	Values  []value
}

// ended is the number of an arm's runs that ended in one class.
type ended struct {
	Class string
	Count int
	Bad   bool
}

// A value is a metric's median over seeds, its range, and its median before training.
type value struct{ Column, Median, Range, Start string }

// A ruleLine is one sentence of a rule and what the seeds say about it.
type ruleLine struct {
	Text  string
	Marks []mark
	Found string // the size of the effect
}

type mark struct{ Class, Sign, Title string }

// A figure is a drawing with its caption.
type figure struct {
	Arm           int // the arm that is drawn, -1 for all
	Caption, Note string
	SVG           template.HTML
}

// A diagnosis is a class in which runs of an arm ended, and the numbers that decided in each run.
type diagnosis struct {
	Arm            int
	Letter, Name   string
	Class, Meaning string
	Bad            bool
	Seeds          []word // each seed and its numbers
}

// again is the command that repeats one run.
type again struct{ Letter, Name, Command string }

// newPage makes the page from the samples that read returns.
func newPage(methods Methods, p lab.Plan, facts []word, experiments []lab.Experiment,
	read func(e lab.Experiment, long bool) []lab.Sample) *page {
	shown := p
	if filepath.IsAbs(p.Data) {
		shown.Data = filepath.Base(p.Data) // the folder means nothing on another machine
	}
	g := &page{Style: template.CSS(Style), Facts: facts, Moved: shown.Data != p.Data, Looks: verdictLooks,
		Classes: terms.Classes, Short: !p.Longer, Versions: lab.Versions}
	g.Command = labCommand(shown, p.Experiments)
	used := map[string]bool{}
	for _, e := range experiments {
		s := newSection(methods, shown, e, read(e, false), read(e, true))
		g.Sections = append(g.Sections, s)
		if s.Finding.Preliminary {
			g.Preliminary++
		}
		for _, m := range e.Shows {
			used[quantity(m)] = true
		}
	}
	findings := make([]lab.Finding, len(g.Sections))
	for i, s := range g.Sections {
		findings[i] = s.Finding
	}
	lab.Adjust(findings)
	for i, s := range g.Sections {
		s.Finding = findings[i]
	}
	g.Groups = newGroups(g.Sections)
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
		if q, known := terms.Quantities[name]; known {
			g.Metrics = append(g.Metrics, word(q))
		}
	}
	g.Atlas, g.Disputes = newAtlas(methods, g.Sections), newDisputes(g.Sections)
	sharePictures(g.Sections)
	return g
}

// sharePictures draws equal pictures once, because many experiments have the same control.
func sharePictures(sections []*section) {
	drawn := map[string]string{} // from the content of an svg element to its id
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

func newSection(methods Methods, p lab.Plan, e lab.Experiment, short, long []lab.Sample) *section {
	f := e.Judge(short, long)
	f.Why = readable(f.Why)
	s := &section{
		ID: e.ID, Anchor: strings.ToLower(e.ID), Method: e.Method, MethodTitle: methods.title(e.Method),
		Switch:   e.Turns(),
		Question: e.Question, Claim: e.Claim, Source: terms.Papers(e.Source), Reported: e.Reported, Scale: e.Scale,
		Finding: f, Look: lookOf(f.Verdict), Lab: labCommand(p, []string{e.ID}), closed: e.Closed != nil,
	}
	if e.Untestable != "" {
		return s
	}
	arms := armNames(e, short)
	for _, m := range e.Shows {
		s.Columns = append(s.Columns, title(m))
	}
	if len(short) > 0 {
		s.Measured = fmt.Sprintf("At the end of training: median over %d seeds, and smallest to largest.", len(short))
		if len(short) == 1 {
			s.Measured = "At the end of training, one seed."
		}
	}
	for i, name := range arms {
		s.Arms = append(s.Arms, newArmRow(methods, e, i, name, short))
	}
	s.Rule = ruleLines(e, short, f.Distances)
	s.Figures = curves(arms, short, e.Shows)
	if spectra, ok := spectra(arms, short); ok {
		s.Figures = append(s.Figures, spectra)
	}
	if len(long) > 0 {
		s.Longer = curves(arms, long, e.Shows[:min(1, len(e.Shows))])
	}
	s.Pictures, s.PictureNote = pictures(arms, short)
	s.Diagnoses = diagnoses(e, short)
	for i, a := range e.Arms {
		j := lab.Job{Arm: a, Seed: 1}
		s.Again = append(s.Again, again{letter(i), a.Name, shell.Command(p.Args(j,
			filepath.ToSlash(filepath.Join("runs", s.Anchor, letter(i)+"-seed-1"))))})
	}
	return s
}

// armNames returns the names of what was measured: the arms, or the parts of a closed form.
func armNames(e lab.Experiment, samples []lab.Sample) []string {
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

// measured returns a metric of an arm at the end of a seed's run, or the value of a closed form.
func measured(s lab.Sample, arm string, m lab.Metric) float64 {
	if v, known := s.Values[m]; known && s.Traces[arm] == nil {
		return v
	}
	return s.Value(arm, m)
}

func newArmRow(methods Methods, e lab.Experiment, i int, name string, samples []lab.Sample) armRow {
	row := armRow{Index: i % chart.Styles, Letter: letter(i), Name: name, Control: i == 0 && len(e.Arms) > 0}
	if i < len(e.Arms) {
		a := e.Arms[i]
		row.Method, row.Set = methods.title(a.Method), a.Set
		if a.RelativeLength() != 1 {
			row.Length = fmt.Sprintf("trained %s times as long", chart.Number(a.RelativeLength()))
		}
	}
	for _, m := range e.Shows {
		var ends, starts []float64
		for _, s := range samples {
			if v := measured(s, name, m); !math.IsNaN(v) {
				ends = append(ends, v)
			}
			if t := s.Traces[name]; t != nil {
				if v := t.First(m); !math.IsNaN(v) {
					starts = append(starts, v)
				}
			}
		}
		v := value{Column: title(m)}
		if len(ends) > 0 {
			v.Median = chart.Number(chart.Median(ends))
			if len(ends) > 1 {
				v.Range = chart.Number(slices.Min(ends)) + " to " + chart.Number(slices.Max(ends))
			}
			if len(starts) > 0 {
				v.Start = chart.Number(chart.Median(starts))
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

// Changed returns the effect of the switch: for each arm but the control, the class in which most runs ended, each
// class once.
func (s *section) Changed() []string {
	var all []string
	for _, a := range s.Arms {
		if !a.Control && len(a.Ended) > 0 && !slices.Contains(all, a.Ended[0].Class) {
			all = append(all, a.Ended[0].Class)
		}
	}
	return all
}

// Chance returns the probability that so many seeds agree by chance, and what remains of it among all claims.
func (s *section) Chance() string {
	if s.Finding.P == 0 {
		return "–"
	}
	return chart.Number(hundredths(s.Finding.P)) + "; " + chart.Number(hundredths(s.Finding.Adjusted))
}

// hundredths rounds to two decimals.
func hundredths(v float64) float64 { return math.Round(100*v) / 100 }

// far returns the sizes of the differences of an arm that should not collapse.
func far(distances []lab.Distance, arm string) string {
	var all []string
	for _, d := range distances {
		if d.Arm != arm {
			continue
		}
		what := title(d.Metric)
		if d.Metric == lab.EffectiveRank {
			what = "log of the " + what
		}
		n := func(v float64) string { return chart.Number(hundredths(v)) }
		all = append(all, fmt.Sprintf("%s: %s from that of %s (95 %%: %s to %s), or %s pooled standard deviations; "+
			"collapse from %s on", what, n(d.Mean), d.Of, n(d.Low), n(d.High), n(d.Mean/d.Deviation), n(d.Limit)))
	}
	return strings.Join(all, ". ")
}

// ruleLines returns the rule's sentences. Those that are judged in every seed have a mark for each seed.
func ruleLines(e lab.Experiment, samples []lab.Sample, distances []lab.Distance) []ruleLine {
	var all []ruleLine
	for i, text := range e.Rule() {
		l := ruleLine{Text: readable(text)}
		switch {
		case i < len(e.Expect):
			for _, s := range samples {
				l.Marks = append(l.Marks, newMark(e, i, s))
			}
			l.Found = far(distances, e.Expect[i].Spread)
		case i == len(e.Expect) && e.Effect != nil && len(samples) >= lab.LeastSeeds:
			l.Found = "not measured"
			if effect := e.EffectSize(samples); !math.IsNaN(effect) {
				l.Found = "found: " + chart.Number(math.Round(10*effect)/10)
			}
		}
		all = append(all, l)
	}
	return all
}

func newMark(e lab.Experiment, expectation int, s lab.Sample) mark {
	if why := s.ControlFailed(e); why != "" {
		return mark{"none", "c", fmt.Sprintf("seed %d: the control failed: %s", s.Seed, why)}
	}
	switch e.Expect[expectation].Judge(e, s) {
	case lab.Agrees:
		return mark{"yes", "✓", fmt.Sprintf("seed %d agrees", s.Seed)}
	case lab.Opposes:
		return mark{"no", "✗", fmt.Sprintf("seed %d opposes", s.Seed)}
	}
	return mark{"open", "?", fmt.Sprintf("seed %d is unclear", s.Seed)}
}

// diagnoses lists what the runs of every arm ended as.
func diagnoses(e lab.Experiment, samples []lab.Sample) []diagnosis {
	var all []diagnosis
	for i, a := range e.Arms {
		first := len(all)
		add := func(seed int, f collapse.Finding) {
			at := first + slices.IndexFunc(all[first:], func(d diagnosis) bool {
				return d.Class == string(f.Class) && d.Meaning == f.Meaning
			})
			if at < first {
				at = len(all)
				all = append(all, diagnosis{Arm: i % chart.Styles, Letter: letter(i), Name: a.Name,
					Class:   string(f.Class),
					Meaning: f.Meaning, Bad: f.Class.Alarming()})
			}
			parts := make([]string, len(f.Evidence))
			for k, v := range f.Evidence {
				parts[k] = chart.Minus(strings.ReplaceAll(v.String(), "_", " "))
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
