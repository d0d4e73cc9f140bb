// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// The files of the walk from images to answers, below the module's root.
const (
	usePage = "docs/use.md"
	useFile = "docs/use.yaml" // scripts/use writes it
)

// useSteps are the blocks of usePage: what the steps of useFile ran on, and the steps, in the order of the page.
var useSteps = []string{"ran", "embedded", "similar", "duplicates", "outliers", "selected", "mapped", "evaluated",
	"exported", "served", "neighbours"}

// walk is the content of useFile.
type walk struct {
	Source  `yaml:",inline"`
	Encoder string
	Machine string
	Steps   map[string]stepOfUse
}

// stepOfUse is a command and what it printed.
type stepOfUse struct{ Command, Output string }

// used returns a block of usePage.
func used(root, block string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, useFile))
	if err != nil {
		return "", err
	}
	var w walk
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&w); err != nil {
		return "", fmt.Errorf("%s: %w", useFile, err)
	}
	if block == "ran" {
		return fmt.Sprintf("What the commands print here was measured %s,\nwith %s, on %s.\n", w.Source, w.Encoder,
			w.Machine), nil
	}
	s, ok := w.Steps[block]
	if !ok {
		return "", fmt.Errorf("%s has no step %s", useFile, block)
	}
	return fmt.Sprintf("```\n$ %s\n%s```\n", s.Command, s.Output), nil
}
