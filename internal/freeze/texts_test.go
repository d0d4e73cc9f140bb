// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Help, lists and the answers to mistakes are what testdata/golden/texts has. A change that is meant is written by
// scripts/golden --texts.
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

// commands splits a file of texts into the command lines and what each printed.
func commands(text string) map[string]string {
	all := map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
		line, said, _ := strings.Cut(part, "\n")
		all[line] = strings.TrimSuffix(said, "\n")
	}
	return all
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
