// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dataset/survey"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/pretrain"
)

// dataReport prints a checkup as it is made.
type dataReport struct {
	w      io.Writer
	silent bool
}

func (o *dataReport) line(what, is string) {
	if !o.silent {
		printFindings(o.w, []finding{{what, printable.Text(is)}})
	}
}

// gap ends a part of the report.
func (o *dataReport) gap() {
	if !o.silent {
		fmt.Fprintln(o.w)
	}
}

// data says what the path was taken for.
func (o *dataReport) data(d *dataFacts) {
	kind := map[string]string{
		string(dataset.KindFolder): "a folder of image files", string(dataset.KindTar): "an archive of image files",
		string(dataset.KindZip): "an archive of image files", string(dataset.KindSynthetic): "images drawn on the spot",
		string(dataset.KindCIFAR10): "CIFAR-10's files", string(dataset.KindCIFAR100): "CIFAR-100's files",
		string(dataset.KindIDX): "IDX files", string(dataset.KindParquet): "images in Parquet files",
		string(dataset.KindList): "the images that a list or a pattern names",
	}[d.Kind]
	if d.Packed != "" {
		kind += fmt.Sprintf(", in a pack (%s)", d.Packed)
	}
	o.line("data", fmt.Sprintf("%s: %s", printable.Name(d.Path), kind))
	if len(d.Splits) == 0 {
		o.line("splits", fmt.Sprintf("none (%s): all %d images are trained on", d.SplitWhy, d.Images))
	} else {
		var all []string
		for _, s := range d.Splits {
			from := ""
			if s.From != "" && s.From != s.Name {
				from = " in " + printable.Name(s.From)
			}
			all = append(all, fmt.Sprintf("%s (%d%s)", s.Name, s.Images, from))
		}
		which := "the images of " + d.Split
		if d.Split == dataset.SplitAll {
			which = "all of them"
		}
		o.line("splits", fmt.Sprintf("%s, %s: %s are trained on", strings.Join(all, ", "), d.SplitWhy, which))
	}
	switch n := len(d.Classes); {
	case n == 0:
		o.line("classes", "no labels: "+d.ClassWhy)
	case d.ClassesFrom == "folders":
		o.line("classes", fmt.Sprintf("%d, the names of folders: %s", n, some(d.Classes)))
	default:
		o.line("classes", fmt.Sprintf("%d, from %s: %s", n, printable.Name(d.ClassesFrom), some(d.Classes)))
	}
	for i, l := range d.LeftOut {
		o.line([]string{"left out", ""}[min(i, 1)], dataset.LeftOut(l).String())
	}
	for i, r := range d.Remarks {
		o.line([]string{"note", ""}[min(i, 1)], r)
	}
}

// some lists the first names.
func some(names []string) string {
	const most = 8
	text := printable.Names(names[:min(len(names), most)])
	if len(names) > most {
		text += ", ..."
	}
	return text
}

// images says what reading the images has found.
func (o *dataReport) images(r *survey.Report, size int) {
	read := 0
	for i := range r.Splits {
		s := &r.Splits[i]
		read += s.Read
		if len(r.Splits) > 1 {
			o.gap()
			o.line(s.Name, several(s.Images, "image"))
		}
		o.split(s, size)
	}
	if len(r.Splits) > 1 {
		o.gap()
		o.leaks(r)
	}
	if g := r.Conflicts; g.Groups > 0 {
		o.line("contradictions", fmt.Sprintf("%s with the same pixels and different labels: %s",
			several(g.Groups, "group"), grouped(g)))
	}
	if r.Seconds > 0 {
		o.line("reading", fmt.Sprintf("%d images in %.1f s, %.0f images/s", read, r.Seconds, float64(read)/r.Seconds))
	}
}

func (o *dataReport) split(s *survey.Split, size int) {
	if !s.Whole() {
		o.line("read", fmt.Sprintf("a random sample of %d of %d images: --full reads all", s.Read, s.Images))
	}
	good := s.Read - s.Bad()
	if len(s.Unreadable) == 0 {
		o.line("unreadable", "none")
	}
	const reasons = 5
	for i, t := range s.Unreadable[:min(len(s.Unreadable), reasons)] {
		o.line([]string{"unreadable", ""}[min(i, 1)], fmt.Sprintf("%d: %s (%s)", t.Count, t.Name, such(t)))
	}
	if more := len(s.Unreadable) - reasons; more > 0 {
		o.line("", fmt.Sprintf("... and for %d more reasons", more))
	}
	if good == 0 {
		return
	}
	var formats []string
	for _, f := range s.Formats {
		formats = append(formats, fmt.Sprintf("%d %s", f.Count, f.Name))
	}
	o.line("formats", strings.Join(formats, ", "))
	if len(s.Deep) > 0 {
		var deep []string
		for _, t := range s.Deep {
			deep = append(deep, fmt.Sprintf("%d with %s", t.Count, t.Name))
		}
		o.line("depth", strings.Join(deep, ", "))
	}
	o.line("sizes", sizes(s.Sizes))
	if s.Small.Count > 0 {
		o.line("small", fmt.Sprintf("%s smaller than a view of %d px (%s)", several(s.Small.Count, "image"), size,
			such(s.Small)))
	}
	if s.Thin.Count > 0 {
		o.line("thin", fmt.Sprintf("%s with one side at least %d times the other (%s)",
			several(s.Thin.Count, "image"), survey.ThinRatio, such(s.Thin)))
	}
	colour := fmt.Sprintf("%d of %d images are grey", s.Grey, good)
	switch s.Grey {
	case 0:
		colour = "all are in colour"
	case good:
		colour = "all are grey"
	}
	o.line("colour", colour)
	if s.Constant.Count > 0 {
		o.line("constant", fmt.Sprintf("%s of one colour (%s)", several(s.Constant.Count, "image"), such(s.Constant)))
	}
	if !s.Kept {
		o.line("statistics", fmt.Sprintf("mean %s, standard deviation %s of red, green, blue (of 0 to 1)",
			three(s.Mean), three(s.Std)))
	}
	o.line("copies", surplus(s.Copies, "with the same pixels as another"))
	o.line("near copies", surplus(s.Near, "that look like another"))
	if len(s.Classes) > 0 {
		o.line("labels", balance(s))
	}
}

// balance says how many images the classes have.
func balance(s *survey.Split) string {
	list := slices.DeleteFunc(slices.Clone(s.Classes), func(t survey.Tally) bool { return t.Count == 0 })
	if len(list) == 0 {
		return "no image has one"
	}
	slices.SortStableFunc(list, func(a, b survey.Tally) int { return a.Count - b.Count })
	least, most := list[0], list[len(list)-1]
	text := fmt.Sprintf("%d classes of %d (%s) to %s (%s)", len(list), least.Count, printable.Name(least.Name),
		several(most.Count, "image"), printable.Name(most.Name))
	switch {
	case len(list) == 1:
		text = fmt.Sprintf("1 class of %s (%s)", several(most.Count, "image"), printable.Name(most.Name))
	case least.Count == most.Count:
		text = fmt.Sprintf("%d classes of %s each", len(list), several(most.Count, "image"))
	}
	if s.Unlabelled > 0 {
		text += fmt.Sprintf("; %s without a label", several(s.Unlabelled, "image"))
	}
	return text
}

// leaks says which splits share images.
func (o *dataReport) leaks(r *survey.Report) {
	whole := !slices.ContainsFunc(r.Splits, func(s survey.Split) bool { return !s.Whole() })
	switch {
	case len(r.Leaks) == 0 && whole:
		o.line("shared", "no image is in two splits")
	case len(r.Leaks) == 0:
		o.line("shared", "none of the images that were read is in two splits")
	}
	for i, l := range r.Leaks {
		var pairs []string
		for _, p := range l.Examples {
			pairs = append(pairs, printable.Name(p[0])+" and "+printable.Name(p[1]))
		}
		o.line([]string{"shared", ""}[min(i, 1)], fmt.Sprintf("%s of %s also in %s, and %d more that look alike (%s)",
			several(l.Copies, "image"), l.Of, l.In, l.Near, strings.Join(pairs, "; ")))
	}
}

func surplus(g survey.Groups, are string) string {
	if g.Groups == 0 {
		return "none"
	}
	return fmt.Sprintf("%s %s, in %s (%s)", several(g.Surplus, "image"), are, several(g.Groups, "group"), grouped(g))
}

func grouped(g survey.Groups) string {
	var all []string
	for _, names := range g.Examples {
		all = append(all, equal(names))
	}
	return strings.Join(all, "; ")
}

// equal lists names of images that are the same.
func equal(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, printable.Name(n))
	}
	return strings.Join(all, " = ")
}

func such(t survey.Tally) string {
	text := printable.Names(t.Examples)
	if t.Count > len(t.Examples) {
		text += ", ..."
	}
	return text
}

func sizes(s survey.Sizes) string {
	px := func(z [2]int) string { return fmt.Sprintf("%d x %d", z[0], z[1]) }
	if s.Equal() {
		return "all " + px(s.Least)
	}
	return fmt.Sprintf("median %s, from %s to %s; width/height %.2g to %.2g", px(s.Median), px(s.Least), px(s.Largest),
		s.Narrowest, s.Widest)
}

func three(v [3]float64) string { return fmt.Sprintf("%.3f %.3f %.3f", v[0], v[1], v[2]) }

// run says what would be trained.
func (o *dataReport) run(r *runFacts, c *config.Config) {
	o.gap()
	o.line("run", fmt.Sprintf("%s, %s of width %d, views of %d px, %s, threads: %d", r.Method, r.Backbone,
		c.Backbone.Width, c.Data.Size, r.Precision, r.Threads))
	o.line("preset", r.Preset)
	length := fmt.Sprintf("%s of %s: %s of %d images", several(r.Epochs, "epoch"), several(r.PerEpoch, "step"),
		several(r.Steps, "step"), r.Batch)
	if c.Train.MaxSteps > 0 {
		length = fmt.Sprintf("%s of %d images; an epoch is %s", several(r.Steps, "step"), r.Batch,
			several(r.PerEpoch, "step"))
	}
	o.line("length", length)
}

// rehearsal says how long the run takes.
func (o *dataReport) rehearsal(m *pretrain.Rehearsal, r *runFacts) {
	how := "measured"
	if m.Scaled(r.Batch) {
		how = fmt.Sprintf("scaled from steps of %d images", m.Batch)
	}
	o.line("step", fmt.Sprintf("%s (%s)", duration(m.StepTime), how))
	load := fmt.Sprintf("%.0f images/s (measured), %s for a step, while the networks train", m.LoadRate,
		duration(m.LoadTime))
	if m.LoadTime > m.StepTime {
		load += ": training waits for images"
	}
	o.line("loading", load)
	o.line("evaluations", fmt.Sprintf("%d, each of %d images in about %s (estimated from the step)", m.Evals,
		m.EvalImages, duration(m.EvalTime)))
	o.line("time", fmt.Sprintf("about %s for %s, of which evaluations take %s", duration(m.Seconds()),
		several(m.Steps, "step"), duration(float64(m.Evals)*m.EvalTime)))
	if m.Memory > 0 {
		o.line("memory", fmt.Sprintf("about %s (%s)", humanize.IBytes(uint64(m.Memory)), how))
	}
}

// warnings ends the report.
func (o *dataReport) warnings(list []string) {
	if o.silent {
		return
	}
	fmt.Fprintln(o.w)
	if len(list) == 0 {
		fmt.Fprintln(o.w, "nothing was found that stands against training on this data")
	}
	for _, w := range list {
		fmt.Fprintln(o.w, "warning: "+printable.Text(w))
	}
}

// duration writes seconds with two or three digits, as "12 min".
func duration(seconds float64) string {
	const minute, hour, day = 60., 3600., 86400.
	switch {
	case seconds < 10:
		return fmt.Sprintf("%.2g s", seconds)
	case seconds < 2*minute:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 2*hour:
		return fmt.Sprintf("%.0f min", seconds/minute)
	case seconds < 2*day:
		return fmt.Sprintf("%.1f h", seconds/hour)
	}
	return fmt.Sprintf("%.1f days", seconds/day)
}

// several writes a number of things.
func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
