// SPDX-License-Identifier: Apache-2.0

package views

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// write makes a folder with a manifest of one case.
func write(t *testing.T, entry string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"cases": [`+entry+`]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWhatIsNotKnownIsSkippedByName(t *testing.T) {
	for entry, want := range map[string]string{
		`{"op": "hflip", "backend": "opencv"}`:                                                      `backend "opencv"`,
		`{"op": "warp", "backend": "pil"}`:                                                          `op "warp"`,
		`{"op": "resized_crop", "backend": "pil", "params": {"interpolation": "lanczos"}}`:          `interpolation "lanczos"`,
		`{"op": "gaussian_blur", "backend": "pil", "params": {"padding": "edge"}}`:                  `padding "edge"`,
		`{"op": "grayscale", "backend": "pil", "params": {"channels": 1}}`:                          "1 channels",
		`{"op": "pil_gaussian_blur", "backend": "pil", "params": {"passes": 2}}`:                    "2 passes",
		`{"op": "view", "backend": "pil", "params": {"order": [4]}}`:                                "number 4",
		`{"op": "view", "backend": "pil", "params": {"order": [0], "order_legend": ["posterize"]}}`: `"posterize"`,
	} {
		cases, err := Cases(write(t, entry))
		if err != nil || len(cases) != 1 {
			t.Fatalf("%s: %d cases, %v", entry, len(cases), err)
		}
		if skip, err := cases[0].Run(); err != nil || !strings.Contains(skip, want) {
			t.Errorf("%s: skipped for %q, %v; want %s", entry, skip, err, want)
		}
	}
}

func TestABrokenCaseFails(t *testing.T) {
	for _, entry := range []string{
		`{"op": "resize", "backend": "pil", "params": {"size": [3, 4]}}`,
		`{"op": "hflip", "backend": "pil", "input": "none.png"}`,
	} {
		cases, err := Cases(write(t, entry))
		if err != nil || len(cases) != 1 {
			t.Fatalf("%s: %d cases, %v", entry, len(cases), err)
		}
		if skip, err := cases[0].Run(); err == nil || skip != "" {
			t.Errorf("%s: skip %q, want an error", entry, skip)
		}
	}
}

func TestBackendsForReferenceAreNotCounted(t *testing.T) {
	for _, backend := range reference {
		if cases, err := Cases(write(t, `{"op": "hflip", "backend": "`+backend+`"}`)); err != nil || len(cases) != 0 {
			t.Errorf("%s: %d cases, %v", backend, len(cases), err)
		}
	}
}

func TestTheLegendSaysWhatTheOrderMeans(t *testing.T) {
	var c Case
	text := `{"op": "view", "params": {"out": 2, "order": [1, 0], "order_legend": ["hue", "contrast"], "hue": 0.1, "contrast": 0.7}}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	drawn, skip := c.drawn()
	if skip != "" {
		t.Fatal(skip)
	}
	got := drawn(4, 4)
	if len(got) != 3 || got[1] != (augment.Contrast{Factor: 0.7}) || got[2] != (augment.Hue{Shift: 0.1}) {
		t.Errorf("got %v", got)
	}
}

func TestAThresholdBetweenLevels(t *testing.T) {
	var c Case
	if err := json.Unmarshal([]byte(`{"op": "solarize", "params": {"threshold": 99.5}}`), &c); err != nil {
		t.Fatal(err)
	}
	drawn, _ := c.drawn()
	if got := drawn(1, 1)[0]; got != (augment.Inversion{Threshold: 100}) {
		t.Errorf("got %v", got)
	}
}
