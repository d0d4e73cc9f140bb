// SPDX-License-Identifier: Apache-2.0

package optim_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/optim"
)

func TestWarmupCosineAtItsCorners(t *testing.T) {
	w := optim.WarmupCosine{Base: 2, Start: 1, Final: 0.5, Warmup: 5, Total: 25}
	for step, want := range map[int]float64{0: 1, 2: 1.5, 4: 2, 5: 2, 15: 1.25, 25: 0.5, 100: 0.5} {
		if got := w.At(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
}

func TestWarmRestarts(t *testing.T) {
	w := optim.WarmupCosine{Base: 2, Start: 1, Final: 0.5, Warmup: 5, Total: 25, Cycles: 2}
	for step, want := range map[int]float64{0: 1, 4: 2, 5: 2, 10: 1.25, 15: 2, 20: 1.25, 25: 0.5, 100: 0.5} {
		if got := w.At(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
	one, many := w, w
	one.Cycles, many.Cycles = 1, 50 // more cycles than steps
	for step := range 30 {
		none := optim.WarmupCosine{Base: 2, Start: 1, Final: 0.5, Warmup: 5, Total: 25}
		if one.At(step) != none.At(step) {
			t.Errorf("step %d: one cycle is %v, without cycles %v", step, one.At(step), none.At(step))
		}
		if v := many.At(step); v < 0.5 || v > 2 {
			t.Errorf("step %d of many cycles: %v", step, v)
		}
	}
}

func TestWarmupCosineOfShortRuns(t *testing.T) {
	for _, w := range []optim.WarmupCosine{{Base: 1, Total: 1}, {Base: 1, Total: 0}, {Base: 1, Warmup: 1, Total: 1},
		{Base: 1, Warmup: 3, Total: 2}, {Base: 1, Warmup: 2, Total: 2}} {
		for step := range 4 {
			if v := w.At(step); math.IsNaN(v) || v < 0 || v > 1 {
				t.Errorf("%+v at step %d is %v", w, step, v)
			}
		}
	}
	if v := (optim.WarmupCosine{Base: 1, Total: 1}).At(0); v != 1 {
		t.Errorf("the only step of a run has the rate %v, want 1", v)
	}
}
