// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/preset"
)

// headings are the headings of a method's page, in order. The one in optional may be left out.
var (
	headings = []string{
		"The idea", "The loss", "What gets a gradient", "Why it does not collapse", "What the review says", "Settings",
		"Published numbers", "Where implementations differ", "Further reading", "What this project measured",
	}
	optional = "What the review says"
)

// mistakes lists wrong statements on pages. scripts/docs.py checks the links.
func mistakes(all []page) (wrong []error) {
	for _, p := range all {
		if p.entry != nil {
			if err := checkHeadings(p); err != nil {
				wrong = append(wrong, err)
			}
		}
		if p.path != settingsPage { // its rows are checked, and the rest has no settings
			wrong = append(wrong, checkSettings(p)...)
		}
	}
	return wrong
}

func checkHeadings(p page) error {
	var found []string
	title := false
	fenced := false
	for _, line := range strings.Split(p.text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		if line == "# "+p.entry.Title {
			title = true
		}
		if h, ok := strings.CutPrefix(line, "## "); ok {
			found = append(found, h)
		}
	}
	want := headings
	if !slices.Contains(found, optional) {
		want = slices.DeleteFunc(slices.Clone(headings), func(h string) bool { return h == optional })
	}
	switch {
	case !title:
		return fmt.Errorf("%s: its title is not \"# %s\"", p.path, p.entry.Title)
	case !slices.Equal(found, want):
		return fmt.Errorf("%s: its headings are %q, want %q", p.path, found, want)
	}
	return nil
}

var (
	// A configuration key, possibly of one stage of parallax cluster, and possibly its value.
	key    = regexp.MustCompile(`(?:^|[^\w./-])(?:(pretext|clustering|selflabel)\.)?((?:method|variant|augment|optim|backbone|train|probe|data)\.[a-z0-9_][a-z0-9_.#]*)(?:=(\[[^\]]*\]|\{[^}]*\}|[^\s` + "`" + `|]+))?`)
	chosen = regexp.MustCompile(`--(method|preset|backbone)[ =]([\w-]+)`)
	notKey = regexp.MustCompile(`\.(go|md|py|yaml|jsonl)$`)
)

// stages are the methods that parallax cluster runs after a pretext.
var stages = map[string]string{"clustering": "scan", "selflabel": "scan-selflabel"}

// checkSettings resolves every key that a page mentions, with its value if the page gives one, as a run would.
func checkSettings(p page) (wrong []error) {
	at := 0
	for _, line := range strings.Split(strings.ReplaceAll(p.text, "\\\n", "\\\x00"), "\n") {
		at++
		from := at
		at += strings.Count(line, "\x00")
		if err := checkLine(p, strings.ReplaceAll(line, "\x00", " ")); err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", p.path, from, err))
		}
	}
	return wrong
}

// checkLine checks one line of a page. The method is the page's, unless the line names another.
func checkLine(p page, line string) error {
	names := map[string]string{}
	if strings.Contains(line, "parallax map ") {
		return nil // its --method is one of drawing, and it has no settings
	}
	for _, c := range chosen.FindAllStringSubmatch(line, -1) {
		names[c[1]] = c[2]
		switch {
		case c[1] == "preset" && !slices.Contains(preset.Names, c[2]):
			return fmt.Errorf("unknown preset %q: the presets are %s", c[2], strings.Join(preset.Names, ", "))
		case c[1] == "backbone":
			if _, err := backbone.Find(c[2]); err != nil {
				return err
			}
		case c[1] == "method" && c[2] != "NAME":
			if _, err := method.Find(c[2]); err != nil {
				return err
			}
		}
	}
	own := names["method"]
	if own == "" && p.entry != nil {
		own = p.entry.Name
	}
	together := map[string][]preset.Setting{} // by method: the settings of one command
	for _, found := range key.FindAllStringSubmatch(line, -1) {
		of, path, value := own, strings.TrimRight(found[2], "."), strings.TrimRight(found[3], ".,;:)")
		if notKey.MatchString(path) || path == "method.name" {
			continue
		}
		switch stage := found[1]; {
		case stage == "pretext":
			of = "simclr"
		case stage != "":
			of = stages[stage]
		}
		if of == "" || of == "NAME" {
			if err := checkAny(path, value); err != nil {
				return err
			}
			continue
		}
		if err := checkKey(of, path, value); err != nil {
			return err
		}
		if value != "" {
			together[of] = append(together[of], preset.Setting{Path: path, Value: value})
		}
	}
	if !strings.Contains(line, "parallax pretrain ") {
		return nil
	}
	for of, given := range together {
		if err := checkRun(of, names["preset"], given); err != nil {
			return err
		}
	}
	return nil
}

// checkKey resolves a key for a method, and its value if there is one.
func checkKey(of, path, value string) error {
	e, err := method.Find(of)
	if err != nil {
		return err
	}
	var given []preset.Setting
	if value != "" {
		given = []preset.Setting{{Path: path, Value: value}}
	}
	l, err := configured(e, given, size)
	if err != nil {
		return err
	}
	if err := l.Mark(path, "mentioned"); err != nil {
		return fmt.Errorf("%s: %w", of, err)
	}
	return nil
}

// checkAny resolves a key in a statement about methods in general: one of them must have it.
func checkAny(path, value string) (err error) {
	for _, e := range method.All {
		if err = checkKey(e.Name, path, value); err == nil {
			return nil
		}
	}
	return err
}

// checkRun lays a command's settings over its preset and lets the method check the result.
func checkRun(of, name string, given []preset.Setting) error {
	e, err := method.Find(of)
	if err != nil {
		return err
	}
	if name != "" {
		settings, err := preset.Settings(name, of)
		if err != nil {
			return err
		}
		given = append(settings, given...)
	}
	l, err := configured(e, given, size)
	if err != nil {
		return err
	}
	if m, ok := l.Method.Fields.(parallax.Validator); ok {
		if err := m.Validate(); err != nil {
			return err
		}
	}
	_, err = variant.Wrap(l.Method.Fields.(parallax.Method), l.Config)
	return err
}
