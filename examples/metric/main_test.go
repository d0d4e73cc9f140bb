// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

func TestDead(t *testing.T) {
	var got []float64
	hook := dead{func(_ int, share float64) { got = append(got, share) }}
	if err := torch.Scope(func() error {
		h := torch.FromFloat32([]float32{0, 1, 0, -2, 0, 0, 0, 0}, 2, 4)
		for _, p := range []*train.Progress{{Due: true}, {Features: h}, {Due: true, Features: h}} {
			if want, err := hook.After(p); want != nil || err != nil {
				return fmt.Errorf("decided %v: %w", want, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []float64{0.5}) {
		t.Errorf("measured %v, want 0.5 once", got)
	}
}

func TestRun(t *testing.T) {
	var at []int
	if err := run(context.Background(), filepath.Join(t.TempDir(), "run"), 11, func(step int, share float64) {
		if share < 0 || share > 1 {
			t.Errorf("a share of %v", share)
		}
		at = append(at, step)
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(at, 10) || !slices.Contains(at, 11) || slices.Contains(at, 0) {
		t.Errorf("measured after steps %v, want 10 and 11 among them", at)
	}
}
