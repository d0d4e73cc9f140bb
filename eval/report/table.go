// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// What an interval is over.
const (
	byImages = "images"
	byDraws  = "draws"
)

// A Row is one score of one network.
type Row struct {
	Name    string  `json:"score"`
	Network string  `json:"network"`
	Value   float64 `json:"value"`
	// Interval is the 95 % confidence interval, and By what it is over: "images" (bootstrap) or "draws" (Student's t).
	Interval *[2]float64 `json:"interval,omitempty"`
	By       string      `json:"by,omitempty"`
	Seeds    *Spread     `json:"seeds,omitempty"` // of the mean over several seeds
	Chosen   string      `json:"chosen,omitempty"`
}

// Spread is the mean over repetitions with other seeds, and its 95 % confidence interval by Student's t.
type Spread struct {
	Number int     `json:"number"` // of repetitions, at least 2
	Mean   float64 `json:"mean"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// spread is the Spread of values from least to 1; nil for fewer than two.
func spread(values []float64, least float64) *Spread {
	n := len(values)
	if n < 2 {
		return nil
	}
	mean, deviation := stat.MeanStdDev(values, nil)
	t := distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile(1 - (1-eval.Confidence)/2)
	half := t * deviation / math.Sqrt(float64(n))
	return &Spread{n, mean, max(mean-half, least), min(mean+half, 1)}
}

// bootstrapped is a row with an interval over the images, of the mean over repetitions with the given values, 0 to 1.
func bootstrapped(name, network string, s Score, values []float64) Row {
	return Row{Name: name, Network: network, Value: s.Value, Interval: &[2]float64{s.Low, s.High}, By: byImages,
		Seeds: spread(values, 0)}
}

// chosen adds which setting was chosen.
func (r Row) chosen(format string, values ...any) Row {
	r.Chosen = fmt.Sprintf(format, values...)
	return r
}

// String is the value as it is printed, with its interval; in braces the interval over seeds.
func (r Row) String() string {
	text := strings.ReplaceAll(fmt.Sprintf("%.3f", r.Value), "-0.000", "0.000")
	if r.Interval != nil {
		text = Score{r.Value, r.Interval[0], r.Interval[1]}.String()
	}
	if r.Seeds != nil && r.By != byDraws {
		text += fmt.Sprintf(" {%.3f, %.3f}", r.Seeds.Low, r.Seeds.High)
	}
	return text
}

// seeded reports whether a row has an interval over seeds beside that over images.
func (r *Report) seeded() bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Seeds != nil && row.By != byDraws })
}

// plain reports whether the network has no scores of a form of their own.
func (n Network) plain() bool { return n.KNN == nil && n.Linear == nil && n.KMeans == nil }

// gained names a gain; with one other network, its name is left out.
func (r *Report) gained(g Gain) string {
	if len(r.others()) < 2 {
		return "gain"
	}
	return "gain over " + g.Over
}

// wide is how wide a column of the networks' names and the gains is.
func (r *Report) wide() int {
	width := 12
	for _, n := range r.Networks {
		width = max(width, utf8.RuneCountInString(printable.Text(n.Network)))
	}
	for _, g := range r.Gain {
		width = max(width, utf8.RuneCountInString(printable.Text(r.gained(g))))
	}
	return width
}

// others lists the networks that the first one is compared with.
func (r *Report) others() (names []string) {
	for _, row := range r.Rows {
		if row.Network != r.Rows[0].Network && !slices.Contains(names, row.Network) {
			names = append(names, row.Network)
		}
	}
	return names
}

// cells returns the rows as a table: a line of names, and a line for each score with a column for each network, then
// the gains over each other one.
func (r *Report) cells() [][]string {
	if len(r.Rows) == 0 {
		return nil
	}
	networks := append([]string{r.Rows[0].Network}, r.others()...)
	head := append([]string{"score"}, networks...)
	var over []string
	for _, g := range r.Gain {
		if !slices.Contains(over, g.Over) {
			over, head = append(over, g.Over), append(head, r.gained(g))
		}
	}
	lines := [][]string{head}
	at := map[string][]string{}
	for _, row := range r.Rows {
		line := at[row.Name]
		if line == nil {
			line = make([]string, len(head))
			line[0], at[row.Name] = row.Name, line
			lines = append(lines, line)
		}
		line[1+slices.Index(networks, row.Network)] = row.String()
	}
	for _, g := range r.Gain {
		if line := at[g.Row]; line != nil {
			line[1+len(networks)+slices.Index(over, g.Over)] = g.Score.String()
		}
	}
	if r.Chance != nil {
		lines = append(lines, []string{"chance", fmt.Sprintf("%.3f", r.Chance.best())})
	}
	return lines
}

// table prints the rows.
func (r *Report) table(line func(string, ...any)) {
	lines := r.cells()
	var width []int
	for _, cells := range lines {
		for i, cell := range cells {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(printable.Text(cell)))
		}
	}
	for _, cells := range lines {
		text := ""
		for i, cell := range cells {
			cell = printable.Text(cell)
			text += cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2)
		}
		line("%s", text)
	}
	if r.seeded() {
		line("{low, high}: the same confidence, over seeds")
	}
}

// about says what was evaluated on which images.
func (r *Report) about() (subject, images string) {
	subject = r.Run
	if r.Step.Known {
		subject = fmt.Sprintf("%s, %s, step %.0f", r.Run, r.Method, r.Step.Value)
	}
	name := "features h"
	if r.Of == OfEmbedding {
		name = "embedding z"
	}
	images = fmt.Sprintf("%s: %d images (%s)", r.Data, r.Tested.Images, r.Tested.Split)
	if r.Tested.Split != r.Bank.Split {
		images = fmt.Sprintf("%s: tested on %d images (%s), with %d (%s) to learn from", r.Data, r.Tested.Images,
			r.Tested.Split, r.Bank.Images, r.Bank.Split)
	}
	if r.Tested.Labelled > 0 {
		if r.Tested.Labelled < r.Tested.Images {
			images += fmt.Sprintf("; %d of those tested have a label", r.Tested.Labelled)
		}
		images += fmt.Sprintf("; %d classes, the largest %.3f", r.Classes, r.Largest.Value)
	}
	return fmt.Sprintf("%s: %s of width %d, images of %d px", subject, name, r.Width, r.Size), images
}

// preprocessing says how an image becomes a network's input.
func preprocessing(size int, n augment.Normalize) string {
	r := augment.EvalRecipe(size)
	short := size
	if resize, ok := r[0].(augment.Resize); ok {
		short = resize.Size
	}
	return fmt.Sprintf("short side of %d px by bilinear interpolation, central crop of %d px, normalised by mean %.4g "+
		"and deviation %.4g", short, size, n.Mean, n.Std)
}

// Markdown returns the report as a section with a table.
func (r *Report) Markdown() string { return Reports{r}.Markdown() }

// Reports are those of several probes of one subject.
type Reports []*Report

// Text returns the reports for people: each probe's table, with its protocol.
func (rs Reports) Text() string {
	var b strings.Builder
	line := func(format string, values ...any) {
		b.WriteString(strings.TrimRight(printable.Text(fmt.Sprintf(format, values...)), " ") + "\n")
	}
	said := map[string]bool{}
	for i, r := range rs {
		subject, images := r.about()
		if i == 0 {
			line("%s", subject)
		}
		for _, note := range append([]string{images}, r.Notes...) {
			if !said[note] {
				line("%s", note)
			}
			said[note] = true
		}
		if i == 0 {
			line("images: %s", r.Preprocessing)
		}
		line("")
		line("%s: %s", r.Evaluation, r.Protocol)
		r.table(line)
		line("")
	}
	line("[low, high]: %.0f %% confidence, over the images tested (bootstrap) or over draws (Student's t)",
		100*rs[0].Confidence)
	return b.String()
}

// Markdown returns the reports as one page.
func (rs Reports) Markdown() string {
	var b strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&b, format+"\n", values...) }
	plain := func(text string) string { return strings.ReplaceAll(printable.Text(text), "|", "\\|") }
	said := map[string]bool{}
	for i, r := range rs {
		subject, images := r.about()
		if i == 0 {
			line("# Evaluation\n\n%s", plain(subject))
		}
		line("\n## %s\n", r.Evaluation)
		for _, note := range append([]string{images}, r.Notes...) {
			if !said[note] {
				line("- %s", plain(note))
			}
			said[note] = true
		}
		line("- protocol: %s; images: %s\n", plain(r.Protocol), plain(r.Preprocessing))
		for j, cells := range r.cells() {
			for len(cells) < len(r.cells()[0]) {
				cells = append(cells, "")
			}
			for k := range cells {
				cells[k] = plain(cells[k])
			}
			line("| %s |", strings.Join(cells, " | "))
			if j == 0 {
				line("|%s", strings.Repeat(" --- |", len(cells)))
			}
		}
	}
	line("\n[low, high]: %.0f %% confidence, over the images tested (bootstrap) or over draws (Student's t); "+
		"{low, high}: over seeds", 100*rs[0].Confidence)
	return b.String()
}
