// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
)

// Every method lists the settings that remove its prevention of collapse. The settings exist, change something and give
// a method that validates.
func TestPrevents(t *testing.T) {
	for _, e := range slices.Concat(method.All, method.Later) {
		if len(e.Prevents) == 0 {
			t.Errorf("%s: name a setting that takes away what prevents collapse, in Entry.Prevents", e.Name)
		}
		for _, s := range e.Prevents {
			if s.Why == "" || strings.HasSuffix(s.Why, ".") || strings.Contains(s.Why, "|") {
				t.Errorf("%s: %q says %q: say what can then happen, without a full stop and bars", e.Name, s.Set, s.Why)
			}
			c := config.Default()
			m := e.New()
			c.Method = config.MethodConfig{Name: e.Name, Fields: m}
			l, err := config.New(&c)
			if err != nil {
				t.Fatal(err)
			}
			before := texts(t, m)
			for _, set := range s.Set {
				key, value, _ := strings.Cut(set, "=")
				path, isMethods := strings.CutPrefix(key, "method.")
				if !isMethods {
					t.Errorf("%s: %q is no setting of a method", e.Name, set)
				}
				if err := l.Set(key, value, "a test"); err != nil {
					t.Errorf("%s: %v", e.Name, err)
				} else if now := texts(t, m)[path]; now != value || now == before[path] {
					t.Errorf("%s: %s is %q before and %q after %q", e.Name, path, before[path], now, set)
				}
			}
			if v, ok := m.(parallax.Validator); ok {
				if err := v.Validate(); err != nil {
					t.Errorf("%s without %q: %v", e.Name, s.Set, err)
				}
			}
		}
	}
}

// texts returns the hyperparameters of a method as a config writes them.
func texts(t *testing.T, m parallax.Method) map[string]string {
	fields, err := config.Fields(m)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, f := range fields {
		by[f.Path] = f.Text
	}
	return by
}
