// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"strings"
	"testing"

	"parallax"
	"parallax/method"
	"parallax/preset"
	"parallax/run"
)

// Every arm's settings are those of the configuration, with values that its method accepts, on images of 32 pixels.
func TestArmsCanBeRun(t *testing.T) {
	done := map[string]bool{}
	for _, e := range All {
		for _, a := range e.Arms {
			if done[a.key()] {
				continue
			}
			done[a.key()] = true
			if err := accepted(a); err != nil {
				t.Errorf("%s, arm %q: %v", e.ID, a.Name, err)
			}
		}
	}
}

// accepted lays the laboratory's preset and the arm's settings over the method, as a run does.
func accepted(a Arm) error {
	entry, err := method.Find(a.Method)
	if err != nil {
		return err
	}
	m := entry.New()
	c := run.Default()
	c.Method = run.MethodConfig{Name: a.Method, Fields: m}
	l, err := run.New(&c)
	if err != nil {
		return err
	}
	all, err := preset.Settings("lab", a.Method)
	if err != nil {
		return err
	}
	for _, s := range a.Set {
		key, value, _ := strings.Cut(s, "=")
		key = strings.TrimPrefix(key, clusterStage+".")
		all = append(all, preset.Setting{Path: key, Value: value})
	}
	for _, recipes := range []bool{false, true} {
		if recipes {
			l.Augment = m.Views(32)
		}
		for _, s := range all {
			if strings.HasPrefix(s.Path, "augment.") != recipes {
				continue
			}
			if err := l.Set(s.Path, s.Value, "test"); err != nil {
				return err
			}
		}
	}
	if v, ok := m.(parallax.Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	for _, r := range l.Augment {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	return nil
}
