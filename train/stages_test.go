// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// staged sets three stages, of which the second ends within an epoch of 8 batches.
func staged(c *config.Config) {
	c.Stages = config.Stages{
		Sizes: []int{8, 12, pixels}, Strength: []float64{0.2, 0.6, 1}, Ends: []int{3, 7},
	}
}

// rates returns the learning rate of every step.
func rates(t *testing.T, dir string) (all []float64) {
	t.Helper()
	for _, e := range everything(t, dir) {
		if e.Event == run.StepEnd {
			all = append(all, e.Metrics[run.Rate].Value)
		}
	}
	return all
}

// One stage after another of full size and strength is a run without stages, to the bit.
func TestStagesOfFullSizeChangeNothing(t *testing.T) {
	j := job{set: func(c *config.Config) {
		c.Stages = config.Stages{Sizes: []int{pixels, pixels}, Strength: []float64{1, 1}, Ends: []int{5}}
	}}
	want, got := hashes(t, job{}.whole(t), 10), hashes(t, j.whole(t), 10)
	delete(want, "manifest.json") // it records the settings
	delete(got, "manifest.json")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if same := slices.Equal(lossOf(t, job{}.whole(t)), lossOf(t, job{set: staged}.whole(t))); same {
		t.Error("stages with small views change no loss")
	}
}

func lossOf(t *testing.T, dir string) (all []float64) {
	t.Helper()
	for _, e := range everything(t, dir) {
		if e.Event == run.StepEnd {
			all = append(all, e.Metrics[run.Loss].Value)
		}
	}
	return all
}

// A run with stages ends with the same bits wherever it is stopped, also at a border, and also with two batches a step.
func TestResumeWithStages(t *testing.T) {
	for _, accumulate := range []int{1, 2} {
		for _, name := range []string{"simclr", "byol", "deepclusterv2"} {
			j := job{method: name, set: func(c *config.Config) { staged(c); c.Train.Accumulate = accumulate }}
			want := j.whole(t)
			for _, stop := range []int{2, 3, 5, 7} {
				got := filepath.Join(t.TempDir(), "resumed")
				first, ctx := j.stopAt(t.Context(), stop)
				if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
					t.Fatalf("the run ended with %v", err)
				}
				must(t, j.run(t, t.Context(), got, true))
				same(t, want, got, 10)
			}
		}
	}
}

// After a new plan the schedule goes on from where it is and ends at the new end. A plan at the end of a stage changes
// nothing before it: a run that knows it from the beginning, and one that is resumed under it from an earlier step,
// have the same bits. A plan within a stage holds from its step on.
func TestReplan(t *testing.T) {
	plan := func(c *config.Config) {
		staged(c)
		c.Stages.Ends, c.Stages.Planned, c.Train.MaxSteps = []int{3, 5}, 10, 6
	}
	for name, steps := range map[string]int{"at a border": 3, "within a stage": 5} {
		t.Run(name, func(t *testing.T) {
			replanned := job{set: staged, hooks: []train.Hook{watchman{steps: func(*train.Progress) train.Decision {
				return train.Replan{Steps: 6, Ends: []int{3, 5}, Why: "a test"}
			}}}}
			dir := filepath.Join(t.TempDir(), "run")
			must(t, replanned.run(t, t.Context(), dir, false))
			var told []run.Event
			for _, e := range everything(t, dir) {
				if e.Event == run.Replanned {
					told = append(told, e)
				}
				if e.Event == run.Resumed {
					t.Error("a new plan is no resume")
				}
			}
			if len(told) != 1 || told[0].Steps != 6 || told[0].Step != steps || told[0].Message != "a test" {
				t.Errorf("the events are %+v", told)
			}
			text, err := run.ReadConfig(dir)
			must(t, err)
			c, err := config.Load(text, shrink(method.NewSimCLR()))
			must(t, err)
			if c.Train.MaxSteps != 6 || !slices.Equal(c.Stages.Ends, []int{3, 5}) {
				t.Errorf("the config records %d steps, %v", c.Train.MaxSteps, c.Stages.Ends)
			}
			got := rates(t, dir)
			if len(got) != 6 || math.Abs(got[5]-rates(t, job{set: plan}.whole(t))[5]) > 1e-15 {
				t.Errorf("the rates are %v", got)
			}
			if known := lossOf(t, job{set: plan}.whole(t)); steps == 3 && !slices.Equal(lossOf(t, dir), known) {
				t.Error("what precedes the plan depends on it") // as does its rest, then
			}
			resumed := filepath.Join(t.TempDir(), "resumed")
			stop := steps
			if steps == 3 {
				stop = 2 // before the plan was made
			}
			first, ctx := job{set: staged}.stopAt(t.Context(), stop)
			if err := first.run(t, ctx, resumed, false); !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			must(t, job{set: plan}.run(t, t.Context(), resumed, true))
			if hash(t, filepath.Join(resumed, run.EncoderFile)) != hash(t, filepath.Join(dir, run.EncoderFile)) {
				t.Error("a resume under the plan has another encoder")
			}
		})
	}
}

// A plan that ends before the present step is refused.
func TestReplanRefuses(t *testing.T) {
	j := job{set: staged, hooks: []train.Hook{watchman{4: func(*train.Progress) train.Decision {
		return train.Replan{Steps: 4, Ends: []int{3, 4}}
	}}}}
	oneLine(t, j.run(t, t.Context(), filepath.Join(t.TempDir(), "run"), false), "a plan of 4 steps", "after step 4")
}
