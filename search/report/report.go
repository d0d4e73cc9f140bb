// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/sheet"
	"github.com/parallax-ssl/parallax/run"
)

// A Report is what a search found.
type Report struct {
	Command string // similar, duplicates, outliers, select or map
	In      string // the file of embeddings or the images
	Rows    int    // images with an embedding
	Failed  int    // images without one
	Dim     int    // width of an embedding
	Facts   []Fact
	Notes   []string // sentences
	Columns []string // of the table
	Lines   [][]any  // a value for each column: string, int, float64, or nil for none

	strips   []strip // pictures
	plot     *plot
	pictures *pictures
	close    func() error
}

// A Fact is a named number or setting.
type Fact struct{ Name, Value string }

func (r *Report) fact(name, value string) { r.Facts = append(r.Facts, Fact{name, value}) }

func (r *Report) note(format string, values ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, values...))
}

// Close closes the images, which [Report.Write] draws.
func (r *Report) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// mostLines bounds the lines of a table for reading.
const mostLines = 100

// Text returns the report for reading: facts, a table of at most 100 lines, and notes.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of width %d\n", printable.Name(r.In), counted(r.Rows, "embedding"), r.Dim)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	shown := r.Lines[:min(len(r.Lines), mostLines)]
	if len(shown) > 0 {
		b.WriteByte('\n')
		r.table(&b, shown)
	}
	if more := len(r.Lines) - len(shown); more > 0 {
		fmt.Fprintf(&b, "and %s more: --out FILE.csv has them all\n", counted(more, "line"))
	}
	if len(r.Notes) > 0 {
		b.WriteByte('\n')
	}
	for _, note := range r.Notes {
		fmt.Fprintln(&b, note)
	}
	return b.String()
}

// table writes lines in columns: numbers to the right, text to the left, the last column as it is.
func (r *Report) table(b *strings.Builder, lines [][]any) {
	cells := [][]string{r.Columns}
	numeric := make([]bool, len(r.Columns))
	for _, line := range lines {
		row := make([]string, len(line))
		for i, v := range line {
			row[i] = cell(v)
			switch v := v.(type) {
			case string:
				row[i] = printable.Name(v)
			case nil:
				row[i] = "-"
			default:
				numeric[i] = true
			}
		}
		cells = append(cells, row)
	}
	widths := make([]int, len(r.Columns))
	for _, row := range cells {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, row := range cells {
		var line strings.Builder
		for i, text := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i > 0 {
				line.WriteString("  ")
			}
			if numeric[i] {
				line.WriteString(space + text)
			} else {
				line.WriteString(text + space)
			}
		}
		fmt.Fprintln(b, strings.TrimRight(line.String(), " "))
	}
}

// cell is a value as text.
func cell(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', 4, 64)
	case int:
		return strconv.Itoa(v)
	case string:
		return v
	}
	return ""
}

// CSV writes the table with a header line.
func (r *Report) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	err := out.Write(r.Columns)
	for _, line := range r.Lines {
		row := make([]string, len(line))
		for i, v := range line {
			row[i] = cell(v)
			if f, ok := v.(float64); ok {
				row[i] = strconv.FormatFloat(f, 'g', 9, 64)
			}
		}
		err = errors.Join(err, out.Write(row))
	}
	out.Flush()
	return errors.Join(err, out.Error())
}

// JSON writes the report as one JSON object; "items" has an object for each line of the table. A value that is not
// finite is null.
func (r *Report) JSON(w io.Writer) error {
	facts := map[string]string{}
	for _, f := range r.Facts {
		facts[f.Name] = f.Value
	}
	items := make([]map[string]any, len(r.Lines))
	for i, line := range r.Lines {
		items[i] = map[string]any{}
		for j, v := range line {
			if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				v = nil
			}
			items[i][r.Columns[j]] = v
		}
	}
	return json.NewEncoder(w).Encode(struct {
		Command string            `json:"command"`
		In      string            `json:"in"`
		Rows    int               `json:"rows"`
		Failed  int               `json:"failed"`
		Dim     int               `json:"dim"`
		Facts   map[string]string `json:"facts"`
		Notes   []string          `json:"notes"`
		Items   []map[string]any  `json:"items"`
	}{r.Command, r.In, r.Rows, r.Failed, r.Dim, facts, append([]string{}, r.Notes...), items})
}

// endings are the endings of the files that Write writes.
var endings = []string{".csv", ".json", ".png", ".html"}

// CheckOut refuses the name of a file that [Report.Write] could not write, before any work is done.
func CheckOut(path string) error {
	if !slices.Contains(endings, strings.ToLower(filepath.Ext(path))) {
		return run.Invalid(fmt.Errorf("--out %s: the ending of its name must be one of %s", printable.Name(path),
			strings.Join(endings, ", ")))
	}
	return nil
}

// Write writes the report to a file: by its ending the table (.csv, .json) or pictures (.png, .html). The file is
// replaced as a whole or not at all. Images that cannot be read are drawn as grey squares, and a note says so.
func (r *Report) Write(ctx context.Context, path string) error {
	if err := CheckOut(path); err != nil {
		return err
	}
	write := r.CSV
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		write = r.JSON
	case ".png":
		page, err := r.draw(ctx)
		if err != nil {
			return err
		}
		write = func(w io.Writer) error { return sheet.WritePNG(w, page) }
	case ".html":
		page, err := r.page(ctx)
		if err != nil {
			return err
		}
		write = func(w io.Writer) error { _, err := w.Write(page); return err }
	}
	return run.WriteFile(path, write)
}
