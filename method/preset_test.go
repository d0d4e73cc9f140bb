// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"strings"
	"testing"

	"parallax"
	"parallax/method"
	"parallax/preset"
	"parallax/run"
)

// Every preset names keys that a method has, with values that it accepts; and it has a rate of its own for each.
func TestPresetsFitTheMethods(t *testing.T) {
	for _, name := range preset.Names {
		for _, e := range method.All {
			m := e.New()
			c := run.Default()
			c.Method = run.MethodConfig{Name: e.Name, Fields: m}
			l, err := run.New(&c)
			if err != nil {
				t.Fatal(err)
			}
			settings, err := preset.Settings(name, e.Name)
			if err != nil {
				t.Fatal(err)
			}
			rate := false
			for _, s := range settings {
				rate = rate || s.Path == "optim.base_rate"
				if strings.HasPrefix(s.Path, "augment.") {
					continue // an op of the recipes, which depend on the size
				}
				if err := l.Set(s.Path, s.Value, "preset "+name); err != nil {
					t.Errorf("%s, preset %s: %v", e.Name, name, err)
				}
			}
			if !rate {
				t.Errorf("preset %s sets no optim.base_rate for %s", name, e.Name)
			}
			if v, ok := m.(parallax.Validator); ok {
				if err := v.Validate(); err != nil {
					t.Errorf("%s, preset %s: %v", e.Name, name, err)
				}
			}
		}
	}
}
