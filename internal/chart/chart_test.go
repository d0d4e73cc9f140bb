// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLine reads paths back. Every point is at its value's place to half a tenth of a unit, however far it is from the
// previous point.
func TestLine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := scale{from: 0, to: 100, start: plotLeft, length: plotRight - plotLeft, transform: same}
	y := scale{from: -1, to: 1, start: plotBottom, length: plotTop - plotBottom, transform: same}
	for range 200 {
		var points []Point
		for at := 0.0; at < 100; at += r.ExpFloat64() * 8 {
			points = append(points, Point{X: at, Y: 2*r.Float64() - 1})
		}
		text := line(points, x, y)
		got := readPath(t, text)
		if len(got) != len(points) {
			t.Fatalf("%d points became %d in %s", len(points), len(got), text)
		}
		for i, p := range points {
			if math.Abs(got[i].X-x.at(p.X)) > 0.051 || math.Abs(got[i].Y-y.at(p.Y)) > 0.051 {
				t.Fatalf("point %d is at %v instead of %g %g in %s", i, got[i], x.at(p.X), y.at(p.Y), text)
			}
		}
	}
	// Values that are not finite leave a gap.
	text := line([]Point{{X: 0, Y: 0}, {X: 10, Y: 0.5}, {X: 20, Y: math.NaN()}, {X: 30, Y: math.Inf(1)}, {X: 40, Y: 0},
		{X: 50, Y: 0}}, x, y)
	if n := strings.Count(text, "M"); n != 2 || strings.Contains(text, "N") {
		t.Errorf("a curve with a gap is %s", text)
	}
	if text := line(nil, x, y); text != "" {
		t.Errorf("no points are %q", text)
	}
}

// readPath returns the points of a path of M and l.
func readPath(t *testing.T, text string) []Point {
	t.Helper()
	var all []Point
	for _, part := range regexp.MustCompile(`M[^M]*`).FindAllString(text, -1) {
		numbers := regexp.MustCompile(`-?(\d+\.?\d*|\.\d+)`).FindAllString(part, -1)
		for i := 0; i+1 < len(numbers); i += 2 {
			dx, err := strconv.ParseFloat(numbers[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			dy, err := strconv.ParseFloat(numbers[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			p := Point{X: dx, Y: dy}
			if i > 0 {
				p = Point{X: all[len(all)-1].X + dx, Y: all[len(all)-1].Y + dy}
			}
			all = append(all, p)
		}
	}
	return all
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		from, to float64
		want     string
	}{
		{0, 1, "[0 0.2 0.4 0.6 0.8 1]"}, {-1, 0, "[-1 -0.8 -0.6 -0.4 -0.2 0]"}, {0, 44, "[0 10 20 30 40]"},
		{0.61, 0.74, "[0.62 0.64 0.66 0.68 0.7 0.72 0.74]"}, {2e-5, 9e-5,
			"[2e-05 3e-05 4e-05 5e-05 6e-05 7e-05 8e-05 9e-05]"},
	} {
		var ticks []string
		for _, v := range linear(c.from, c.to, 5) {
			ticks = append(ticks, strconv.FormatFloat(signedTo(v), 'g', -1, 64))
		}
		if got := fmt.Sprint(ticks); got != c.want {
			t.Errorf("from %g to %g: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	steps := Chart{Axis: Steps, Curves: []Curve{{Points: []Point{{X: 0, Y: 0}, {X: 200, Y: 1}}}}}
	x, _ := steps.scales()
	if x.ticks[0] != 0 || x.ticks[len(x.ticks)-1] != 200 || !slices.IsSorted(x.ticks) {
		t.Errorf("steps have ticks %v", x.ticks)
	}
}

// TestTimes checks that the ticks of a time axis are few, round, and told apart by their names.
func TestTimes(t *testing.T) {
	for to := 1.; to < 1e9; to *= 1.37 {
		ticks := roundTimes(to)
		if n := len(ticks); n < 2 || n > 5 || ticks[0] != 0 || ticks[n-1] > to {
			t.Errorf("up to %g s: ticks %v", to, ticks)
		}
		seen := map[string]bool{}
		for _, v := range ticks {
			if name := Duration(v); seen[name] {
				t.Errorf("up to %g s: two ticks are %s", to, name)
			} else {
				seen[name] = true
			}
		}
	}
	for v, want := range map[float64]string{0: "0 s", 59.6: "1 min", 61: "1 min 1 s", 5400: "1 h 30 min",
		90000: "1 d 1 h",
		-1:    "–"} {
		if got := Duration(v); got != want {
			t.Errorf("Duration(%g) is %s, want %s", v, got, want)
		}
	}
}

// TestScatter reads the places of points back. Names are escaped.
func TestScatter(t *testing.T) {
	text := string(Scatter{Points: [][2]float64{{0, 0}, {2, 0}, {0, 1}}, Labels: []int{0, 11, -1},
		Names: []string{"<a>", "", "", "", "", "", "", "", "", "", "", "l"}}.SVG())
	for _, want := range []string{`class="p0" d="m19 740z"><title>&lt;a&gt;</title>`,
		`class="p1" d="m981 740z"><title>l</title>`,
		`class="p" d="m19 260z"/>`} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in %s", want, text)
		}
	}
}

// signedTo rounds away the rounding errors of ticks.
func signedTo(v float64) float64 { return math.Round(v*1e9) / 1e9 }

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", -1: "−1", 0.98765: "0.988", 123.4: "123", 45.678: "45.7",
		5e4: "50000", 3e7: "3e7", 1e-4: "1e−4", 0.05: "0.05", math.Inf(1): "∞", math.NaN(): "–"} {
		if got := Number(v); got != want {
			t.Errorf("Number(%g) is %s, want %s", v, got, want)
		}
	}
}

// TestChartsOfOddValues draws what runs can give: nothing, one point, constants, and huge values.
func TestChartsOfOddValues(t *testing.T) {
	for name, points := range map[string][]Point{
		"none": nil, "one": {{X: 5, Y: 3}}, "constant": {{X: 0, Y: 0.5}, {X: 200, Y: 0.5}},
		"nowhere":   {{X: 0, Y: math.NaN()}, {X: 1, Y: math.Inf(-1)}},
		"diverging": {{X: 0, Y: 1}, {X: 1, Y: 1e300}, {X: 2, Y: math.Inf(1)}},
		"tiny":      {{X: 0, Y: 1e-30}, {X: 1, Y: 2e-30}},
	} {
		for _, axis := range []Axis{Linear, Whole, Steps, Time} {
			for _, log := range []bool{false, true} {
				for _, names := range [][]string{nil, {"arm"}} {
					text := string(Chart{Title: name, X: "steps", Axis: axis, Log: log, Zero: true, Names: names,
						Curves: []Curve{{Points: points}}, Guide: &Guide{0.5, "a guide"},
						Marks: []Mark{{0, "!", "an alarm"}, {math.NaN(), "?", "no place"}, {1e300, "?", "far"}}}.SVG())
					if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || len(text) > 5000 {
						t.Errorf("%s (axis %d, logarithmic: %v) is drawn as %s", name, axis, log, text)
					}
					if strings.Contains(text, "no place") || strings.Contains(text, "far") {
						t.Errorf("%s: a mark beyond the curves is drawn", name)
					}
				}
			}
		}
		s := Scatter{Labels: []int{1}, Names: []string{"a", "b"}}
		for _, p := range points {
			s.Points = append(s.Points, [2]float64{p.X, p.Y})
		}
		if text := string(s.SVG()); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || len(text) > 5000 {
			t.Errorf("points of %s are drawn as %s", name, text)
		}
	}
	p := Picture{Limit: 1, Frames: []Frame{
		{0, [][2]float64{{0, 0}, {math.NaN(), 1}, {9, -9}}, []int{3}},
		{1, nil, nil},
	}}
	if text := string(p.SVG()); strings.Contains(text, "NaN") || !strings.Contains(text, `class="p3"`) {
		t.Errorf("a picture with what is no point is %s", text)
	}
}

// TestNamesDoNotCover has every curve end at the same value. The names must be below one another, within the drawing.
func TestNamesDoNotCover(t *testing.T) {
	for groups := 1; groups <= 8; groups++ {
		c := Chart{X: "steps"}
		for g := range groups {
			c.Names = append(c.Names, "a run with quite a long name of its own")
			c.Curves = append(c.Curves, Curve{Group: g, Points: []Point{{X: 0, Y: 0}, {X: 1, Y: 1}}})
		}
		last := -math.MaxFloat64
		name := regexp.MustCompile(`class="n\d" x="\d+" y="([-\d.]+)"`)
		for _, m := range name.FindAllStringSubmatch(string(c.SVG()), -1) {
			y, err := strconv.ParseFloat(m[1], 64)
			if err != nil || y < last+labelHeight-0.2 || y < 5 || y > plotHeight {
				t.Errorf("with %d groups a name is at %s, the one before at %g", groups, m[1], last)
			}
			last = y
		}
	}
}
