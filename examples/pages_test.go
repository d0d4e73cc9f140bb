// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A page quotes a file of this repository in this form. The text of the block must be in that file, line by line:
//
//	<!-- from examples/loop/main.go -->
//	```go
//	...
//	```
var (
	marker = regexp.MustCompile(`^<!-- from (\S+) -->$`)
	fence  = regexp.MustCompile("^\\s*(?:```|~~~)\\s*(\\S*)")
)

// misquoted returns one line for each Go block of a page that does not name its source, or that is not in its source.
func misquoted(page string, read func(name string) (string, error)) (wrong []string, blocks int) {
	lines := strings.Split(page, "\n")
	for at := 0; at < len(lines); at++ {
		opening := fence.FindStringSubmatch(lines[at])
		if opening == nil {
			continue
		}
		start, above := at+1, ""
		if at > 0 {
			above = lines[at-1]
		}
		for at++; at < len(lines) && fence.FindString(lines[at]) == ""; at++ {
		}
		if at == len(lines) {
			wrong = append(wrong, fmt.Sprintf("line %d: the block has no end", start))
			continue
		}
		if opening[1] != "go" {
			continue
		}
		blocks++
		from := marker.FindStringSubmatch(above)
		if from == nil {
			wrong = append(wrong, fmt.Sprintf("line %d: the line above a Go block must name the quoted file: "+
				"<!-- from examples/... -->", start))
			continue
		}
		file, err := read(from[1])
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %v", start, err))
			continue
		}
		quoted := strings.Join(lines[start:at], "\n") + "\n"
		if strings.TrimSpace(quoted) == "" || !strings.Contains("\n"+file, "\n"+quoted) {
			wrong = append(wrong, fmt.Sprintf("line %d: this block is not in %s word for word: copy it again",
				start, from[1]))
		}
	}
	return wrong, blocks
}

func TestPagesQuoteTheirExamples(t *testing.T) {
	const root = ".."
	read := func(name string) (string, error) {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		return string(text), err
	}
	quotes := 0
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			page, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			wrong, blocks := misquoted(string(page), read)
			for _, line := range wrong {
				t.Errorf("%s, %s", strings.TrimPrefix(filepath.ToSlash(name), "../"), line)
			}
			quotes += blocks
		}
	}
	if quotes == 0 {
		t.Error("no page quotes any Go: is the folder docs missing?")
	}
}

// misquoted is tested on made-up pages.
func TestMisquoted(t *testing.T) {
	read := func(name string) (string, error) {
		if name != "a.go" {
			return "", os.ErrNotExist
		}
		return "package a\n\nfunc f() {\n\tg()\n}\n", nil
	}
	for name, c := range map[string]struct {
		page   string
		wrong  int
		blocks int
	}{
		"as it should be":  {"text\n<!-- from a.go -->\n```go\nfunc f() {\n\tg()\n}\n```\n", 0, 1},
		"another language": {"```sh\nmake\n```\n", 0, 0},
		"no marker":        {"```go\nfunc f() {\n```\n", 1, 1},
		"an empty line":    {"<!-- from a.go -->\n\n```go\nfunc f() {\n```\n", 1, 1},
		"no such file":     {"<!-- from b.go -->\n```go\nfunc f() {\n```\n", 1, 1},
		"changed":          {"<!-- from a.go -->\n```go\nfunc f() {\n\th()\n}\n```\n", 1, 1},
		"part of a line":   {"<!-- from a.go -->\n```go\nc f() {\n```\n", 1, 1},
		"half a line":      {"<!-- from a.go -->\n```go\nfunc f()\n```\n", 1, 1},
		"nothing":          {"<!-- from a.go -->\n```go\n```\n", 1, 1},
		"no end":           {"<!-- from a.go -->\n```go\nfunc f() {\n", 1, 0},
		"two":              {"<!-- from a.go -->\n```go\npackage a\n```\n<!-- from a.go -->\n```go\npackage b\n```\n", 1, 2},
	} {
		wrong, blocks := misquoted(c.page, read)
		if len(wrong) != c.wrong || blocks != c.blocks {
			t.Errorf("%s: %d blocks, %q; want %d blocks and %d complaints", name, blocks, wrong, c.blocks, c.wrong)
		}
	}
}
