// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/preset"
)

// published names the presets whose values come from publications. The values of the other presets were chosen here, as
// the comment above their section all says.
var published = map[string]bool{"imagenet": true, "imagenet100": true, "cifar": true}

// Every preset has a section for every method that says where its values are from and sets a rate. Its keys exist in
// the method and its recipes, which accept the values.
func TestPresetsFitTheMethods(t *testing.T) {
	for _, name := range preset.Names {
		about, err := preset.About(name)
		if err != nil || len(about) < 50 {
			t.Errorf("preset %s is from %q, error %v: write it above the section all", name, about, err)
		}
		for _, e := range slices.Concat(method.All, method.Later) {
			source, known, err := preset.Source(name, e.Name)
			switch {
			case err != nil:
				t.Error(err)
			case !known:
				t.Errorf("preset %s has nothing for %s", name, e.Name)
			case source == "" && published[name]:
				t.Errorf("preset %s does not say where its values for %s are from: write it behind the section's name",
					name, e.Name)
			}
			for _, size := range []int{32, 224} {
				checkPreset(t, name, e, size)
			}
		}
	}
}

// checkPreset applies a preset to a method as a run does: first the hyperparameters, then the recipes.
func checkPreset(t *testing.T, name string, e method.Entry, size int) {
	m := e.New()
	c := config.Default()
	c.Method = config.MethodConfig{Name: e.Name, Fields: m}
	l, err := config.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := preset.Settings(name, e.Name)
	if err != nil {
		t.Fatal(err)
	}
	rate := false
	for _, recipes := range []bool{false, true} {
		if recipes {
			l.Augment = m.Views(size)
		}
		for _, s := range settings {
			rate = rate || s.Path == "optim.base_rate"
			if strings.HasPrefix(s.Path, "augment.") != recipes {
				continue
			}
			if err := l.Set(s.Path, s.Value, "preset "+name); err != nil {
				t.Errorf("%s, preset %s, %d px: %v", e.Name, name, size, err)
			}
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
	for v, r := range l.Augment {
		if err := r.Validate(); err != nil {
			t.Errorf("%s, preset %s, %d px, view %d: %v", e.Name, name, size, v, err)
		}
	}
}
