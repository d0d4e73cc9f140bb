// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// in returns the settings of a run whose threads share views.
func inViews(threads int, more func(c *config.Config)) func(c *config.Config) {
	return func(c *config.Config) {
		c.Train.Scheme, c.Train.Threads = config.Views, threads
		if more != nil {
			more(c)
		}
	}
}

// Runs whose threads share views end with the same bytes whatever the number of threads, also if the run was stopped
// and continued with another number. The evaluations of a hook may use all threads for an operation.
func TestViewsWithAnyThreads(t *testing.T) {
	for _, e := range method.All {
		t.Run(e.Name, func(t *testing.T) {
			one := job{method: e.Name, set: inViews(1, nil)}
			want := one.whole(t)

			three := job{method: e.Name, set: inViews(3, nil)}
			got := filepath.Join(t.TempDir(), "resumed")
			first, ctx := three.stopAt(t.Context(), 5)
			if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
				t.Fatalf("the run ended with %v", err)
			}
			two := job{method: e.Name, set: inViews(2, nil)}
			must(t, two.run(t, t.Context(), got, true))
			same(t, want, got, 10)
		})
	}
}

// With fused kernels and with a gradient cache, too, a resumed run equals one that was not stopped.
func TestResumeIsExactInEveryScheme(t *testing.T) {
	for name, set := range map[string]func(c *config.Config){
		"operations": func(c *config.Config) { c.Train.Scheme = config.Operations },
		"cache":      func(c *config.Config) { c.Train.Scheme, c.Train.CacheChunk = config.Operations, 3 },
		"views and cache": inViews(2, func(c *config.Config) {
			c.Train.CacheChunk, c.Train.Accumulate = 3, 2
		}),
		"lars": inViews(2, func(c *config.Config) {
			c.Optim.Name, c.Optim.Rate, c.Optim.Eta = "lars", 0.5, 0.02
		}),
		"clipped adamw": inViews(2, func(c *config.Config) {
			c.Optim.Name, c.Optim.Rate, c.Optim.ClipGrad = "adamw", 0.003, 0.01
		}),
	} {
		for _, m := range []string{"byol", "mocov2", "swav"} {
			t.Run(name+"/"+m, func(t *testing.T) {
				j := job{method: m, set: set, hooks: []train.Hook{&average{}}}
				want := j.whole(t)
				j.hooks = []train.Hook{&average{}}
				got := filepath.Join(t.TempDir(), "resumed")
				first, ctx := j.stopAt(t.Context(), 4)
				if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
					t.Fatalf("the run ended with %v", err)
				}
				j.hooks = []train.Hook{&average{}}
				must(t, j.run(t, t.Context(), got, true))
				same(t, want, got, 10)
			})
		}
	}
}

// The schemes compute the same: their losses differ by rounding.
func TestSchemesAgree(t *testing.T) {
	for _, m := range []string{"simclr", "byol", "vicreg", "swav", "mocov2plus"} {
		t.Run(m, func(t *testing.T) {
			losses := map[string][]float64{}
			for _, scheme := range []string{config.Reference, config.Operations, config.Views} {
				j := job{method: m, set: func(c *config.Config) { c.Train.Scheme = scheme }}
				for _, e := range events(t, j.whole(t)) {
					if e.Event == run.StepEnd {
						losses[scheme] = append(losses[scheme], e.Metrics[run.Loss].Value)
					}
				}
			}
			for _, scheme := range []string{config.Operations, config.Views} {
				for i, want := range losses[config.Reference] {
					if got := losses[scheme][i]; abs(got-want) > 1e-2*(1+abs(want)) {
						t.Errorf("%s: the loss of step %d is %v, that of the reference %v", scheme, i+1, got, want)
					}
				}
			}
			if len(losses[config.Views]) != 10 {
				t.Errorf("there are %d losses", len(losses[config.Views]))
			}
		})
	}
}

func abs(v float64) float64 { return max(v, -v) }
