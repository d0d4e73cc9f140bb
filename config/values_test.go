// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// What Values reads, Set takes: a path in other bytes than UTF-8, and a list of paths with commas.
func TestValuesGiveTextAsItIs(t *testing.T) {
	l := example(t)
	l.Data.Path, l.Probe.Paths = "caf\xe9", []string{"a, b", "\xff", "plain"}
	values, err := Values([]byte(encoded(t, l)), File)
	must(t, err)
	other := example(t)
	for _, v := range values {
		switch v.Path {
		case "data.path":
			if v.Text != "caf\xe9" {
				t.Errorf("data.path is %q", v.Text)
			}
			fallthrough
		case "probe.paths":
			must(t, other.Set(v.Path, v.Text, "a test"))
		}
	}
	changes, err := Diff(l.Config, other.Config)
	must(t, err)
	for _, c := range changes {
		if c.Path == "data.path" || c.Path == "probe.paths" {
			t.Error(c)
		}
	}
}

func TestStepImages(t *testing.T) {
	for text, want := range map[string]int{
		"train: {batch: 256, accumulate: 2}": 512, "train: {batch: 256}": 256, "seed: 1": 0,
		"train: {batch: many}": 0, "train: {batch: -3}": 0, "train: {batch: 1073741824, accumulate: 65536}": 0,
	} {
		values, err := Values([]byte(text), "my.yaml")
		must(t, err)
		if got := StepImages(values); got != want {
			t.Errorf("%s: %d images a step, want %d", text, got, want)
		}
	}
}
