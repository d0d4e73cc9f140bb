// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// settings are those on which the state of a run may depend.
var settings = []struct {
	name string
	stop int // after this many of 10 steps; an epoch has 8 batches
	set  func(c *config.Config)
}{
	{"sgd, within an epoch", 5, func(c *config.Config) { c.Optim.Nesterov = true }},
	{"sgd, between epochs", 8, func(c *config.Config) { c.Optim.WeightDecay = 0.01 }},
	{"accumulating", 3, func(c *config.Config) { c.Train.Accumulate = 2 }},
	{"accumulating odd batches, before the first step of an epoch", 6, func(c *config.Config) {
		c.Train.Accumulate = 3
	}},
	{"clipped adamw with a rising weight decay", 5, func(c *config.Config) {
		c.Optim.Name, c.Optim.Rate, c.Optim.ClipGrad = "adamw", 0.003, 0.01
		c.Optim.WeightDecay, c.Optim.FinalWeightDecay = 0.04, 0.4
	}},
	{"adam", 1, func(c *config.Config) { c.Optim.Name, c.Optim.Rate, c.Optim.WeightDecay = "adam", 0.003, 0.1 }},
	{"averaged weights", 4, func(c *config.Config) { c.Optim.Average = 0.9 }},
	{"two cycles", 7, func(c *config.Config) { c.Optim.Cycles = 2 }},
	{"lars", 9, func(c *config.Config) {
		c.Optim.Name, c.Optim.Rate, c.Optim.Eta = "lars", 0.5, 0.02
		c.Optim.ExcludeBiasAndNorm, c.Optim.ClipRate = true, true
	}},
}

// thorough are the methods that are resumed under every setting: one whose state is only its networks, one with a
// target, one with a queue, one whose prototypes are frozen at first. The others are resumed under the first setting.
var thorough = []string{"simsiam", "byol", "mocov2", "swav"}

// Ten steps give the same bytes with and without a stop and a resume: weights, optimiser, target, hooks and metrics.
func TestResumeIsExact(t *testing.T) {
	for _, e := range method.All {
		for i, s := range settings {
			if i > 0 && !slices.Contains(thorough, e.Name) {
				continue
			}
			t.Run(e.Name+"/"+s.name, func(t *testing.T) {
				j := job{method: e.Name, set: s.set}
				j.hooks = []train.Hook{&average{}}
				want := j.whole(t)

				j.hooks = []train.Hook{&average{}}
				got := filepath.Join(t.TempDir(), "resumed")
				first, ctx := j.stopAt(t.Context(), s.stop)
				if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
					t.Fatalf("the run ended with %v", err)
				}
				if newest := folders(t, got, run.CheckpointsDir); len(newest) != 1 || newest[0] != stepFolder(s.stop) {
					t.Fatalf("after the stop there are %v", newest)
				}
				j.hooks = []train.Hook{&average{}}
				must(t, j.run(t, t.Context(), got, true))
				same(t, want, got, 10)
			})
		}
	}
}

// The statistics from which a predictor is set survive a stop, even between the steps at which it is set.
func TestResumeOfAPredictorThatIsSet(t *testing.T) {
	j := job{method: "byol", wrap: func(m parallax.Method) parallax.Method {
		var c config.Config
		c.Variant.PredictorForm, c.Variant.Direct = "direct", config.Direct{Every: 3, Rho: 0.8, Epsilon: 0.1}
		m, err := variant.Wrap(m, &c)
		must(t, err)
		return m
	}}
	want := j.whole(t)
	got := filepath.Join(t.TempDir(), "resumed")
	first, ctx := j.stopAt(t.Context(), 5)
	if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
		t.Fatalf("the run ended with %v", err)
	}
	must(t, j.run(t, t.Context(), got, true))
	same(t, want, got, 10)
}

// A changing weight decay equals a constant one in the first step, and no longer in the second.
func TestWeightDecayFollowsItsSchedule(t *testing.T) {
	after := func(steps int, final float64) []byte {
		j := job{method: "simsiam", set: func(c *config.Config) {
			c.Optim.Rate, c.Optim.FinalRate, c.Optim.WarmupSteps = 0.1, 0.1, 0
			c.Optim.WeightDecay, c.Optim.FinalWeightDecay = 0.1, final
		}}
		dir := filepath.Join(t.TempDir(), "run")
		stopped, ctx := j.stopAt(t.Context(), steps)
		if err := stopped.run(t, ctx, dir, false); !errors.Is(err, errStop) {
			t.Fatalf("the run ended with %v", err)
		}
		weights, err := os.ReadFile(filepath.Join(dir, run.EncoderFile))
		must(t, err)
		return weights
	}
	for steps, differ := range map[int]bool{1: false, 2: true} {
		if got := !bytes.Equal(after(steps, 0.1), after(steps, 0.9)); got != differ {
			t.Errorf("after %d steps the weights differ: %v, want %v", steps, got, differ)
		}
	}
}

// A step line has the terms of the loss and what the method's update reports, in a run of 10 steps.
func TestUpdateReports(t *testing.T) {
	for _, e := range events(t, job{method: "byol"}.whole(t)) {
		if e.Event != run.StepEnd {
			continue
		}
		want := run.Num(nn.Cosine(0.996, 1, e.Step-1, 10)) // BYOL's momentum
		if _, ok := e.Terms["cosine"]; !ok || e.Terms["target_momentum"] != want {
			t.Errorf("step %d has %v, want a cosine and the target_momentum %v", e.Step, e.Terms, want)
		}
	}
}

// A signal may come at any moment: between the batches of one step, or while the run waits for a batch.
func TestCancelledAtAnyMoment(t *testing.T) {
	for _, accumulate := range []int{1, 3} {
		j := job{method: "byol", set: func(c *config.Config) { c.Train.Accumulate = accumulate }}
		want := j.whole(t)
		for forward := 1; forward < 10*accumulate; forward += 2 {
			t.Run(fmt.Sprintf("of %d batches a step, in forward pass %d", accumulate, forward), func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				passes := 0
				j.wrap = func(m parallax.Method) parallax.Method {
					return around{Method: m, forward: func(*parallax.Step) {
						if passes == forward {
							cancel(errStop)
						}
						passes++
					}}
				}
				got := filepath.Join(t.TempDir(), "cancelled")
				err := j.run(t, ctx, got, false)
				if !errors.Is(err, errStop) && (err != nil || forward/accumulate != 9) {
					t.Fatalf("the run ended with %v", err)
				}
				j.wrap = nil
				must(t, j.run(t, t.Context(), got, true))
				same(t, want, got, 10)
			})
		}
	}
}

func TestCancelledAtRandom(t *testing.T) {
	j := job{method: "simsiam", set: func(c *config.Config) { c.Train.Accumulate, c.Train.MaxSteps = 2, 30 }}
	want := j.whole(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	got := filepath.Join(t.TempDir(), "cancelled")
	for stops := 0; ; stops++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(time.Duration(r.Int64N(int64(60*time.Millisecond))), func() { cancel(errStop) })
		err := j.run(t, ctx, got, stops > 0)
		timer.Stop()
		cancel(nil)
		if err == nil {
			t.Logf("seed %d: stopped %d times", seed, stops)
			break
		}
		if !errors.Is(err, errStop) {
			t.Fatalf("seed %d: the run ended with %v", seed, err)
		}
		if stops == 100 {
			t.Skip("this machine is too slow: no progress between the stops")
		}
	}
	same(t, want, got, 30)
}

// A killed process leaves lines of metrics that are newer than its checkpoint. They are cut and written again.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		name      string
		saveEvery int
		killAt    int
	}{
		{"right after a save", 4, 4},
		{"before the next save", 4, 7},
		{"before the first save", 100, 3},
		{"before the first step", 100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := func(cfg *config.Config) { cfg.Train.SaveEvery = c.saveEvery }
			parent := t.TempDir()
			want, got := filepath.Join(parent, "whole"), filepath.Join(parent, "killed")
			var copied error
			copies := 0
			whole := job{set: set, hooks: []train.Hook{&average{}}, watch: func(e run.Event) {
				last := e.Event == run.StepEnd
				switch {
				case c.killAt == 0:
					last = e.Event == run.Eval // of the untrained network
				case c.killAt%c.saveEvery == 0:
					last = e.Event == run.Saved
				}
				if last && e.Step == c.killAt && copies == 0 {
					copies++
					copied = copyDir(want, got)
				}
			}}
			must(t, whole.run(t, t.Context(), want, false))
			must(t, copied)
			if copies != 1 {
				t.Fatal("the run was not copied")
			}
			if last := events(t, got); last[len(last)-1].Step != c.killAt {
				t.Fatalf("the copy's last line is of step %d", last[len(last)-1].Step)
			}
			again := job{set: set, hooks: []train.Hook{&average{}}}
			must(t, again.run(t, t.Context(), got, true))
			same(t, want, got, 10)
		})
	}
}

// A method draws different random numbers for every batch, and the same ones again after a resume.
func TestRandomNumbersOfAStep(t *testing.T) {
	drawn := map[float64]int{}
	j := job{set: func(c *config.Config) { c.Train.Accumulate = 2 }, wrap: func(m parallax.Method) parallax.Method {
		return around{Method: m, loss: func(s *parallax.Step, loss torch.Tensor, _ []torch.Tensor) torch.Tensor {
			v := s.Rand.Float64()
			drawn[v]++
			return loss.Scale(1 + v)
		}}
	}}
	want := j.whole(t)
	if len(drawn) != 20 {
		t.Errorf("%d different numbers in 20 batches", len(drawn))
	}
	got := filepath.Join(t.TempDir(), "resumed")
	first, ctx := j.stopAt(t.Context(), 4)
	if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	must(t, j.run(t, t.Context(), got, true))
	same(t, want, got, 10)
	for v, times := range drawn {
		if times != 2 {
			t.Errorf("%v was drawn %d times in two equal runs", v, times)
		}
	}
}

// Equal runs give equal bytes, whatever the number of workers; another seed gives other bytes.
func TestRunsAreReproducible(t *testing.T) {
	for _, e := range method.All {
		j := job{method: e.Name, hooks: []train.Hook{&average{}}}
		a := j.whole(t)
		j.hooks = []train.Hook{&average{}}
		j.set = func(c *config.Config) { c.Train.Workers = 1 }
		same(t, a, j.whole(t), 10)
		j.hooks = []train.Hook{&average{}}
		j.set = func(c *config.Config) { c.Seed = 2 }
		if hashes(t, a, 10)["model.safetensors"] == hashes(t, j.whole(t), 10)["model.safetensors"] {
			t.Errorf("%s: another seed gives the same weights", e.Name)
		}
	}
}

// A finished run that is resumed has nothing to do; with more steps it goes on.
func TestFinishedRunIsExtended(t *testing.T) {
	long := func(c *config.Config) { c.Train.MaxSteps = 14 }
	dir := job{}.whole(t)
	before := hashes(t, dir, 10)

	tr, closeAll, err := job{}.trainer(dir, true, func(w string) { t.Error(w) })
	must(t, err)
	if !tr.Done() || tr.Step() != 10 {
		t.Errorf("after %d steps it is done: %v", tr.Step(), tr.Done())
	}
	must(t, tr.Run(t.Context()))
	must(t, closeAll())
	if after := hashes(t, dir, 10); after["model.safetensors"] != before["model.safetensors"] {
		t.Error("running a finished run changed its checkpoint")
	}

	tr, closeAll, err = job{set: long}.trainer(dir, true, func(w string) { t.Error(w) })
	must(t, err)
	if tr.Done() {
		t.Error("there are more steps to make, and it is done")
	}
	must(t, tr.Run(t.Context()))
	must(t, closeAll())
	if tr.Step() != 14 || len(hashes(t, dir, 14)) == 0 {
		t.Errorf("it ended at step %d", tr.Step())
	}
	step := 0
	for _, e := range events(t, dir) {
		if e.Event != run.StepEnd {
			continue
		}
		if step++; e.Step != step {
			t.Fatalf("line %d of the steps is of step %d", step, e.Step)
		}
	}
	if step != 14 {
		t.Errorf("%d steps in the metrics", step)
	}
}

func TestNoTensorsAreLeft(t *testing.T) {
	for _, e := range method.All {
		must(t, torch.Scope(func() error { return nil }))
		before := live(t)
		j := job{method: e.Name, hooks: []train.Hook{&average{}}}
		j.set = func(c *config.Config) { c.Train.SaveEvery, c.Train.Accumulate = 2, 2 }
		dir := j.whole(t)
		j.hooks = []train.Hook{&average{}}
		must(t, j.run(t, t.Context(), dir, true))
		// Nor does a run leave tensors that could not be made.
		j.set = func(c *config.Config) { c.Optim.Name = "newton" }
		_, _, err := j.trainer(filepath.Join(t.TempDir(), "refused"), false, nil)
		oneLine(t, err, "building the networks", `unknown optimiser "newton"`)
		if after := live(t); after != before {
			t.Errorf("%s: %d tensors before, %d after", e.Name, before, after)
		}
	}
}

func live(t *testing.T) (n int) {
	t.Helper()
	must(t, torch.Scope(func() error { n = torch.Live(); return nil }))
	return n
}
