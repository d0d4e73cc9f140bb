// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"html"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Picture is an embedding at some steps of one run. Each step has a square, and all squares have one scale.
type Picture struct {
	Title  string
	Limit  float64 // squares reach from -Limit to Limit in both directions
	Frames []Frame
}

// A Frame is an embedding at a step: a point for each image and its label, which is below 0 if it is unknown.
type Frame struct {
	Step   int
	Points [][2]float64
	Labels []int
}

// The squares of a picture.
const (
	Squares     = 5  // that have room beside each other
	PointsShown = 90 // of each frame
	PointStyles = 10 // colours of labels; label PointStyles looks like label 0

	squareSide  = 67
	squareGap   = 6
	squareUnits = 200 // points are rounded to these units
)

// SVG draws each frame's first points. Points of one label have one colour.
func (p Picture) SVG() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="picture" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		plotWidth, squareSide+18, html.EscapeString(p.Title))
	for i, f := range p.Frames {
		left := i * (squareSide + squareGap)
		step := strconv.Itoa(f.Step)
		if i == 0 {
			step = "step " + step
		}
		fmt.Fprintf(&b, `<text x="%d" y="12">%s</text><rect x="%d.5" y="17" width="%d" height="%d"/>`+
			`<g transform="translate(%d.5 17) scale(%s)">`,
			left+squareSide/2, step, left, squareSide, squareSide, left,
			strconv.FormatFloat(float64(squareSide)/squareUnits, 'g', 3, 64))
		dots(&b, f.Points[:min(len(f.Points), PointsShown)], f.Labels, nil, func(q [2]float64) (x, y int) {
			return place(q[0], p.Limit), place(-q[1], p.Limit)
		})
		b.WriteString("</g>")
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// dots draws points at the places that to says. Points of one label have one colour, and its name under the pointer.
func dots(b *strings.Builder, points [][2]float64, labels []int, names []string, to func([2]float64) (x, y int)) {
	byLabel := map[int]*strings.Builder{}
	at := map[int][2]int{}
	for k, q := range points {
		if !Finite(q[0]) || !Finite(q[1]) {
			continue
		}
		label := -1
		if k < len(labels) && labels[k] >= 0 {
			label = labels[k]
			if names == nil {
				label %= PointStyles
			}
		}
		if byLabel[label] == nil {
			byLabel[label] = new(strings.Builder)
		}
		x, y := to(q)
		dx, dy := x-at[label][0], y-at[label][1]
		fmt.Fprintf(byLabel[label], "m%d", dx)
		if dy >= 0 {
			byLabel[label].WriteByte(' ')
		}
		fmt.Fprintf(byLabel[label], "%dz", dy) // a line of no length with round ends is a dot
		at[label] = [2]int{x, y}
	}
	for _, label := range slices.Sorted(maps.Keys(byLabel)) {
		class := "p"
		if label >= 0 {
			class += strconv.Itoa(label % PointStyles)
		}
		fmt.Fprintf(b, `<path class="%s" d="%s"`, class, byLabel[label])
		if label >= 0 && label < len(names) {
			fmt.Fprintf(b, `><title>%s</title></path>`, html.EscapeString(names[label]))
		} else {
			b.WriteString("/>")
		}
	}
}

// A Scatter is points in two dimensions that have no units, in one square.
type Scatter struct {
	Title  string // for readers who cannot see it
	Points [][2]float64
	Labels []int    // of the points; below 0, or missing: unknown
	Names  []string // of the labels, shown under the pointer; nil: none
}

// The square of a scatter.
const (
	scatterSide  = 360
	scatterUnits = 1000
)

// SVG draws the points with one scale for both directions.
func (s Scatter) SVG() template.HTML {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, q := range s.Points {
		if Finite(q[0]) && Finite(q[1]) {
			for k := range 2 {
				low[k], high[k] = min(low[k], q[k]), max(high[k], q[k])
			}
		}
	}
	half := max(high[0]-low[0], high[1]-low[1]) / 2 * 1.04
	if !(half > 0) {
		half = 1
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="scatter" viewBox="0 0 %d %d" role="img" aria-label="%s"><rect x=".5" y=".5" `+
		`width="%d" height="%d"/><g transform="scale(%g)">`, scatterSide, scatterSide, html.EscapeString(s.Title),
		scatterSide-1, scatterSide-1, float64(scatterSide)/scatterUnits)
	at := func(v float64) int { return int(math.Round((min(max(v/half, -1), 1) + 1) / 2 * scatterUnits)) }
	dots(&b, s.Points, s.Labels, s.Names, func(q [2]float64) (x, y int) {
		return at(q[0] - (low[0]+high[0])/2), at((low[1]+high[1])/2 - q[1])
	})
	b.WriteString("</g></svg>")
	return template.HTML(b.String())
}

// place returns the place of a coordinate in a square.
func place(v, limit float64) int {
	return int(math.Round((min(max(v/limit, -1), 1) + 1) / 2 * squareUnits))
}
