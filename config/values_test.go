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
