// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// uses are the commands that use an encoder.
var uses = []string{"embed", "similar", "duplicates", "outliers", "select", "map", "eval", "export", "import", "serve"}

// TestExamplesRun checks that a script runs each example in the help of the commands that use an encoder, as it stands
// there. Flags that make it quick may follow.
func TestExamplesRun(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts (%v)", err)
	}
	var lines []string
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	runs := func(example string) bool {
		return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l+" ", "exec "+example+" ") })
	}
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		if c.Runnable() && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			example := strings.TrimSpace(line)
			if !strings.HasPrefix(example, c.CommandPath()+" ") {
				t.Errorf("%s: the example %q runs another command", c.CommandPath(), example)
			}
			if c.Name() == "serve" {
				continue // the command serves of serve.txtar runs all of them
			}
			if !runs(example) {
				t.Errorf("no script runs the example %q", example)
			}
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	root := command()
	for _, name := range uses {
		c, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		check(c)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "serves ") }) {
		t.Error("no script runs the examples of serve")
	}
}
