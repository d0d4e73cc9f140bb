// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/compare"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
)

// Compare compares the runs of the sweep in a folder that there are. Runs that differ only in the seed are a group. A
// run that cannot be read is left out, and unread has a line for it.
func Compare(p *Plan, dir string) (c *compare.Comparison, unread []string, err error) {
	groups := map[string]*compare.Group{}
	var all []*compare.Group
	for _, cell := range p.Cells() {
		r, err := compare.Read(filepath.Join(dir, cell.Name))
		if errors.Is(err, run.ErrNoRun) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			unread = append(unread, printable.Text(printable.Middle(err.Error(), 1000)))
			continue
		}
		key := fmt.Sprintf("%q %q", cell.Method, cell.Set)
		if groups[key] == nil {
			groups[key] = &compare.Group{Label: p.Label(cell)}
			all = append(all, groups[key])
		}
		groups[key].Runs = append(groups[key].Runs, r)
	}
	c, err = compare.Groups(all)
	return c, unread, err
}

// WriteFiles writes [PageFile] and [TableFile] into a sweep's folder. failed has a line for each run that failed.
func WriteFiles(p *Plan, dir string, c *compare.Comparison, failed []string) error {
	page := compare.Page{Title: p.title(), Facts: p.facts(), Failed: failed, Comparison: c}
	return errors.Join(
		run.WriteFile(filepath.Join(dir, PageFile), page.Write),
		run.WriteFile(filepath.Join(dir, TableFile), func(w io.Writer) error { return c.CSV(w) }))
}

func (p *Plan) title() string {
	count := func(n int, one string) string {
		if n == 1 {
			return "1 " + one
		}
		return strconv.Itoa(n) + " " + one + "s"
	}
	text := "Sweep of " + count(len(p.Methods), "method")
	for _, a := range p.Grid {
		text += ", " + count(len(a.Values), "value") + " of " + a.Path
	}
	return text + ", " + count(len(p.Seeds), "seed")
}

// facts are what the page says of the plan.
func (p *Plan) facts() (all [][2]string) {
	add := func(name, text string) {
		if text != "" {
			all = append(all, [2]string{name, printable.Middle(text, 1000)})
		}
	}
	add("Methods", strings.Join(p.Methods, ", "))
	add("Seeds", strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Seeds), " ", ", "), "[]"))
	for _, a := range p.Grid {
		add(a.Path, strings.Join(a.Values, ", "))
	}
	data := p.Data
	if filepath.IsAbs(data) {
		data = filepath.Base(data) // the folder means nothing on another machine
	}
	add("Images", data)
	add("Preset", p.Preset)
	if p.Minutes > 0 {
		add("Minutes", fmt.Sprintf("%g of each run", p.Minutes))
	}
	for _, s := range p.Set {
		add(s.Path, s.Value)
	}
	return all
}
