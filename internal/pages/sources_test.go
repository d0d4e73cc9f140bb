// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/place"
	"github.com/parallax-ssl/parallax/method"
)

// Every method has a file, and the files are right.
func TestSources(t *testing.T) {
	root, err := place.Module()
	if err != nil {
		t.Fatal(err)
	}
	methods := slices.Concat(method.All, method.Later)
	for _, e := range methods {
		if all, err := sources(root, e); err != nil {
			t.Error(err)
		} else if all == nil {
			t.Errorf("%s has no file in %s: CONTRIBUTING.md says how to write it", e.Name, sourceFolder)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, sourceFolder, "*"))
	if err != nil || len(files) != len(methods) {
		t.Errorf("%s has %d files, %v, want one for each of %d methods", sourceFolder, len(files), err, len(methods))
	}
}

// A mistake in a file is found.
func TestSourceMistakes(t *testing.T) {
	root, err := place.Module()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, sourceFolder, "byol.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := method.Find("byol")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, now, want string }{
		{"# SPDX", "# SPDX", ""},
		{"optim.base_rate: {value: 0.3,", "optim.base_rate: {value: 0.2,",
			"imagenet: optim.base_rate is 0.3 here: say in differs why"},
		{"value: 4096, differs", "value: 256, differs", "imagenet: train.batch is the source's: leave differs out"},
		{"      method.target_mode: ema\n", "", "paper: method.target_mode has no row"},
		{"      augment.0.solarize.p: 0\n", "", "paper: augment.0.solarize.p has no row"},
		{"      optim.eta: 0.001\n", "", "imagenet: optim.eta has no row"},
		{"optim.eta: 0.001", "optim.eat: 0.001", "did you mean"},
		{"optim.warmup_steps: 10 epochs", "optim.warmup_steps: 5 epochs",
			"imagenet: optim.warmup_steps is 10 epochs here"},
		{"optim.name: lars", "optim.name: sgd", "imagenet: optim.name is lars here"},
		{"augment.grayscale.p: 0.2\n", "augment.grayscale.p: 0.2\n      augment.grayscale: {p: 0.2}\n",
			"paper: augment.grayscale.p: later rows have all of it"},
		{"method.target_mode: ema", "method.target_mode: {as: ema}", "has no value: say in differs why"},
		{"method.target_mode: ema", "method.target_mode: {differs: so}", "has neither value nor as"},
		{"checked: seen", "checked: yes", "want one of seen, paper, secondary, memory"},
		{"chosen here: trials", "trials", "source \"trials on CIFAR-10, 5 epochs each\" has no values"},
		{"checked: seen", "seen: checked", "field seen not found"},
		{"\ncifar:", "\ncifra:", "unknown preset \"cifra\""},
	} {
		folder := t.TempDir()
		at := filepath.Join(folder, filepath.FromSlash(sourceFolder))
		if err := os.MkdirAll(at, 0o777); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), c.old) {
			t.Fatalf("byol.yaml has no %q", c.old)
		}
		changed := strings.Replace(string(text), c.old, c.now, 1)
		if err := os.WriteFile(filepath.Join(at, "byol.yaml"), []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		switch _, err := sources(folder, e); {
		case c.want == "" && err != nil:
			t.Error(err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q for %q: %v, want an error with %q", c.now, c.old, err, c.want)
		}
	}
}
