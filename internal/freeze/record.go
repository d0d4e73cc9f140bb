// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// base is the commit whose behaviour the records hold.
const base = "3880be36580303f7ab745b75b469c8732ba5b439"

// A record is testdata/golden/CAPABILITY.json. The same kernels give the same bits. The capability determines the
// kernels and, in oneDNN and MKL, the processor's model does. So results must be equal on the listed machines;
// elsewhere a build of base, made on the spot, judges a difference.
type record struct {
	Commit   string
	Libtorch string
	Machines []string
	Runs     map[string]measured
}

// measured is a result without the configuration, which is the same on every processor and lies in config.json.
type measured struct {
	Hashes map[string]string
	Losses string   `json:",omitempty"` // separated by blanks
	Words  []string `json:",omitempty"`
}

func recordFile(root, capability string) string {
	return filepath.Join(root, "testdata", "golden", capability+".json")
}

// configFile holds the configuration of every run: a method's plain run has all of it, the others the differences.
func configFile(root string) string { return filepath.Join(root, "testdata", "golden", "config.json") }

func readJSON(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

func writeJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o666)
}

// recorded returns the stored results for a capability; if there are none, the error is fs.ErrNotExist.
func recorded(root, capability string) (map[string]result, record, error) {
	var r record
	if err := readJSON(recordFile(root, capability), &r); err != nil {
		return nil, r, err
	}
	configs := map[string]map[string]string{}
	if err := readJSON(configFile(root), &configs); err != nil {
		return nil, r, err
	}
	results := map[string]result{}
	for name, m := range r.Runs {
		config := maps.Clone(configs[testCase{name: name}.method()])
		maps.Copy(config, configs[name])
		results[name] = result{m.Hashes, strings.Fields(m.Losses), m.Words, config}
	}
	return results, r, nil
}

// write stores the results beside those of other cases. With wordsOnly it replaces the texts of the events, and nothing
// else may differ from what is stored.
func (c collection) write(root string, wordsOnly bool) error {
	stored, r, err := recorded(root, c.Capability)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !wordsOnly:
		r = record{Runs: map[string]measured{}}
	case err != nil:
		return err
	}
	if wordsOnly {
		for name, s := range stored {
			if got, ok := c.Runs[name]; ok {
				s.Words = got.Words
				stored[name] = s
			}
		}
		if lines := differences(stored, c.Runs); len(lines) > 0 {
			return say(lines, len(c.Runs), recordFile(root, c.Capability))
		}
	} else {
		r.Commit, r.Libtorch = base, c.Libtorch
		if !slices.Contains(r.Machines, c.Machine) {
			r.Machines = append(r.Machines, c.Machine)
		}
	}
	configs := map[string]map[string]string{}
	if err := readJSON(configFile(root), &configs); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Runs)) { // a method's plain run comes before its others
		got := c.Runs[name]
		r.Runs[name] = measured{got.Hashes, strings.Join(got.Losses, " "), got.Words}
		config := maps.Clone(got.Config)
		if plain := (testCase{name: name}).method(); plain != name {
			maps.DeleteFunc(config, func(key, value string) bool { return configs[plain][key] == value })
		}
		configs[name] = config
	}
	if !wordsOnly {
		if err := writeJSON(configFile(root), configs); err != nil {
			return err
		}
	}
	return writeJSON(recordFile(root, c.Capability), r)
}

// differences lists the differences of got from want, one line each. got's configuration may have more settings: those
// that were added later.
func differences(want, got map[string]result) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(got)) {
		g := got[name]
		w, ok := want[name]
		if !ok {
			lines = append(lines, name+": was not recorded")
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(w.Config)) {
			if have, ok := g.Config[key]; !ok {
				lines = append(lines, fmt.Sprintf("%s: the configuration lacks %s, which was %s", name, key,
					w.Config[key]))
			} else if !contains(have, w.Config[key]) {
				lines = append(lines, fmt.Sprintf("%s: the configuration's %s is %s, and was %s", name, key, have,
					w.Config[key]))
			}
		}
		for i := range max(len(w.Losses), len(g.Losses)) {
			have, had := at(g.Losses, i), at(w.Losses, i)
			if have != had {
				lines = append(lines, fmt.Sprintf("%s: loss %d is %s, and was %s", name, i+1, have, had))
				break
			}
		}
		for i := range max(len(w.Words), len(g.Words)) {
			if have, had := at(g.Words, i), at(w.Words, i); have != had {
				lines = append(lines, fmt.Sprintf("%s: an event says %q, and said %q", name, have, had))
			}
		}
		keys := maps.Clone(w.Hashes)
		maps.Copy(keys, g.Hashes)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if g.Hashes[key] != w.Hashes[key] {
				lines = append(lines, fmt.Sprintf("%s: the bytes of %s differ", name, key))
			}
		}
	}
	return lines
}

// at returns an element, or words for a missing one.
func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "missing"
}

// A verdict is the outcome of a comparison.
type verdict struct {
	lines []string // the differences
	notes []string
	with  string // the record or build that the runs were compared with
}

// errNoBase means that base cannot be built here, so there is nothing to compare with.
var errNoBase = errors.New("commit " + base[:7] + " is not in this clone (git fetch --unshallow brings it)")

// compare judges results by the record and, if that cannot judge, by a build of base.
func compare(root string, c command, got collection, list []testCase, dir string, jobs int) (verdict, error) {
	want, r, err := recorded(root, got.Capability)
	var v verdict
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.notes = append(v.notes, "there is no record for a processor with "+got.Capability)
	case err != nil:
		return v, err
	default:
		v.with = base[:7] + ", as recorded for " + got.Capability
		v.lines = differences(want, judged(got.Runs, want))
		if len(v.lines) == 0 || slices.Contains(r.Machines, got.Machine) && r.Libtorch == got.Libtorch {
			return v, nil
		}
		v.notes = append(v.notes, fmt.Sprintf("%d differences from the record, which is for other processors",
			len(v.lines)))
	}
	old, err := buildBase(root, filepath.Join(dir, "base"), c.env)
	if err != nil {
		return v, err
	}
	built, err := old.runAll(list, filepath.Join(dir, "old"), jobs)
	if err != nil {
		return v, fmt.Errorf("running %s: %w", base[:7], err)
	}
	v.notes = append(v.notes, "so "+base[:7]+" was built and run for comparison")
	same := judged(got.Runs, nil)
	if n := len(got.Runs) - len(same); n > 0 {
		v.notes = append(v.notes, fmt.Sprintf("%d runs have changed on purpose since then, and only a record for this "+
			"processor could judge them", n))
	}
	reworded(built.Runs, want)
	v.with, v.lines = base[:7]+", built here", differences(built.Runs, same)
	return v, nil
}

// judged are the runs without those that changed on purpose and have no record yet.
func judged(runs, record map[string]result) map[string]result {
	left := maps.Clone(runs)
	maps.DeleteFunc(left, func(name string, _ result) bool {
		_, known := record[name]
		return changed(name) && !known
	})
	return left
}

// number is a number in the text of an event.
var number = regexp.MustCompile(`-?\d+(\.\d+)?(e[+-]\d+)?`)

// reworded gives the events of runs of base the texts of a record, which may have been rewritten since, with base's
// numbers, which the record of another processor does not have.
func reworded(runs, record map[string]result) {
	for name, r := range runs {
		texts := record[name].Words
		if len(texts) != len(r.Words) {
			continue
		}
		r.Words = slices.Clone(r.Words)
		for i, text := range texts {
			values := number.FindAllString(r.Words[i], -1)
			if len(number.FindAllString(text, -1)) != len(values) {
				continue
			}
			r.Words[i] = number.ReplaceAllStringFunc(text, func(string) string {
				v := values[0]
				values = values[1:]
				return v
			})
		}
		runs[name] = r
	}
}

// buildBase builds base in a folder, with its own engine library, since today's has another table. Both are built with
// the same libtorch.
func buildBase(root, dir string, env []string) (command, error) {
	git := func(arguments ...string) *exec.Cmd {
		return exec.Command("git", append([]string{"-C", root}, arguments...)...)
	}
	if git("cat-file", "-e", base+"^{commit}").Run() != nil {
		return command{}, errNoBase
	}
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(tree, 0o777); err != nil {
		return command{}, err
	}
	archive := filepath.Join(dir, "tree.tar")
	if out, err := git("archive", "--output", archive, base).CombinedOutput(); err != nil {
		return command{}, fmt.Errorf("taking %s out of git: %w\n%s", base[:7], err, out)
	}
	if out, err := exec.Command("tar", "-xf", archive, "-C", tree).CombinedOutput(); err != nil {
		return command{}, fmt.Errorf("unpacking %s: %w\n%s", base[:7], err, out)
	}
	if os.Getenv("LIBTORCH") == "" {
		if err := os.Symlink(filepath.Join(root, ".libtorch"), filepath.Join(tree, ".libtorch")); err != nil {
			return command{}, err
		}
	}
	// The steps of its make shim, without its set-up, which could fetch a libtorch.
	for _, words := range [][]string{
		{"python3", "scripts/libtorch.py", "flags", "bin/obj/libtorch.mk"},
		{"make", "--no-print-directory", "-f", "scripts/shim.mk"},
	} {
		c := exec.Command(words[0], words[1:]...)
		c.Dir = tree
		if out, err := c.CombinedOutput(); err != nil {
			return command{}, fmt.Errorf("building the engine library of %s: %s: %w\n%s", base[:7],
				strings.Join(words, " "), err, out)
		}
	}
	old := command{path: filepath.Join(dir, "parallax"), env: append(slices.Clone(env), "PARALLAX_SHIM="+library(tree))}
	if err := build(tree, old.path); err != nil {
		return command{}, err
	}
	trial := exec.Command(old.path, "pretrain", "--data", "synthetic:8", "--method", "simclr", "--size", "16",
		"--batch", "4", "--max-steps", "1", "--out", filepath.Join(dir, "trial"))
	trial.Env = old.env
	if out, err := trial.CombinedOutput(); err != nil {
		return command{}, fmt.Errorf("%s was built but does not run here: %w\n%s", base[:7], err, out)
	}
	return old, nil
}

// contains reports whether a value of a configuration, as JSON, is the recorded one. Its mappings may have more keys.
func contains(have, want string) bool {
	var h, w any
	if json.Unmarshal([]byte(have), &h) != nil || json.Unmarshal([]byte(want), &w) != nil {
		return have == want
	}
	return within(w, h)
}

// within reports whether have is want with more keys in its mappings.
func within(want, have any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		for key, value := range want {
			other, found := have[key]
			ok = ok && found && within(value, other)
		}
		return ok
	case []any:
		have, ok := have.([]any)
		return ok && slices.EqualFunc(want, have, within)
	}
	return want == have
}
