// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// Text writes the tables: one at equal steps, and one at equal time if the runs have times.
func (c *Comparison) Text(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, t := range c.Tables() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, t.Title)
		head := []string{"", "runs"}
		for _, s := range t.Scores {
			head = append(head, string(s), "p")
		}
		fmt.Fprintln(out, strings.Join(append(head, "ended as"), "\t"))
		for _, r := range t.Rows {
			line := []string{r.Label, strconv.Itoa(r.Runs)}
			for _, cell := range r.Cells {
				line = append(line, cell.Text, cell.P)
			}
			fmt.Fprintln(out, strings.Join(append(line, r.Classes), "\t"))
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, line := range append(append([]string{""}, c.Verdicts()...), c.Remarks()...) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// A Table compares the groups by all scores, in text.
type Table struct {
	Title  string  `json:"title"` // where the groups are compared
	Scores []Score `json:"scores"`
	Rows   []Row   `json:"rows"` // a row for each group
}

// A Row is a group in a [Table].
type Row struct {
	Group   int    `json:"group"` // its place in [Comparison.Groups]
	Label   string `json:"label"`
	Runs    int    `json:"runs"`
	Cells   []Cell `json:"cells"`   // one for each score
	Classes string `json:"classes"` // how the runs ended
}

// A Cell is a score of a group.
type Cell struct {
	Text string `json:"text"` // see [Stat.String]
	P    string `json:"p"`    // of the difference from the best group; "best"; or "" where it is not known
	Best bool   `json:"best"`
}

// Tables are the table at equal steps, and that at equal time if there are times.
func (c *Comparison) Tables() []Table {
	all := []Table{c.table(fmt.Sprintf("at step %d, up to which every run has been evaluated", c.Steps),
		func(g *Group) map[Score]Stat { return g.AtSteps })}
	title := fmt.Sprintf("after %s of training, up to which every run has been evaluated", duration(c.Seconds))
	if c.Minutes != "" {
		title = "at the end of each run, all with --minutes " + printable.Name(printable.Middle(c.Minutes, 20))
	}
	if c.hasTime() {
		all = append(all, c.table(title, func(g *Group) map[Score]Stat { return g.AtTime }))
	}
	return all
}

func (c *Comparison) table(title string, of func(*Group) map[Score]Stat) Table {
	t := Table{Title: title, Scores: c.shown()}
	for i, g := range c.Groups {
		r := Row{Group: i, Label: g.Label, Runs: len(g.Runs), Classes: g.classes()}
		for _, s := range t.Scores {
			one := of(g)[s]
			cell := Cell{one.String(), probability(one.Chance), one.Best}
			if n := len(one.Values); n > 0 && n < len(g.Runs) {
				cell.Text += fmt.Sprintf(" of %s", runs(n))
			}
			if one.Best {
				cell.P = "best"
			}
			r.Cells = append(r.Cells, cell)
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// duration writes seconds: "2.4 s", "12 min 5 s".
func duration(seconds float64) string {
	if seconds < 10 {
		return strconv.FormatFloat(seconds, 'f', 1, 64) + " s"
	}
	return chart.Duration(seconds)
}

// shown are the scores that some group has.
func (c *Comparison) shown() (all []Score) {
	for _, s := range Scores {
		if c.Best(s) != nil {
			all = append(all, s)
		}
	}
	return all
}

// String returns for example "0.512 ± 0.004", or "–" without a value.
func (s Stat) String() string {
	decimals := 3
	if math.Abs(s.Mean) >= 2 { // a rank
		decimals = 1
	}
	digits := func(v float64) string { return strconv.FormatFloat(v, 'f', decimals, 64) }
	switch len(s.Values) {
	case 0:
		return "–"
	case 1:
		return digits(s.Mean)
	}
	return digits(s.Mean) + " ± " + digits(s.Deviation)
}

func probability(p float64) string {
	switch {
	case math.IsNaN(p):
		return ""
	case p < 0.001:
		return "<0.001"
	}
	return strconv.FormatFloat(p, 'f', 3, 64)
}

// classes says how the runs ended: "HEALTHY", or "2 HEALTHY, 1 COMPLETE".
func (g *Group) classes() string {
	count := map[string]int{}
	var order []string
	for _, r := range g.Runs {
		class := "not judged"
		if r.Class != "" {
			class = printable.Name(printable.Middle(r.Class, 40))
		}
		if count[class] == 0 {
			order = append(order, class)
		}
		count[class]++
	}
	if len(order) == 1 {
		return order[0]
	}
	for i, class := range order {
		order[i] = fmt.Sprintf("%d %s", count[class], class)
	}
	return strings.Join(order, ", ")
}

// Verdicts say which group is best by each score.
func (c *Comparison) Verdicts() (all []string) {
	for _, s := range c.shown() {
		by := string(s)
		if s == RankMe {
			by += ", which needs no labels"
		}
		all = append(all, fmt.Sprintf("best by %s: %s", by, c.Best(s).Label))
	}
	return all
}

// Remarks say how the tables are to be read.
func (c *Comparison) Remarks() []string {
	all := []string{"± is the standard deviation over seeds. p is the chance of such a difference from the best if " +
		"there is none: Welch's test, adjusted for the number of groups (Holm)."}
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	least, unfinished, broken, missing, latest := math.MaxInt, 0, 0, 0, 0
	widths, threads := map[string]bool{}, map[string]bool{}
	var first *Run // the one that limits the tables
	for _, g := range c.Groups {
		least = min(least, len(g.Runs))
		seeds := map[string]bool{}
		for _, r := range g.Runs {
			if seeds[r.Seed] {
				say("%s: seed %s is there twice. A repeated run is no evidence of its own.", g.Label,
					printable.Name(printable.Middle(r.Seed, 30)))
			}
			seeds[r.Seed] = true
			widths[r.value("backbone.name")+" "+r.value("backbone.width")] = true
			threads[r.value("train.threads")] = true
			step, _, ok := r.end()
			if ok && !r.evaluated(c) {
				missing++
			}
			switch {
			case !ok:
				say("%s has not been evaluated after its start, and counts nowhere.", r.shown())
			case r.Broken:
				broken++
			case !r.Ended:
				unfinished++
				fallthrough
			default:
				latest = max(latest, step)
				if step == c.Steps && first == nil {
					first = r
				}
			}
		}
	}
	if first != nil && latest > c.Steps {
		say("%s has been evaluated up to step %d, others up to step %d.", first.shown(), c.Steps, latest)
	}
	if least < 3 {
		say("With fewer than three seeds the spread of a group says little.")
	}
	if broken > 0 {
		say("%s collapsed or had a loss that was not finite, and counts with its last evaluation.", runs(broken))
	}
	if missing > 0 {
		say("%s had no evaluation so early, so a table is without. --eval-every makes more evaluations.", runs(missing))
	}
	if unfinished > 0 {
		say("%s did not reach the end yet.", runs(unfinished))
	}
	if len(threads) > 1 {
		say("The runs had different numbers of threads, so times depend on more than the settings.")
	}
	if len(widths) > 1 && c.Best(RankMe) != nil {
		say("RankMe grows with the number of features, and the networks differ.")
	}
	if !c.hasTime() {
		say("Times of training are missing, so there is no table at equal time.")
	}
	return all
}

// evaluated says whether each table has a score of the run.
func (r *Run) evaluated(c *Comparison) bool {
	atSteps, atTime := false, !c.hasTime()
	for _, s := range Scores {
		atSteps = atSteps || !math.IsNaN(r.at(s, c.byStep))
		atTime = atTime || !math.IsNaN(r.at(s, c.byTime))
	}
	return atSteps && atTime
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// shown is the run's name in messages.
func (r *Run) shown() string { return printable.Name(printable.Middle(r.Name, 100)) }

// CSV writes a row for each run: its name, group and seed, its scores at equal steps and at equal time, and how it
// ended. A score that a run does not have is empty.
func (c *Comparison) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	head := []string{"run", "group", "seed"}
	for _, s := range Scores {
		head = append(head, metrics[s]+"_at_steps", metrics[s]+"_at_time")
	}
	lines := [][]string{append(head, "steps", "seconds", "step", "class", "state")}
	for _, g := range c.Groups {
		for _, r := range g.Runs {
			step, _, _ := r.end()
			line := []string{r.Name, g.Label, r.Seed}
			for _, s := range Scores {
				line = append(line, number(r.at(s, c.byStep)), number(r.at(s, c.byTime)))
			}
			lines = append(lines, append(line, strconv.Itoa(c.Steps), number(c.Seconds), strconv.Itoa(step), r.Class,
				r.state()))
		}
	}
	return out.WriteAll(slices.Clip(lines))
}

// number writes a value, "" for NaN.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// state is how far the run is.
func (r *Run) state() string {
	switch {
	case r.Ended:
		return "finished"
	case r.Broken:
		return "broken"
	}
	return "unfinished"
}
