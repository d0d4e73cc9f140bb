// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Help, lists and the errors for mistakes equal testdata/golden/texts. After an intended change, scripts/golden --texts
// rewrites them.
func TestTextsAreAsBefore(t *testing.T) {
	root, c := now(t)
	texts, err := c.texts(root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range texts {
		stored, err := os.ReadFile(filepath.Join(textFolder(root), name))
		if err != nil {
			t.Error(err)
			continue
		}
		want := commands(string(stored))
		for line, said := range commands(text) {
			had, ok := want[line]
			delete(want, line)
			if strings.HasSuffix(line, "--json") && ok && holds(parsed(t, had), parsed(t, said)) {
				continue // programs read it: what is there stays, and more may be added
			}
			if said != had {
				t.Errorf("%s: %s\n%s", name, line, firstDifference(had, said))
			} else if !ok {
				t.Errorf("%s: there is nothing for %s", name, line)
			}
		}
		for line := range want {
			t.Errorf("%s: %s was not run", name, line)
		}
	}
}

// commands splits a file of texts into the command lines and their outputs.
func commands(text string) map[string]string {
	all := map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
		line, said, _ := strings.Cut(part, "\n")
		all[line] = strings.TrimSuffix(said, "\n")
	}
	return all
}

// parsed is a command's JSON output, after the line with its exit status.
func parsed(t *testing.T, said string) any {
	t.Helper()
	_, text, _ := strings.Cut(said, "\n")
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Error(err)
	}
	return value
}

// holds reports whether everything in want is in got; objects in got may have more keys.
func holds(want, got any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for key, value := range w {
			ok = ok && holds(value, g[key])
		}
		return ok
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !holds(w[i], g[i]) {
				return false
			}
		}
		return true
	}
	return want == got
}

// firstDifference shows the first line in which two texts differ.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if had, has := at(w, i), at(g, i); had != has {
			return "  was: " + had + "\n  is:  " + has
		}
	}
	return ""
}
