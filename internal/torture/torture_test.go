// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/internal/place"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/parts"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// TestShort runs the short form of every part, in their order.
func TestShort(t *testing.T) {
	if testing.Short() {
		t.Skip("the short form of the campaign takes a minute")
	}
	root, err := place.Module()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "parallax")
	build := exec.Command("go", "build", "-o", binary, "./cmd/parallax")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := subject.New(binary, root)
	if err != nil {
		t.Fatal(err)
	}
	b := &campaign.Bench{Root: root, Work: dir, Program: program, Short: true, Seed: 1, Jobs: 2, Say: t.Output()}
	for _, p := range parts.All {
		t.Run(p.Name, func(t *testing.T) {
			r, err := b.Run(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Skip != "" {
				t.Skip(r.Skip)
			}
			t.Log(r)
			for _, fault := range r.Faults {
				t.Error(fault)
			}
			if r.Cases == 0 {
				t.Error("the part has no cases")
			}
		})
	}
}

// A part is found by its name, and an unknown one names those that there are.
func TestChoose(t *testing.T) {
	chosen, err := choose([]string{"power,kill", "soak"})
	if err != nil || len(chosen) != 3 || chosen[0].Name != "power" || chosen[2].Name != "soak" {
		t.Errorf("%v, %v", chosen, err)
	}
	if all, err := choose(nil); err != nil || len(all) != len(parts.All) {
		t.Errorf("%d parts, %v", len(all), err)
	}
	if _, err := choose([]string{"nothing"}); err == nil {
		t.Error("a part that there is not is chosen")
	}
}
