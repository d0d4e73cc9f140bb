// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/parts"
)

// The files behind docs/reliability.md, below the module's root.
const (
	reliabilityPage = "docs/reliability.md"
	figuresFile     = "docs/torture.json"
	repairsFile     = "docs/reliability.yaml"
)

// campaigned returns the table of what `make torture` tried and found.
func campaigned(root string) (string, error) {
	all, err := campaign.ReadFigures(filepath.Join(root, figuresFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var b strings.Builder
	b.WriteString(row("part", "what is done, and what must hold", "cases", "faults", "figures", "date, commit"))
	b.WriteString(rule(6))
	machines := map[string]bool{}
	for _, p := range parts.All {
		f, ok := all[p.Name]
		if !ok {
			b.WriteString(row(code(p.Name), p.About, "", "", "not run yet", ""))
			continue
		}
		machines[f.Machine] = true
		b.WriteString(row(code(p.Name), p.About, f.Tried(), fmt.Sprint(len(f.Faults)), f.Details(),
			f.Date+", "+f.Commit))
	}
	for _, m := range slices.Sorted(maps.Keys(machines)) {
		fmt.Fprintf(&b, "\nMeasured on %s.\n", m)
	}
	return b.String(), nil
}

// repair is a fault that was found, with the tests that fail without its repair.
type repair struct {
	Name, Was string
	Tests     []string
}

// repairs returns the table of faults and their tests.
func repairs(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, repairsFile))
	if err != nil {
		return "", err
	}
	var v struct{ Faults []repair }
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&v); err != nil {
		return "", fmt.Errorf("%s: %w", repairsFile, err)
	}
	var b strings.Builder
	b.WriteString(row("fault", "what was wrong", "held by") + rule(3))
	for _, f := range v.Faults {
		var held []string
		for _, t := range f.Tests {
			if err := there(root, t); err != nil {
				return "", fmt.Errorf("%s: %s: %w", repairsFile, f.Name, err)
			}
			held = append(held, code(t))
		}
		b.WriteString(row(f.Name, f.Was, strings.Join(held, ", ")))
	}
	return b.String(), nil
}

// there returns an error if a test, or a script, does not exist.
func there(root, test string) error {
	if strings.HasSuffix(test, ".txtar") {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(test)))
		return err
	}
	folder, name, ok := strings.Cut(test, ".")
	if !ok {
		return fmt.Errorf("%q is not written as FOLDER.TestName", test)
	}
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		return err
	}
	declared := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if declared.Match(text) {
			return nil
		}
	}
	return fmt.Errorf("there is no test %s in %s", name, folder)
}
