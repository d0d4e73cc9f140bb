// SPDX-License-Identifier: Apache-2.0

package describe

import (
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
)

// The command and the pages describe a hyperparameter by the comment beside it. So every one has a comment, written for
// a reader who does not see the source.
func TestEveryHyperparameterHasAComment(t *testing.T) {
	for _, e := range slices.Concat(method.All, method.Later) {
		fields, err := Fields(e)
		if err != nil {
			t.Error(err)
		}
		variants, err := Variants(e)
		if err != nil {
			t.Error(err)
		}
		for _, f := range append(fields, variants...) {
			switch {
			case f.Comment == "":
				t.Errorf("%s: %s has no comment: write one beside the field", e.Name, f.Name)
			case strings.ContainsAny(f.Comment, "[]|\n"):
				t.Errorf("%s: the comment of %s is printed as it is, in tables too: write %q without links and bars",
					e.Name, f.Name, f.Comment)
			}
		}
	}
}

func TestVariants(t *testing.T) {
	for name, want := range map[string]string{"vicreg": "untied", "dino": ""} {
		e, err := method.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		fields, err := Variants(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := append(fields, Field{})[0]; got.Name != want ||
			got.Name != "" && (got.Default != "false" || got.Comment == "") {
			t.Errorf("the first variant of %s is %+v", name, got)
		}
	}
}

func TestFields(t *testing.T) {
	e, err := method.Find("simclr")
	if err != nil {
		t.Fatal(err)
	}
	fields, err := Fields(e)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := config.Fields(e.New())
	if err != nil {
		t.Fatal(err)
	}
	var settable []string // the fields with a default are those of the config, in its order
	byName := map[string]Field{}
	for _, f := range fields {
		byName[f.Name] = f
		if f.Default != "" {
			settable = append(settable, f.Name)
		}
	}
	var want []string
	for _, l := range leaves {
		want = append(want, l.Path)
	}
	if !slices.Equal(settable, want) {
		t.Errorf("fields are %q, the config's keys %q", settable, want)
	}
	if f := byName["projector.widths"]; f.Default != "[2048, 128]" ||
		!strings.HasPrefix(f.Comment, "output width of every layer") {
		t.Errorf("projector.widths is %+v", f)
	}
	if f, ok := byName["projector"]; !ok || f.Default != "" || !strings.HasPrefix(f.Comment, "g, ") {
		t.Errorf("projector is %+v", f)
	}
	// Embedded fields count as the method's own.
	e, err = method.Find("swav")
	if err != nil {
		t.Fatal(err)
	}
	if fields, err = Fields(e); err != nil || fields[0].Name != "large_crops" || fields[0].Comment == "" {
		t.Errorf("SwAV's first field is %+v, error %v", fields[0], err)
	}
}
