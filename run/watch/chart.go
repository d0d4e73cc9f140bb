// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/guptarohit/asciigraph"

	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
)

// A look is how curves are drawn.
type look struct {
	log    bool // the values' logarithm
	smooth bool
	time   bool // over the time of training instead of steps
	colour bool
}

// labels is the width of the values beside a chart, with the axis.
const labels = 10

// draw draws a measure into width x height characters: a title, and the curve below.
func (f *follower) draw(m measure, l look, width, height int) []string {
	columns := max(8, width-labels)
	values, last, from, to := columnsOf(f.curve(m, 4*columns), l, columns)
	title := m.title
	if !math.IsNaN(last) {
		title += "  " + number(last)
	}
	if loss, ok := f.constant(); ok && m.metric == run.Loss {
		title += "  (constant embedding: " + number(loss) + ")"
	}
	lines := []string{cut(title, width)}
	if values == nil {
		lines = append(lines, cut("no finite value yet", width))
	} else {
		options := []asciigraph.Option{
			asciigraph.Height(max(1, height-3)), asciigraph.Offset(2),
			asciigraph.YAxisValueFormatter(func(v float64) string {
				if l.log {
					v = math.Pow(10, v)
				}
				return fmt.Sprintf("%*s", labels-2, number(v))
			}),
		}
		if l.colour {
			options = append(options, asciigraph.SeriesColors(asciigraph.DodgerBlue),
				asciigraph.AxisColor(asciigraph.Gray),
				asciigraph.LabelColor(asciigraph.Gray))
		}
		lines = append(lines, strings.Split(asciigraph.Plot(values, options...), "\n")...)
		ends := [2]string{comma(int(from)), comma(int(to))}
		if l.time {
			ends = [2]string{duration(from), duration(to)}
		}
		lines = append(lines, strings.Repeat(" ", labels)+ends[0]+
			fmt.Sprintf("%*s", max(1, columns-len(ends[0])), ends[1]))
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines[:height]
}

// columnsOf returns a value for each column: the curve between its points. values is nil without two finite points.
// from and to are the steps or seconds at the ends.
func columnsOf(points []series.Point, l look, columns int) (values []float64, last, from, to float64) {
	var x, y []float64
	last = math.NaN()
	mean, weight := 0., 0.
	for _, p := range points {
		at, v := float64(p.Step), p.Value
		if l.time {
			at = p.Time
		}
		if math.IsNaN(v) || math.IsInf(v, 0) || math.IsNaN(at) {
			continue
		}
		last = v
		if l.smooth { // an exponential mean over about a twentieth of the points
			keep := math.Exp(-20 / math.Max(20, float64(len(points))))
			mean, weight = keep*mean+(1-keep)*v, keep*weight+1-keep
			v = mean / weight
		}
		if l.log {
			if v <= 0 {
				continue
			}
			v = math.Log10(v)
		}
		if len(x) > 0 && at <= x[len(x)-1] {
			y[len(y)-1] = v
			continue
		}
		x, y = append(x, at), append(y, v)
	}
	if len(x) < 2 {
		return nil, last, 0, 0
	}
	from, to = x[0], x[len(x)-1]
	values = make([]float64, columns)
	next := 0
	for i := range values {
		at := from + (to-from)*float64(i)/float64(columns-1)
		for next < len(x)-2 && x[next+1] <= at {
			next++
		}
		share := min(1, max(0, (at-x[next])/(x[next+1]-x[next])))
		values[i] = y[next] + share*(y[next+1]-y[next])
	}
	if low, high := slices.Min(values), slices.Max(values); high-low <= 1e-9*math.Abs(high) { // rounding is no change
		for i := range values {
			values[i] = low
		}
	}
	return values, last, from, to
}
