// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/run"
)

// curves draws metrics over the steps of training, for every seed and arm. Metrics that were measured only once are
// left out.
func curves(arms []string, samples []lab.Sample, metrics []lab.Metric) []figure {
	var all []figure
	for _, m := range metrics {
		c := chart.Chart{X: "optimiser steps", Axis: chart.Steps, Names: lettered(arms),
			Title: fmt.Sprintf("%s over the steps of training. ", title(m))}
		if m.Name() == lab.Std.Name() {
			c.Guide, c.Zero = &chart.Guide{At: 1, Name: "1/√d: spread evenly"}, true
		}
		most := 0
		for i, name := range arms {
			var ends []float64
			for _, s := range samples {
				if t := s.Traces[name]; t != nil {
					k := chart.Curve{Group: i, Points: points(t.Curve(m))}
					most = max(most, len(k.Points))
					last, _ := chart.Last(k.Points)
					ends = append(ends, last)
					k.Title = fmt.Sprintf("%s, seed %d: %s", letter(i), s.Seed, chart.Number(last))
					c.Curves = append(c.Curves, k)
				}
			}
			if len(ends) > 0 {
				c.Title += fmt.Sprintf("%s ends at %s; ", name, chart.Number(chart.Median(ends)))
			}
		}
		if most < 2 {
			continue
		}
		c.Log = chart.Wide(c.Curves)
		f := figure{Arm: -1, Caption: heading(title(m)), SVG: c.SVG()}
		if c.Log {
			f.Note = "logarithmic"
		}
		all = append(all, f)
	}
	return all
}

// lettered puts the letters of arms before their names.
func lettered(arms []string) []string {
	all := make([]string, len(arms))
	for i, name := range arms {
		all[i] = letter(i) + " " + name
	}
	return all
}

// letter returns the letter of an arm in drawings.
func letter(arm int) string { return string(rune('A' + arm%26)) }

// points are those of a curve of the laboratory.
func points(curve []lab.XY) []chart.Point {
	all := make([]chart.Point, len(curve))
	for i, p := range curve {
		all[i] = chart.Point(p)
	}
	return all
}

// heading makes the first letter a capital, unless the first word has a capital elsewhere.
func heading(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if first != strings.ToLower(first) || first == "" {
		return text
	}
	return strings.ToUpper(first[:1]) + text[1:]
}

// The drawing of a spectrum.
const (
	spectrumPoints = 20   // number of values
	spectrumFloor  = 1e-6 // smallest value, relative to the largest
)

// spectra draws the singular values of z at the end of training, relative to the largest.
func spectra(arms []string, samples []lab.Sample) (figure, bool) {
	c := chart.Chart{X: "direction, largest first", Log: true, Names: lettered(arms),
		Title: "Singular values of the embeddings at the end of training, relative to the largest. "}
	for i, name := range arms {
		for _, s := range samples {
			e, ok := lastDetail(s.Traces[name])
			if !ok || len(e.Spectrum) == 0 || !(e.Spectrum[0] > 0) {
				continue
			}
			var points []chart.Point
			for _, k := range chart.Thinned(len(e.Spectrum), spectrumPoints) {
				points = append(points, chart.Point{X: float64(k + 1), Y: max(e.Spectrum[k]/e.Spectrum[0],
					spectrumFloor)})
			}
			above := 0
			for _, v := range e.Spectrum {
				if v > e.Spectrum[0]/100 {
					above++
				}
			}
			text := fmt.Sprintf("%s, seed %d: %d of %d above 1 %% of the largest",
				letter(i), s.Seed, above, len(e.Spectrum))
			c.Curves = append(c.Curves, chart.Curve{Group: i, Title: text, Points: points})
		}
	}
	if len(c.Curves) == 0 {
		return figure{}, false
	}
	return figure{Arm: -1, Caption: "Spectrum of embeddings z at the end",
		Note: "singular values relative to the largest, logarithmic", SVG: c.SVG()}, true
}

// lastDetail returns the last evaluation of the embeddings that has points or a spectrum.
func lastDetail(t *lab.Trace) (run.Event, bool) {
	all := details(t)
	if len(all) == 0 {
		return run.Event{}, false
	}
	return all[len(all)-1], true
}

// details returns the evaluations of the embeddings on the first probe that have points or a spectrum, in order.
func details(t *lab.Trace) []run.Event {
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

// pictures draws the embeddings of the first seed at some steps, on one scale for all arms. It also returns a note on
// the pictures.
func pictures(arms []string, samples []lab.Sample) ([]figure, string) {
	if len(samples) == 0 {
		return nil, ""
	}
	limit := 0.0
	all := make([][]run.Event, len(arms))
	labelled := false
	for i, name := range arms {
		events := details(samples[0].Traces[name])
		events = slices.DeleteFunc(events, func(e run.Event) bool { return len(e.Points) == 0 })
		for _, k := range frames(events) {
			e := events[k]
			all[i] = append(all[i], e)
			for _, q := range e.Points[:min(len(e.Points), chart.PointsShown)] {
				if chart.Finite(q[0]) && chart.Finite(q[1]) {
					limit = max(limit, math.Abs(q[0]), math.Abs(q[1]))
				}
			}
			labelled = labelled || slices.ContainsFunc(e.Labels, func(l int) bool { return l >= 0 })
		}
	}
	limit = max(0.25, math.Ceil(limit*4)/4) // few different scales, so that experiments share pictures
	var figures []figure
	for i, events := range all {
		if len(events) == 0 {
			continue
		}
		p := chart.Picture{Limit: limit,
			Title: fmt.Sprintf("Embeddings of %s in two dimensions at %d steps of training", arms[i], len(events))}
		for _, e := range events {
			p.Frames = append(p.Frames, chart.Frame{Step: e.Step, Points: e.Points, Labels: e.Labels})
		}
		figures = append(figures, figure{Arm: i % chart.Styles, Caption: letter(i) + " " + arms[i], SVG: p.SVG()})
	}
	if len(figures) == 0 {
		return nil, ""
	}
	note := fmt.Sprintf("Seed %d. Each point is an image: its embedding, scaled to length 1, in the two directions of "+
		"largest spread. Every square reaches from %s to %s in both directions, so a collapsed embedding is one point.",
		samples[0].Seed, chart.Number(-limit), chart.Number(limit))
	if labelled {
		note += " Colours are classes."
	}
	return figures, note
}

// frames chooses the evaluations for the squares of a picture: the first, the last, and others evenly in between on a
// logarithmic scale.
func frames(events []run.Event) []int {
	if len(events) <= chart.Squares {
		return chart.Thinned(len(events), chart.Squares)
	}
	last := math.Log1p(float64(events[len(events)-1].Step))
	chosen := []int{0}
	for i := 1; i < chart.Squares; i++ {
		// The first steps look the same, so begin at a quarter of the scale.
		want := last * (0.25 + 0.75*float64(i)/(chart.Squares-1))
		off := func(k int) float64 { return math.Abs(math.Log1p(float64(events[k].Step)) - want) }
		best := chosen[len(chosen)-1] + 1
		for k := best; k < len(events)-(chart.Squares-1-i); k++ {
			if off(k) < off(best) {
				best = k
			}
		}
		chosen = append(chosen, best)
	}
	chosen[chart.Squares-1] = len(events) - 1
	return chosen
}
