// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/method"
)

// folder is the folder of the pages, below the module's root.
const folder = "docs/methods"

// page is a file with blocks.
type page struct {
	path   string        // below the root, with slashes
	text   string        // the page's current text
	entry  *method.Entry // the page's method; nil: a page about all of them
	blocks []string      // the names of its blocks, in order
}

// elsewhere are the pages outside the folder.
var elsewhere = []page{
	{path: "README.md", blocks: []string{"reviewed"}},
	{path: "docs/numbers.md", blocks: []string{"epochs", "guard", "clusters"}},
	{path: "docs/lab.md", blocks: []string{"verdicts"}},
	{path: "docs/exit-statuses.md", blocks: []string{"statuses"}},
	{path: settingsPage, blocks: []string{"sources"}},
	{path: reliabilityPage, blocks: []string{"campaign", "repairs"}},
	{path: usePage, blocks: useSteps},
	{path: benchmarksPage, blocks: []string{"benchmarks"}},
}

// read reads all pages: the overview of the folder, the methods' pages in the order of the list, and the others.
func read(root string) ([]page, error) {
	files, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, f := range files {
		found = append(found, f.Name())
	}
	want := []page{{path: "README.md", blocks: []string{"table"}}}
	for i := range method.All {
		want = append(want, page{path: method.All[i].Name + ".md", entry: &method.All[i],
			blocks: []string{"summary", "gradient", "settings", "measured"}})
	}
	for i, p := range want {
		at := slices.Index(found, p.path)
		if at < 0 {
			return nil, fmt.Errorf("%s has no %s: write it, with the blocks and headings of the other pages", folder,
				p.path)
		}
		found = slices.Delete(found, at, at+1)
		want[i].path = folder + "/" + p.path
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("%s has %s, which is not the page of a method", folder, strings.Join(found, ", "))
	}
	want = append(want, elsewhere...)
	for i, p := range want {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p.path)))
		if err != nil {
			return nil, err
		}
		want[i].text = string(text)
	}
	return want, nil
}

// generator makes blocks.
type generator struct {
	root     string // of the module
	engine   bool   // whether there is one
	seen     map[string]*facts
	evidence *evidence
}

var (
	beginning = regexp.MustCompile(`^<!-- generated: (\S+) -->$`)
	end       = "<!-- end -->"
)

// fill returns the page with new blocks.
func (g *generator) fill(p page) (string, error) {
	lines := strings.Split(p.text, "\n")
	var out, found []string
	for at := 0; at < len(lines); at++ {
		out = append(out, lines[at])
		name := beginning.FindStringSubmatch(lines[at])
		if name == nil {
			continue
		}
		stop := at + 1
		for ; stop < len(lines) && lines[stop] != end && !beginning.MatchString(lines[stop]); stop++ {
		}
		if stop == len(lines) || lines[stop] != end {
			return "", fmt.Errorf("%s:%d: block %s has no line %s", p.path, at+1, name[1], end)
		}
		found = append(found, name[1])
		if !slices.Contains(p.blocks, name[1]) {
			return "", fmt.Errorf("%s:%d: there is no block %s here: the blocks are %s", p.path, at+1, name[1],
				strings.Join(p.blocks, ", "))
		}
		if g.needsEngine(name[1]) && !g.engine {
			out = append(out, lines[at+1:stop]...)
		} else {
			text, err := g.block(name[1], p)
			if err != nil {
				return "", fmt.Errorf("%s, block %s: %w", p.path, name[1], err)
			}
			out = append(out, strings.Split(strings.TrimRight(text, "\n"), "\n")...)
		}
		out = append(out, end)
		at = stop
	}
	if !slices.Equal(found, p.blocks) {
		return "", fmt.Errorf("%s has the blocks %q, want %q", p.path, found, p.blocks)
	}
	return strings.Join(out, "\n"), nil
}

func (g *generator) needsEngine(block string) bool { return block == "gradient" || block == "table" }

func (g *generator) block(name string, p page) (string, error) {
	if p.path == usePage {
		return used(g.root, name)
	}
	switch name {
	case "summary":
		return summary(*p.entry), nil
	case "gradient":
		f, err := g.facts(*p.entry)
		if err != nil {
			return "", err
		}
		return f.gradients(), nil
	case "settings":
		return settings(*p.entry)
	case "measured":
		return g.evidence.measured(*p.entry), nil
	case "epochs":
		return g.evidence.epochs(), nil
	case "reviewed":
		return g.evidence.epochs(reviewed...), nil
	case "guard":
		return g.evidence.guard(), nil
	case "clusters":
		return g.evidence.clusters(), nil
	case "verdicts":
		return g.evidence.allVerdicts(), nil
	case "statuses":
		return statuses(), nil
	case "sources":
		return sourceTables(g.root)
	case "campaign":
		return campaigned(g.root)
	case "repairs":
		return repairs(g.root)
	case "benchmarks":
		return benchmarks(g.root)
	}
	return g.table()
}

// row returns a line of a Markdown table.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// rule returns the line below a table's head.
func rule(columns int) string { return strings.Repeat("| --- ", columns) + "|\n" }

// code marks text as code, unless it is empty.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
