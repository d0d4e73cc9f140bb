// SPDX-License-Identifier: Apache-2.0

package compare

import (
	_ "embed"
	"html/template"
	"io"
	"math"
	"strings"

	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
)

//go:embed page.tmpl.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": func(group int) int { return group % chart.Styles },
	"upper": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
}).Parse(pageText))

// A Page is the HTML file of a comparison. It needs no network and no script.
type Page struct {
	Title      string
	Facts      [][2]string // a name and a text each: what the runs share
	Failed     []string    // one line for each run that could not be made
	Comparison *Comparison
}

// Write writes the page.
func (p Page) Write(w io.Writer) error {
	c := p.Comparison
	v := view{Page: p, Style: template.CSS(chart.Style + pageStyle), Tables: c.Tables(), Verdicts: c.Verdicts(),
		Remarks: c.Remarks()}
	for _, s := range c.shown() {
		v.add(c, string(s), false, func(r *Run) []series.Point { return r.Curves[s] })
	}
	v.add(c, run.Loss, true, func(r *Run) []series.Point { return r.Loss })
	for i, g := range c.Groups {
		for _, r := range g.Runs {
			step, seconds, _ := r.end()
			one := pageRun{Group: i, Label: g.Label, Name: r.Name, Seed: r.Seed, Class: r.Class, State: r.state(),
				Step: step, Time: "–"}
			if !math.IsNaN(seconds) {
				one.Time = duration(seconds)
			}
			for _, s := range v.Tables[0].Scores {
				one.Values = append(one.Values, chart.Number(r.at(s, func(series.Point) bool { return true })))
			}
			v.Runs = append(v.Runs, one)
		}
	}
	return pageTemplate.Execute(w, v)
}

// view is what the template shows.
type view struct {
	Page
	Style    template.CSS
	Tables   []Table
	Verdicts []string
	Remarks  []string
	Figures  []figure
	Runs     []pageRun
}

type figure struct {
	Name, By string
	SVG      template.HTML
}

type pageRun struct {
	Group             int
	Label, Name, Seed string
	Class, State      string
	Step              int
	Time              string
	Values            []string // the last ones
}

// mostNames is how many groups have their names beside the curves. More names do not fit.
const mostNames = 12

// add draws a quantity of every run by step, and by time where there are times.
func (v *view) add(c *Comparison, name string, mayBeLog bool, of func(*Run) []series.Point) {
	var names []string
	for _, g := range c.Groups {
		if len(c.Groups) <= mostNames {
			names = append(names, g.Label)
		}
	}
	for _, by := range []string{"step", "time of training"} {
		var curves []chart.Curve
		drawn := false
		for i, g := range c.Groups {
			for _, r := range g.Runs {
				k := chart.Curve{Group: i, Title: r.Name}
				for _, p := range of(r) {
					q := chart.Point{X: float64(p.Step), Y: p.Value}
					if by != "step" {
						q.X = p.Time
					}
					if !math.IsNaN(q.X) {
						k.Points = append(k.Points, q)
						drawn = drawn || chart.Finite(q.Y)
					}
				}
				curves = append(curves, k)
			}
		}
		if !drawn {
			continue
		}
		d := chart.Chart{Title: name + " of every run by " + by, X: by, Curves: curves, Names: names,
			Log: mayBeLog && chart.Wide(curves)}
		if by != "step" {
			d.Axis = chart.Time
		}
		v.Figures = append(v.Figures, figure{name, by, d.SVG()})
	}
}
