// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// now builds today's command, once for all tests, and returns its path.
func now(t *testing.T) (root string, c command) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return root, command{path: path, env: environment(root, "")}
}

var built = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	to := filepath.Join(folder, "parallax")
	return to, build(root, to)
})

// folder is removed after the tests.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "freeze"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(folder)
	os.Exit(status)
}

// Every run gives the same bits as at base. On a machine with other kernels than the record's, base is built and run
// for comparison; a clone without that commit skips, and says how to get it.
func TestRunsAreAsBefore(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred runs take a minute")
	}
	root, c := now(t)
	list := cases()
	dir := t.TempDir()
	got, err := c.runAll(list, filepath.Join(dir, "runs"), runtime.NumCPU())
	if err != nil {
		t.Fatal(err)
	}
	v, err := compare(root, c, got, list, dir, runtime.NumCPU())
	for _, note := range v.notes {
		t.Log(note)
	}
	if errors.Is(err, errNoBase) {
		t.Skipf("%v: nothing to compare with; run scripts/golden in a whole clone", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range v.lines {
		t.Errorf("%s; the record is of %s", line, v.with)
	}
}

// Each method that parallax knows has a plain run, so a new method needs a record, too.
func TestEveryMethodIsRun(t *testing.T) {
	_, c := now(t)
	child := exec.Command(c.path, "methods", "--json")
	child.Env = c.env
	out, err := child.Output()
	if err != nil {
		t.Fatal(err)
	}
	var methods []struct{ Name string }
	if err := json.Unmarshal(out, &methods); err != nil {
		t.Fatal(err)
	}
	for _, m := range methods {
		if _, err := choose([]string{m.Name}); err != nil {
			t.Errorf("%v: add it to everyMethod, and record it with scripts/golden --record %s", err, m.Name)
		}
	}
}

func TestDifferences(t *testing.T) {
	of := func(change func(*result)) map[string]result {
		r := result{Hashes: map[string]string{"encoder": "1"}, Losses: []string{"1", "2"}, Words: []string{"a"},
			Config: map[string]string{"seed": "1"}}
		change(&r)
		return map[string]result{"simclr": r}
	}
	same := func(*result) {}
	for want, change := range map[string]func(*result){
		"":                             same,
		"bytes of encoder differ":      func(r *result) { r.Hashes["encoder"] = "2" },
		"bytes of head differ":         func(r *result) { r.Hashes["head"] = "2" },
		"loss 2 is 3, and was 2":       func(r *result) { r.Losses[1] = "3" },
		"loss 3 is 3, and was missing": func(r *result) { r.Losses = append(r.Losses, "3") },
		`says "b", and said "a"`:       func(r *result) { r.Words[0] = "b" },
		"seed is 2, and was 1":         func(r *result) { r.Config["seed"] = "2" },
		"lacks seed, which was 1":      func(r *result) { delete(r.Config, "seed") },
	} {
		lines := differences(of(same), of(change))
		if want == "" && len(lines) > 0 || want != "" && (len(lines) != 1 || !strings.Contains(lines[0], want)) {
			t.Errorf("want a line with %q, got %q", want, lines)
		}
	}
	if lines := differences(nil, of(same)); !slices.Equal(lines, []string{"simclr: was not recorded"}) {
		t.Errorf("without a record: %q", lines)
	}
	if lines := differences(of(same), of(func(r *result) { r.Config["new"] = "1" })); len(lines) > 0 {
		t.Errorf("a setting that is new: %q", lines)
	}
}

// A configuration may have more settings than the recorded one, also within its recipes, but no other values.
func TestMoreSettingsAreNoDifference(t *testing.T) {
	want := `[[{"solarize":{"p":0.2,"threshold":128}}]]`
	for have, ok := range map[string]bool{
		want: true,
		`[[{"solarize":{"p":0.2,"random_threshold":false,"threshold":128}}]]`: true,
		`[[{"solarize":{"p":0.1,"random_threshold":false,"threshold":128}}]]`: false,
		`[[{"solarize":{"p":0.2}}]]`:                                          false,
		`[[{"equalize":{"p":0.2}}]]`:                                          false,
		`[[{"solarize":{"p":0.2}}],[]]`:                                       false,
		`[[{"solarize":{"p":0.2}},{}],[]]`:                                    false,
	} {
		if got := contains(have, want); got != ok {
			t.Errorf("%s has %s: %v, want %v", have, want, got, ok)
		}
	}
}

// Texts of events may have been rewritten since base, but their numbers are base's.
func TestReworded(t *testing.T) {
	runs := map[string]result{"a": {
		Words: []string{"cosine is 0.977 (above 0.93), at -1e-05", "two numbers 1 2", "three"},
	}}
	record := result{Words: []string{"a cosine of 0.9 (above 0.93), by 7", "one 1", "3 of them"}}
	reworded(runs, map[string]result{"a": record})
	want := []string{"a cosine of 0.977 (above 0.93), by -1e-05", "two numbers 1 2", "three"}
	if got := runs["a"].Words; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
