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
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/preset"
)

// The files of sourceFolder say for each method where its values are from. docs/settings.md is the table of them.
const (
	sourceFolder = "preset/sources"
	settingsPage = "docs/settings.md"
)

// paper is the column of a method's defaults: its New, and its recipes for views of 224 px.
const paper = "paper"

// allColumns are the presets and, before them, the method's defaults.
var allColumns = slices.Concat([]string{paper}, preset.Names)

// ours begins the source of a value that nobody published.
const ours = "chosen here"

// known says how a value of a source is known.
var known = []string{
	"seen",      // the file was read
	"paper",     // the paper was read
	"secondary", // a text that quotes the source was read
	"memory",
}

// A group of rows of a method's file has one source.
type group struct {
	Source  string    // "arXiv:2006.07733, section 3.3", "repository@commit path", or ours and why
	Checked string    // one of known; none if the values are ours
	Values  yaml.Node // from keys to values; none: all of the preset's values that no other group has, if they are ours
}

// A claim is what the source has for a key. In the file it is the value, or a mapping if there is more to say.
type claim struct {
	key     string
	Value   yaml.Node // none: the source has what no setting can say
	As      string    // in the source's words or units: "4.8 at batch 4,096"
	Differs string    // why the value here is another one
	here    string    // the value here if it is another one
	group   *group
}

// A sourced is one column of a method.
type sourced struct {
	column string
	rows   []*claim
	rest   string // the source of all other values
	wrong  []error
}

// say adds a mistake.
func (s *sourced) say(format string, a ...any) {
	s.wrong = append(s.wrong, fmt.Errorf(s.column+": "+format, a...))
}

// sources reads and checks a method's file. Without a file it returns nil.
func sources(root string, e method.Entry) ([]*sourced, error) {
	name := sourceFolder + "/" + e.Name + ".yaml"
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	groups := map[string][]group{}
	read := yaml.NewDecoder(bytes.NewReader(text))
	read.KnownFields(true)
	if err := read.Decode(&groups); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var all []*sourced
	var wrong []error
	for column := range groups {
		if !slices.Contains(allColumns, column) {
			wrong = append(wrong, fmt.Errorf("unknown preset %q: they are %s", column, strings.Join(allColumns, ", ")))
		}
	}
	for _, column := range allColumns {
		s := &sourced{column: column}
		s.read(groups[column])
		if err := s.compare(e); err != nil {
			s.say("%w", err)
		}
		all, wrong = append(all, s), append(wrong, s.wrong...)
	}
	for i, err := range wrong {
		wrong[i] = fmt.Errorf("%s: %w", name, err)
	}
	return all, errors.Join(wrong...)
}

// read takes the rows out of the groups.
func (s *sourced) read(groups []group) {
	for i := range groups {
		g := &groups[i]
		mine := strings.HasPrefix(g.Source, ours)
		if mine == (g.Checked != "") || !mine && !slices.Contains(known, g.Checked) {
			s.say("source %q is checked: %q, want one of %s, or none if the values are %s", g.Source, g.Checked,
				strings.Join(known, ", "), ours)
		}
		switch {
		case g.Values.Kind != 0:
			rows, err := claimsOf(g)
			if err != nil {
				s.say("%w", err)
			}
			s.rows = append(s.rows, rows...)
		case !mine || s.rest != "":
			s.say("source %q has no values: only one source may have none, and it begins with %q", g.Source, ours)
		default:
			s.rest = g.Source
		}
	}
}

// claimsOf reads the rows of a group.
func claimsOf(g *group) (rows []*claim, err error) {
	values := resolved(&g.Values).Content
	for i := 0; i+1 < len(values); i += 2 {
		r := &claim{key: values[i].Value, group: g}
		if value := values[i+1]; !isClaim(value) {
			r.Value = *value
		} else if err := value.Decode(r); err != nil {
			return nil, fmt.Errorf("%s: %w", r.key, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// resolved is a copy without anchors and aliases.
func resolved(y *yaml.Node) *yaml.Node {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	c := *y
	c.Anchor, c.Content = "", nil
	for _, kid := range y.Content {
		c.Content = append(c.Content, resolved(kid))
	}
	return &c
}

// isClaim reports whether a mapping is a row and not the fields of a section.
func isClaim(y *yaml.Node) bool {
	for i := 0; y.Kind == yaml.MappingNode && i < len(y.Content); i += 2 {
		if !slices.Contains([]string{"value", "as", "differs"}, y.Content[i].Value) {
			return false
		}
	}
	return y.Kind == yaml.MappingNode
}

// compare sets the source's values over those of a run. A value that changes differs here, for which its row has the
// reason.
func (s *sourced) compare(e method.Entry) error {
	var given []preset.Setting
	if s.column != paper {
		var err error
		if given, err = preset.Settings(s.column, e.Name); err != nil {
			return err
		}
	}
	side := 32
	if s.column == paper || strings.HasPrefix(s.column, "imagenet") {
		side = size
	}
	run, err := configured(e, given, side)
	if err != nil {
		return err
	}
	source, err := configured(e, given, side)
	if err != nil {
		return err
	}
	of := map[string]*claim{} // by the text under which it is the source of a value
	for i, r := range s.rows {
		by := "row " + strconv.Itoa(i)
		if err := r.set(source, by); err != nil {
			s.say("%w", err)
			continue
		}
		of[by] = r
	}
	changes, err := config.Diff(run.Config, source.Config)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if r := of[source.Sources[c.Path]]; r != nil {
			r.differ(c)
		}
	}
	counts := map[*claim]bool{} // whether it is the source of any value
	needs := needed(run, s.column)
	for _, path := range slices.Sorted(maps.Keys(source.Sources)) {
		r := of[source.Sources[path]]
		counts[r] = true
		if r == nil && needs[path] && s.rest == "" {
			s.say("%s has no row", path)
		}
	}
	for _, r := range of {
		if here := warmUpOf(run); r.key == warmUp && r.Value.Value != here {
			r.here = here
		}
		has := r.Value.Kind != 0
		switch {
		case has && !counts[r]:
			s.say("%s: later rows have all of it: leave this one out", r.key)
		case has && r.here == "" && r.Differs != "":
			s.say("%s is the source's: leave differs out", r.key)
		case r.here != "" && r.Differs == "":
			s.say("%s is %s here: say in differs why", r.key, r.here)
		case !has && r.Differs == "":
			s.say("%s has no value: say in differs why there can be none here", r.key)
		}
	}
	return nil
}

// set sets the source's value, or marks the key if there is none that can be set.
func (r *claim) set(l *config.Layered, by string) error {
	switch {
	case r.Value.Kind == 0 && r.As == "":
		return fmt.Errorf("%s has neither value nor as", r.key)
	case r.Value.Kind == 0 || r.key == warmUp:
		return l.Mark(r.key, by)
	}
	text, err := flow(&r.Value)
	if err != nil {
		return err
	}
	return l.Set(r.key, text, by)
}

// differ notes a value here that is not the source's.
func (r *claim) differ(c config.Change) {
	if here := shortly(r.key, c); !strings.Contains(r.here+", ", here+", ") {
		r.here = strings.TrimPrefix(r.here+", "+here, ", ")
	}
}

// shortly is a value here, with the part of its key that the row's key leaves open.
func shortly(key string, c config.Change) string {
	last := c.Path[strings.LastIndex(c.Path, ".")+1:]
	if strings.HasSuffix(key, "."+last) {
		return c.Old
	}
	return last + " " + c.Old
}

// always are the values that the table has for the published presets even where a preset leaves the default.
var always = strings.Fields(`backbone.name train.batch train.epochs optim.name optim.base_rate optim.weight_decay
	optim.warmup_steps optim.final_rate`)

// optimisers are further ones.
var optimisers = map[string][]string{
	"sgd":  {"optim.momentum"},
	"lars": {"optim.momentum", "optim.eta", "optim.exclude_bias_and_norm"},
}

// needed returns the values that need a row: of a method all its hyperparameters and recipes, of a preset what it sets,
// of a published one also its length, batch and optimiser, and of those that are solo-learn's also the recipes.
func needed(run *config.Layered, column string) map[string]bool {
	published := slices.Contains([]string{"imagenet", "imagenet100", "cifar"}, column)
	recipes := published && column != "imagenet" || column == paper
	needs := map[string]bool{}
	for path, source := range run.Sources {
		needs[path] = source != "default" || recipes && strings.HasPrefix(path, "augment.") ||
			column == paper && strings.HasPrefix(path, "method.") && path != "method.name" ||
			published && (slices.Contains(always, path) || slices.Contains(optimisers[run.Optim.Name], path))
	}
	return needs
}

// warmUp is compared in epochs, unless a preset gives steps.
const warmUp = "optim.warmup_steps"

// warmUpOf is the length of a run's warm-up: the smaller of 10 epochs and a tenth of the run if no preset sets it.
func warmUpOf(run *config.Layered) string {
	if run.Sources[warmUp] != "default" {
		return strconv.Itoa(run.Optim.WarmupSteps)
	}
	return strconv.FormatFloat(min(10, float64(run.Train.Epochs)/10), 'g', -1, 64) + " epochs"
}

// flow writes a value, if there is one, in one line.
func flow(y *yaml.Node) (string, error) {
	if y.Kind == 0 || y.Kind == yaml.ScalarNode {
		return y.Value, nil
	}
	y.Style = yaml.FlowStyle
	text, err := yaml.Marshal(y)
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\n", " ")), err
}

// sourceTables returns a table for each method with a file, and the methods without one.
func sourceTables(root string) (string, error) {
	var b strings.Builder
	var wrong []error
	var without []string
	for _, e := range slices.Concat(method.All, method.Later) {
		all, err := sources(root, e)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if all == nil {
			without = append(without, "`"+e.Name+"`")
			continue
		}
		b.WriteString("## " + e.Name + "\n\n")
		b.WriteString(row("preset", "setting", "source's value", "here", "why", "source", "known from") + rule(7))
		for _, s := range all {
			var of *group
			for _, r := range s.rows {
				value, err := flow(&r.Value)
				if err != nil {
					return "", err
				}
				if value = code(value); r.As != "" {
					value = strings.TrimPrefix(value+", "+r.As, ", ")
				}
				cells := []string{"", code(r.key), value, code(r.here), r.Differs, "", ""}
				if r.group != of {
					of = r.group
					cells[0], cells[5], cells[6] = s.column, of.Source, of.Checked
				}
				b.WriteString(row(cells...))
			}
			if s.rest != "" {
				b.WriteString(row(s.column, "all others", "", "", "", s.rest, ""))
			}
		}
		b.WriteString("\n")
	}
	if len(without) > 0 {
		b.WriteString("Still to be checked: " + strings.Join(without, ", ") + ".\n")
	}
	return b.String(), errors.Join(wrong...)
}
