// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
)

// TestMemoryPlan adds up the parts of a run and divides what is left.
func TestMemoryPlan(t *testing.T) {
	plan := func(limit float64) *memoryPlan {
		return &memoryPlan{given: "some", limit: limit, queued: 100 << 20, parts: []part{
			{"the engine and the networks", 300 << 20}, {"gradients and the optimiser's state", 0},
			{"batches", 300 << 20}, {"images being decoded", imageShare * limit},
		}, perBatch: "a batch of 256 x 2 views"}
	}
	err := plan(500 << 20).check()
	if err == nil {
		t.Fatal("500 MiB are enough for 725 MiB")
	}
	for _, want := range []string{"--memory some: a batch of 256 x 2 views", "725 MiB", "batches 300 MiB",
		"give --memory 800MiB or more", "--batch"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := plan(800 << 20).check(); err != nil {
		t.Errorf("what the message asks for is refused: %v", err)
	}
	for limit, want := range map[float64]int{800 << 20: -1, 1100 << 20: 1, 8 << 30: 0} {
		loader, sets := &dataset.Loader{}, &probe.Sets{}
		plan(limit).bound(loader, sets)
		if loader.Ahead != want || sets.Ahead != want || sets.Keep > probe.Kept {
			t.Errorf("with %v bytes %d batches wait, %d bytes are kept", limit, loader.Ahead, sets.Keep)
		}
	}
}

// TestMemoryChangesNoWeight trains in a wide and in a narrow memory.
func TestMemoryChangesNoWeight(t *testing.T) {
	var encoders []string
	for _, more := range [][]Setting{nil, {Set("train.memory", "2GiB")}} {
		out := filepath.Join(t.TempDir(), "run")
		if _, err := Run(t.Context(), tiny(more...), Options{Out: out}); err != nil {
			t.Fatal(err)
		}
		weights, err := os.ReadFile(filepath.Join(out, run.EncoderFile))
		if err != nil {
			t.Fatal(err)
		}
		encoders = append(encoders, string(weights))
	}
	if encoders[0] != encoders[1] {
		t.Error("the weights depend on train.memory")
	}
}
