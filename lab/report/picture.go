// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// A picture is an embedding at some steps of one run. Each step has a square, and all squares have one scale.
type picture struct {
	Title  string
	Limit  float64 // squares reach from -Limit to Limit in both directions
	Frames []frame
}

type frame struct {
	Step   int
	Points [][2]float64
	Labels []int
}

// The squares of a picture.
const (
	squares     = 5
	squareSide  = 67
	squareGap   = 6
	squareUnits = 200 // points are rounded to these units
	pointsShown = 90
	pointStyles = 10
)

// SVG draws each frame's first points. Points of one label have one colour.
func (p picture) SVG() template.HTML {
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
		byLabel := map[int]*strings.Builder{}
		at := map[int][2]int{}
		for k, q := range f.Points[:min(len(f.Points), pointsShown)] {
			if !finite(q[0]) || !finite(q[1]) {
				continue
			}
			label := -1
			if k < len(f.Labels) {
				label = f.Labels[k]
			}
			if label >= 0 {
				label %= pointStyles
			}
			if byLabel[label] == nil {
				byLabel[label] = new(strings.Builder)
			}
			to := [2]int{place(q[0], p.Limit), place(-q[1], p.Limit)}
			dx, dy := to[0]-at[label][0], to[1]-at[label][1]
			fmt.Fprintf(byLabel[label], "m%d", dx)
			if dy >= 0 {
				byLabel[label].WriteByte(' ')
			}
			fmt.Fprintf(byLabel[label], "%dz", dy) // a line of no length with round ends is a dot
			at[label] = to
		}
		for label := -1; label < pointStyles; label++ {
			if d := byLabel[label]; d != nil {
				class := "p"
				if label >= 0 {
					class += strconv.Itoa(label)
				}
				fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, class, d)
			}
		}
		b.WriteString("</g>")
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// place returns the place of a coordinate in a square.
func place(v, limit float64) int {
	return int(math.Round((min(max(v/limit, -1), 1) + 1) / 2 * squareUnits))
}
