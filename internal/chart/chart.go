// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"
)

// The measures of a drawing, in units of its view box, which are pixels on a phone.
const (
	plotWidth   = 360
	plotHeight  = 206
	plotLeft    = 40
	plotTop     = 8
	plotBottom  = 172 // the x axis
	plotRight   = 240 // the names of the curves are to the right
	plotWide    = 340 // the right end of a chart without names
	labelHeight = 13
	nameWidth   = 15 // characters
)

// A Chart draws curves. The curves of a group have one colour, and its name is at their end.
type Chart struct {
	Title  string // for readers who cannot see the chart
	X      string // what the x axis counts
	Axis   Axis   // the kind of the x axis
	Log    bool   // y is logarithmic
	Zero   bool   // y begins at 0 or below, unless it is logarithmic
	Curves []Curve
	Names  []string // of the groups; those without a curve are left out; nil: the curves have the whole width
	Guide  *Guide   // a value to compare curves with; nil for none
	Marks  []Mark   // those within the curves are drawn
}

// An Axis is a kind of x axis.
type Axis int

// The kinds of x axes.
const (
	Linear Axis = iota
	Whole       // linear, from 0
	Steps       // optimiser steps from 0, drawn as log(1+x), because most happens in the first steps
	Time        // seconds from 0, with round numbers of seconds, minutes, hours or days
)

// A Guide is a value that is drawn as a line across the chart, with its name.
type Guide struct {
	At   float64
	Name string
}

// A Mark is a place on the x axis at which something happened.
type Mark struct {
	At    float64
	Sign  string // a letter or two, above the line
	Title string // shown under the pointer
}

// A Curve is the values of one measurement. Those that are not finite are gaps.
type Curve struct {
	Group  int    // its colour and name
	Title  string // shown under the pointer
	Points []Point
}

// A Point is a place on the x axis and a value.
type Point struct{ X, Y float64 }

// SVG draws the chart. The page's style sheet gives the colours.
func (c Chart) SVG() template.HTML {
	x, y := c.scales()
	right := c.right()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		plotWidth, plotHeight, html.EscapeString(c.Title))
	b.WriteString(`<path class="grid" d="`)
	for _, t := range y.ticks {
		fmt.Fprintf(&b, "M%d %sH%d", plotLeft, short(y.at(t)), right)
	}
	fmt.Fprintf(&b, `"/><path class="axis" d="M%d %dH%d`, plotLeft, plotBottom, right)
	for _, t := range x.ticks {
		fmt.Fprintf(&b, "M%s %dv4", short(x.at(t)), plotBottom)
	}
	b.WriteString(`"/><g class="x">`)
	for _, t := range x.ticks {
		fmt.Fprintf(&b, `<text x="%s" y="%d">%s</text>`, short(x.at(t)), plotBottom+16, c.tick(t))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text></g><g class="y">`,
		(plotLeft+right)/2, plotBottom+31, html.EscapeString(c.X))
	for _, t := range y.ticks {
		fmt.Fprintf(&b, `<text x="%d" y="%s">%s</text>`, plotLeft-5, short(y.at(t)+3.5), Number(t))
	}
	b.WriteString("</g>")
	if c.Guide != nil {
		at := y.at(c.Guide.At)
		fmt.Fprintf(&b, `<path class="guide" d="M%d %sH%d"/><text class="guide" x="%d" y="%s">%s</text>`,
			plotLeft, short(at), right, plotLeft+4, short(at-3), html.EscapeString(c.Guide.Name))
	}
	for _, m := range c.Marks {
		if at := x.at(m.At); at >= plotLeft && at <= float64(right) {
			fmt.Fprintf(&b, `<g class="event"><title>%s</title><path d="M%s %dV%d"/><text x="%s" y="%d">%s</text></g>`,
				html.EscapeString(m.Title), short(at), plotTop+4, plotBottom, short(at), plotTop+2,
				html.EscapeString(m.Sign))
		}
	}
	for group := range c.groups() {
		open := false
		for _, k := range c.Curves {
			if k.Group != group || len(k.Points) == 0 {
				continue
			}
			if !open {
				fmt.Fprintf(&b, `<g class="a%d">`, group%Styles)
				open = true
			}
			fmt.Fprintf(&b, `<path d="%s"><title>%s</title></path>`, line(k.Points, x, y), html.EscapeString(k.Title))
		}
		if open {
			b.WriteString("</g>")
		}
	}
	c.names(&b, y)
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// right is the right end of the x axis.
func (c Chart) right() int {
	if len(c.Names) == 0 {
		return plotWide
	}
	return plotRight
}

// groups is the number of groups.
func (c Chart) groups() int {
	n := len(c.Names)
	if n == 0 {
		for _, k := range c.Curves {
			n = max(n, k.Group+1)
		}
	}
	return n
}

// tick writes a value of the x axis.
func (c Chart) tick(v float64) string {
	if c.Axis == Time {
		return Duration(v)
	}
	return Number(v)
}

// names writes each group's name at the end of its curves, and moves names apart that would overlap.
func (c Chart) names(b *strings.Builder, y scale) {
	type name struct {
		group int
		lines []string
		at    float64 // the middle
	}
	var all []name
	height := 0
	for group, text := range c.Names {
		var ends []float64
		for _, k := range c.Curves {
			if v, ok := Last(k.Points); ok && k.Group == group {
				ends = append(ends, y.at(v))
			}
		}
		if len(ends) > 0 {
			n := name{group, wrap(text, nameWidth, 3), Median(ends)}
			all, height = append(all, n), height+len(n.lines)
		}
	}
	for lines := 2; height*labelHeight > plotBottom-plotTop && lines > 0; lines-- { // too many lines: shorten names
		height = 0
		for i, n := range all {
			all[i].lines = wrap(c.Names[n.group], nameWidth, lines)
			height += len(all[i].lines)
		}
	}
	slices.SortStableFunc(all, func(a, b name) int { return cmp.Compare(a.at, b.at) })
	tall := func(n name) float64 { return float64(len(n.lines)) * labelHeight }
	for i := range all { // down from the top
		least := plotTop + tall(all[i])/2
		if i > 0 {
			least = all[i-1].at + (tall(all[i-1])+tall(all[i]))/2
		}
		all[i].at = max(all[i].at, least)
	}
	for i := len(all) - 1; i >= 0; i-- { // and up from the bottom
		most := plotBottom + 6 - tall(all[i])/2
		if i < len(all)-1 {
			most = all[i+1].at - (tall(all[i+1])+tall(all[i]))/2
		}
		all[i].at = min(all[i].at, most)
	}
	for _, n := range all {
		for i, text := range n.lines {
			fmt.Fprintf(b, `<text class="n%d" x="%d" y="%s">%s</text>`,
				n.group%Styles, plotRight+6, short(n.at-tall(n)/2+float64(i)*labelHeight+10), html.EscapeString(text))
		}
	}
}

// A scale maps values to places along an axis.
type scale struct {
	from, to  float64 // transformed values
	start     float64 // place of from
	length    float64 // distance of the place of to from start
	transform func(float64) float64
	ticks     []float64
}

func (s scale) at(v float64) float64 {
	return s.start + s.length*(s.transform(v)-s.from)/(s.to-s.from)
}

func (c Chart) scales() (x, y scale) {
	var xs, ys []float64
	for _, k := range c.Curves {
		for _, p := range k.Points {
			if Finite(p.Y) && (!c.Log || p.Y > 0) {
				xs, ys = append(xs, p.X), append(ys, p.Y)
			}
		}
	}
	if len(xs) == 0 {
		xs, ys = []float64{0, 1}, []float64{0.1, 1}
	}
	if c.Guide != nil {
		ys = append(ys, c.Guide.At)
	}
	if c.Zero && !c.Log {
		ys = append(ys, 0)
	}
	x = scale{start: plotLeft, length: float64(c.right() - plotLeft), transform: same, from: slices.Min(xs),
		to: slices.Max(xs)}
	if x.from == x.to {
		x.to++
	}
	switch c.Axis {
	case Steps:
		x.transform, x.from, x.to = math.Log1p, 0, math.Log1p(max(1, slices.Max(xs)))
		x.ticks = apart(x, roundSteps, slices.Max(xs), 22)
	case Time:
		x.from, x.to = 0, max(1, x.to)
		x.ticks = roundTimes(x.to)
	case Whole:
		x.from, x.to = 0, max(1, x.to)
		x.ticks = linear(0, x.to, 4)
	default:
		x.ticks = append([]float64{x.from}, linear(x.from+(x.to-x.from)/9, x.to, 4)...)
	}
	y = scale{start: plotBottom, length: plotTop - plotBottom, transform: same,
		from: slices.Min(ys), to: slices.Max(ys)}
	if c.Log {
		y.transform, y.from, y.to = math.Log10, math.Floor(math.Log10(y.from)+1e-9), math.Ceil(math.Log10(y.to)-1e-9)
		if y.from == y.to {
			y.from--
		}
		every := math.Ceil((y.to - y.from) / 6)
		for k := y.to; k >= y.from; k -= every {
			y.ticks = append(y.ticks, math.Pow(10, k))
		}
		return x, y
	}
	if y.to-y.from <= 1e-9*max(math.Abs(y.from), math.Abs(y.to)) {
		y.from, y.to = y.from-0.5, y.to+0.5
	}
	pad := (y.to - y.from) * 0.04
	low, high := y.from, y.to
	y.from, y.to = y.from-pad, y.to+pad
	if low >= 0 && low < high/3 { // quantities that are never negative are compared from 0
		y.from = 0
	}
	y.ticks = linear(y.from, y.to, 5)
	return x, y
}

// roundSteps are the ticks of steps.
var roundSteps = func() []float64 {
	all := []float64{0}
	for unit := 1.; unit < 1e9; unit *= 10 {
		all = append(all, unit, 2*unit, 5*unit)
	}
	return all
}()

// roundTimes returns about four round times from 0 to a number of seconds.
func roundTimes(to float64) []float64 {
	unit := 1.
	for _, unit = range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 6 * 3600,
		12 * 3600, 86400} {
		if to/unit <= 4.5 {
			break
		}
	}
	if unit == 86400 {
		unit *= math.Ceil(to / unit / 4.5)
	}
	var ticks []float64
	for t := 0.; t <= to; t += unit {
		ticks = append(ticks, t)
	}
	return ticks
}

// apart keeps the ticks below last that are at least gap apart, and adds last.
func apart(s scale, ticks []float64, last, gap float64) []float64 {
	var kept []float64
	for _, t := range ticks {
		if t < last && (len(kept) == 0 || s.at(t)-s.at(kept[len(kept)-1]) >= gap) && s.at(last)-s.at(t) >= gap {
			kept = append(kept, t)
		}
	}
	return append(kept, last)
}

// linear chooses about n round values between from and to.
func linear(from, to float64, n int) []float64 {
	rough := (to - from) / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, m := range []float64{1, 2, 5, 10} {
		if unit *= m; unit >= rough*0.7 {
			break
		}
		unit /= m
	}
	var ticks []float64
	for k := math.Ceil(from/unit - 1e-9); k*unit <= to+1e-9*unit; k++ {
		ticks = append(ticks, math.Round(k)*unit+0) // +0 turns -0 into 0
	}
	return ticks
}

// line returns the path through the points, in tenths of a unit, each relative to the one before. Values that are not
// finite leave a gap.
func line(points []Point, x, y scale) string {
	var b strings.Builder
	var atX, atY float64
	pen := false // down
	for _, p := range points {
		toX, toY := math.Round(10*x.at(p.X))/10, y.at(p.Y)
		if !Finite(p.Y) || math.IsNaN(toY) {
			pen = false
			continue
		}
		toY = math.Round(10*min(max(toY, plotTop-8), plotBottom+2)) / 10
		if pen {
			b.WriteString(pair(toX-atX, toY-atY, b.String()))
		} else {
			b.WriteString("M" + short(toX) + " " + short(toY) + "l")
		}
		atX, atY, pen = toX, toY, true
	}
	return strings.TrimSuffix(b.String(), "l")
}

// pair returns two numbers to append to a path, with spaces only where the path needs them. behind is the path so far.
func pair(x, y float64, behind string) string {
	text := ""
	for _, v := range []float64{x, y} {
		n := short(v)
		switch {
		case n == "-0":
			n = "0"
		case strings.HasPrefix(n, "0."):
			n = n[1:]
		case strings.HasPrefix(n, "-0."):
			n = "-" + n[2:]
		}
		if n[0] != '-' && !strings.HasSuffix(behind+text, "l") {
			text += " "
		}
		text += n
	}
	return text
}
