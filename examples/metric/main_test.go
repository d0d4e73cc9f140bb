// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

func TestDead(t *testing.T) {
	if err := torch.Scope(func() error {
		h := torch.FromFloat32([]float32{0, 1, 0, -2, 0, 0, 0, 0}, 2, 4)
		if got := dead.Measure(&probe.Rows{Of: run.OfBackbone, Queries: h}); got != 0.5 {
			t.Errorf("%v of the features are dead, want 0.5", got)
		}
		if got := dead.Measure(&probe.Rows{Of: run.OfEmbedding, Queries: h}); !math.IsNaN(got) {
			t.Errorf("embeddings: %v was measured", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Every evaluation and the log have the metric.
func TestRun(t *testing.T) {
	var at []int
	dir := filepath.Join(t.TempDir(), "run")
	if err := train(context.Background(), dir, 11, func(e run.Event) {
		v, ok := e.Metrics[dead.Name]
		if !ok {
			return
		}
		if e.Of != run.OfBackbone || v.Value < 0 || v.Value > 1 {
			t.Errorf("%s: a share of %v", e.Of, v.Value)
		}
		at = append(at, e.Step)
	}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{0, 10, 11} {
		if !slices.Contains(at, step) {
			t.Errorf("measured after steps %v, want %d among them", at, step)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, run.MetricsFile))
	if err != nil || strings.Count(string(text), `"dead":`) != len(at) {
		t.Errorf("the log has the metric %d times, want %d (%v)", strings.Count(string(text), `"dead":`), len(at), err)
	}
}
