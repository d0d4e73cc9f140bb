// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run/series"
)

// A Group has runs that differ only in the seed.
type Group struct {
	Label string // in what it differs from the others, in printable text
	Runs  []*Run

	AtSteps map[Score]Stat // at equal steps
	AtTime  map[Score]Stat // at equal time of training
}

// A Stat describes a score over the runs of a group.
type Stat struct {
	Values    []float64 // of the runs that have one
	Mean      float64   // NaN without values
	Deviation float64   // the standard deviation of single runs; NaN of fewer than two
	Best      bool      // no group has a higher mean
	// Chance is how probable such a difference from the best group is by chance: the p of Welch's test, adjusted by
	// Holm's method for the number of groups that are tested. NaN for the best group, and with fewer than two values in
	// it or in this one.
	Chance float64
}

// A Comparison compares groups.
type Comparison struct {
	Groups  []*Group
	Steps   int     // at which all runs have been evaluated
	Seconds float64 // of training after which all runs have been evaluated; NaN: a run has no times
	// Minutes is --minutes of every run, "" unless all were given the same. Equal time is then the end of each run,
	// since the minutes include evaluations.
	Minutes string
}

// Of compares runs: those with the same settings but the seed are a group.
func Of(runs []*Run) (*Comparison, error) {
	groups := map[string]*Group{}
	var all []*Group
	for _, r := range runs {
		key := keyOf(r.own())
		if groups[key] == nil {
			groups[key] = &Group{}
			all = append(all, groups[key])
		}
		groups[key].Runs = append(groups[key].Runs, r)
	}
	label(all)
	return Groups(all)
}

// Groups compares groups that have their labels. Each has at least one run. A run that broke before its end counts with
// its last evaluation from there on. It is an error if no run has been evaluated after its start.
func Groups(all []*Group) (*Comparison, error) {
	c := &Comparison{Groups: all, Steps: math.MaxInt, Seconds: math.Inf(1)}
	if len(all) == 0 {
		return nil, errors.New("there are no runs to compare")
	}
	last, latest := 0, 0. // of runs that broke, if there are no others
	for _, r := range c.runs() {
		step, seconds, ok := r.end()
		switch {
		case !ok:
		case r.Broken:
			last, latest = max(last, step), math.Max(latest, seconds)
		default:
			c.Steps, c.Seconds = min(c.Steps, step), math.Min(c.Seconds, seconds)
		}
	}
	if c.Steps == math.MaxInt {
		c.Steps, c.Seconds = last, latest
	}
	if c.Steps == 0 {
		return nil, errors.New("no run has been evaluated after its start yet")
	}
	c.Minutes = all[0].Runs[0].minutes()
	for _, r := range c.runs() {
		if r.minutes() != c.Minutes {
			c.Minutes = ""
		}
	}
	for _, g := range all {
		g.AtSteps, g.AtTime = g.stats(c.byStep), g.stats(c.byTime)
	}
	for _, s := range Scores {
		chances(all, s, func(g *Group) map[Score]Stat { return g.AtSteps })
		chances(all, s, func(g *Group) map[Score]Stat { return g.AtTime })
	}
	return c, nil
}

// byStep says whether a point counts at equal steps.
func (c *Comparison) byStep(p series.Point) bool { return p.Step <= c.Steps }

// byTime says whether a point counts at equal time.
func (c *Comparison) byTime(p series.Point) bool { return c.Minutes != "" || p.Time <= c.Seconds }

// hasTime says whether there is an equal time.
func (c *Comparison) hasTime() bool { return c.Minutes != "" || !math.IsNaN(c.Seconds) }

// runs are the runs of all groups.
func (c *Comparison) runs() (all []*Run) {
	for _, g := range c.Groups {
		all = append(all, g.Runs...)
	}
	return all
}

// Best returns the group with the best mean at equal steps, or after equal minutes if all runs were given the same; nil
// if none has a value.
func (c *Comparison) Best(s Score) *Group {
	for _, g := range c.Groups {
		if c.Minutes == "" && g.AtSteps[s].Best || c.Minutes != "" && g.AtTime[s].Best {
			return g
		}
	}
	return nil
}

func (g *Group) stats(before func(series.Point) bool) map[Score]Stat {
	all := map[Score]Stat{}
	for _, s := range Scores {
		one := Stat{Mean: math.NaN(), Deviation: math.NaN(), Chance: math.NaN()}
		for _, r := range g.Runs {
			if v := r.at(s, before); !math.IsNaN(v) {
				one.Values = append(one.Values, v)
			}
		}
		if len(one.Values) > 0 {
			one.Mean = stat.Mean(one.Values, nil)
		}
		if len(one.Values) > 1 {
			one.Deviation = stat.StdDev(one.Values, nil)
		}
		all[s] = one
	}
	return all
}

// chances finds the best group and fills in Best and Chance.
func chances(all []*Group, s Score, of func(*Group) map[Score]Stat) {
	best := -1
	for i, g := range all {
		if v := of(g)[s].Mean; !math.IsNaN(v) && (best < 0 || v > of(all[best])[s].Mean) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	change := func(i int, f func(*Stat)) {
		one := of(all[i])[s]
		f(&one)
		of(all[i])[s] = one
	}
	change(best, func(one *Stat) { one.Best = true })
	var tested []int
	var p []float64
	for i, g := range all {
		if v := Welch(of(g)[s].Values, of(all[best])[s].Values); i != best && !math.IsNaN(v) {
			tested, p = append(tested, i), append(p, v)
		}
	}
	for k, adjusted := range Holm(p) {
		change(tested[k], func(one *Stat) { one.Chance = adjusted })
	}
}

// Welch returns the two-sided p of Welch's t-test (1947) that two samples have one mean. It is NaN with fewer than two
// values in either, or without any spread.
func Welch(a, b []float64) float64 {
	if len(a) < 2 || len(b) < 2 {
		return math.NaN()
	}
	m, v := stat.MeanVariance(a, nil)
	n, w := stat.MeanVariance(b, nil)
	v, w = v/float64(len(a)), w/float64(len(b))
	if !(v+w > 0) {
		return math.NaN()
	}
	t := (m - n) / math.Sqrt(v+w)
	x, y := v/(v+w), w/(v+w) // shares, so that the square of a tiny variance is not 0
	freedom := 1 / (x*x/float64(len(a)-1) + y*y/float64(len(b)-1))
	return 2 * distuv.StudentsT{Sigma: 1, Nu: freedom}.CDF(-math.Abs(t))
}

// Holm adjusts the p of several tests so that the chance of any error stays as it is for one (Holm 1979). The result is
// in the order of p.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	all := make([]float64, len(p))
	adjusted := 0.
	for k, i := range order {
		adjusted = max(adjusted, min(1, p[i]*float64(len(p)-k)))
		all[i] = adjusted
	}
	return all
}

func keyOf(settings map[string]string) string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%q %q\n", path, settings[path])
	}
	return b.String()
}

// known are settings that say most, in the order of labels.
var known = []string{"method.name", "backbone.name", "backbone.width", "data.path", "minutes", "train.epochs",
	"train.max_steps", "train.batch", "optim.name", "optim.base_rate"}

// label names groups by settings in which they differ: as few as tell them apart, first those that say most.
func label(all []*Group) {
	settings := make([]map[string]string, len(all))
	paths := map[string]bool{}
	for i, g := range all {
		settings[i] = g.Runs[0].own()
		for path := range settings[i] {
			paths[path] = true
		}
	}
	order := slices.SortedFunc(maps.Keys(paths), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	keys := make([]string, len(all)) // what tells groups apart so far
	distinct := 1
	for _, path := range order {
		next, different := make([]string, len(all)), map[string]bool{}
		for i := range all {
			value, has := settings[i][path]
			next[i] = fmt.Sprintf("%s %t %q", keys[i], has, value)
			different[next[i]] = true
		}
		if len(different) == distinct {
			continue
		}
		keys, distinct = next, len(different)
		for i, g := range all {
			if value, has := settings[i][path]; has {
				g.Label += ", " + short(path) + printable.Name(printable.Middle(value, 60))
			}
		}
	}
	seen := map[string]int{}
	for _, g := range all {
		g.Label = strings.TrimPrefix(g.Label, ", ")
		if g.Label == "" {
			g.Label = printable.Name(printable.Middle(g.Runs[0].value("method.name"), 60))
		}
		if seen[g.Label]++; seen[g.Label] > 1 {
			g.Label += fmt.Sprintf(" (%d)", seen[g.Label])
		}
	}
}

// rank is lower for settings that say more.
func rank(path string) int {
	if at := slices.Index(known, path); at >= 0 {
		return at
	}
	if strings.HasPrefix(path, "method.") {
		return len(known)
	}
	return len(known) + 1
}

// short is what a label has before the value of a setting.
func short(path string) string {
	switch path {
	case "method.name", "backbone.name":
		return ""
	case "optim.base_rate":
		return "base_rate "
	}
	_, end, _ := strings.Cut(path, ".")
	return printable.Name(printable.Middle(cmp.Or(end, path), 60)) + " "
}
