// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
)

// The measures of a drawing, in units of its view box, which are pixels on a phone.
const (
	plotWidth   = 360
	plotHeight  = 206
	plotLeft    = 40
	plotTop     = 8
	plotBottom  = 172 // the x axis
	plotRight   = 240 // the names of the curves are to the right
	labelHeight = 13
	nameWidth   = 15 // characters
	armStyles   = 8  // styles in the style sheet
)

// A chart draws curves. The curves of an arm have one colour, and its name is at their end.
type chart struct {
	Title string // for readers who cannot see the chart
	X     string // what the x axis counts
	Steps bool   // x is optimiser steps, drawn as log(1+x), because most happens in the first steps
	Log   bool   // y is logarithmic
	Curve []curve
	Names []string // of the arms; arms without a curve are left out
	Guide *guide   // a value to compare curves with; nil for none
}

// A guide is a value that is drawn as a line across the chart, with its name. The y axis then begins at 0.
type guide struct {
	At   float64
	Name string
}

type curve struct {
	Arm    int
	Title  string // shown under the pointer
	Points []lab.XY
}

// SVG draws the chart. The page's style sheet gives the colours.
func (c chart) SVG() template.HTML {
	x, y := c.scales()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		plotWidth, plotHeight, html.EscapeString(c.Title))
	b.WriteString(`<path class="grid" d="`)
	for _, t := range y.ticks {
		fmt.Fprintf(&b, "M%d %sH%d", plotLeft, short(y.at(t)), plotRight)
	}
	fmt.Fprintf(&b, `"/><path class="axis" d="M%d %dH%d`, plotLeft, plotBottom, plotRight)
	for _, t := range x.ticks {
		fmt.Fprintf(&b, "M%s %dv4", short(x.at(t)), plotBottom)
	}
	b.WriteString(`"/><g class="x">`)
	for _, t := range x.ticks {
		fmt.Fprintf(&b, `<text x="%s" y="%d">%s</text>`, short(x.at(t)), plotBottom+16, number(t))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text></g><g class="y">`,
		(plotLeft+plotRight)/2, plotBottom+31, html.EscapeString(c.X))
	for _, t := range y.ticks {
		fmt.Fprintf(&b, `<text x="%d" y="%s">%s</text>`, plotLeft-5, short(y.at(t)+3.5), number(t))
	}
	b.WriteString("</g>")
	if c.Guide != nil {
		at := y.at(c.Guide.At)
		fmt.Fprintf(&b, `<path class="guide" d="M%d %sH%d"/><text class="guide" x="%d" y="%s">%s</text>`,
			plotLeft, short(at), plotRight, plotLeft+4, short(at-3), html.EscapeString(c.Guide.Name))
	}
	for arm := range c.Names {
		open := false
		for _, k := range c.Curve {
			if k.Arm != arm || len(k.Points) == 0 {
				continue
			}
			if !open {
				fmt.Fprintf(&b, `<g class="a%d">`, arm%armStyles)
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

// names writes each arm's letter and name at the end of its curves, and moves names apart that would overlap.
func (c chart) names(b *strings.Builder, y scale) {
	type name struct {
		arm   int
		lines []string
		at    float64 // the middle
	}
	var all []name
	height := 0
	for arm, text := range c.Names {
		var ends []float64
		for _, k := range c.Curve {
			if v, ok := lastFinite(k.Points); ok && k.Arm == arm {
				ends = append(ends, y.at(v))
			}
		}
		if len(ends) > 0 {
			n := name{arm, wrap(letter(arm)+" "+text, nameWidth, 3), median(ends)}
			all, height = append(all, n), height+len(n.lines)
		}
	}
	for lines := 2; height*labelHeight > plotBottom-plotTop && lines > 0; lines-- { // too many lines: shorten names
		height = 0
		for i, n := range all {
			all[i].lines = wrap(letter(n.arm)+" "+c.Names[n.arm], nameWidth, lines)
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
				n.arm%armStyles, plotRight+6, short(n.at-tall(n)/2+float64(i)*labelHeight+10), html.EscapeString(text))
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

func (c chart) scales() (x, y scale) {
	var xs, ys []float64
	for _, k := range c.Curve {
		for _, p := range k.Points {
			if finite(p.Y) && (!c.Log || p.Y > 0) {
				xs, ys = append(xs, p.X), append(ys, p.Y)
			}
		}
	}
	if len(xs) == 0 {
		xs, ys = []float64{0, 1}, []float64{0.1, 1}
	}
	if c.Guide != nil {
		ys = append(ys, c.Guide.At)
		if !c.Log {
			ys = append(ys, 0)
		}
	}
	x = scale{start: plotLeft, length: plotRight - plotLeft, transform: same, from: slices.Min(xs), to: slices.Max(xs)}
	if x.from == x.to {
		x.to++
	}
	if c.Steps {
		x.transform, x.from, x.to = math.Log1p, 0, math.Log1p(max(1, slices.Max(xs)))
		round := []float64{0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000}
		x.ticks = apart(x, round, slices.Max(xs), 22)
	} else {
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
func line(points []lab.XY, x, y scale) string {
	var b strings.Builder
	var atX, atY float64
	pen := false // down
	for _, p := range points {
		toX, toY := math.Round(10*x.at(p.X))/10, y.at(p.Y)
		if !finite(p.Y) || math.IsNaN(toY) {
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
