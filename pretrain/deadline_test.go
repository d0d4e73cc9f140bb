// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// clock is a clock that a test moves.
type clock struct{ time.Time }

func (c *clock) now() time.Time            { return c.Time }
func (c *clock) pass(sec float64)          { c.Time = c.Add(time.Duration(sec * float64(time.Second))) }
func (c *clock) since(t time.Time) float64 { return c.Sub(t).Seconds() }

// TestDeadline: however the machine's speed changes, a run ends before its limit, takes most of the time if it can, and
// keeps the stages that have passed.
func TestDeadline(t *testing.T) {
	const limit = 600.
	for name, machine := range map[string]struct {
		slow func(seconds float64) float64 // than rehearsed, by the time
		used float64                       // least share of the time
		eval float64                       // seconds of an evaluation; 0: 5
	}{
		"as rehearsed":            {func(float64) float64 { return 1 }, 0.9, 0},
		"long evaluations":        {func(float64) float64 { return 1 }, 0.85, 25},
		"long ones, a bit slower": {func(float64) float64 { return 1.04 }, 0.85, 25},
		"twice as slow":           {func(float64) float64 { return 2 }, 0.9, 0},
		"twice as fast":           {func(float64) float64 { return 0.5 }, 0.85, 0},
		"ten times as fast":       {func(float64) float64 { return 0.1 }, 0.7, 0},
		"slow from the middle on": {func(s float64) float64 { return 1 + 2*float64(int(s/300)) }, 0.9, 0},
		"slow at the end":         {func(s float64) float64 { return 1 + 4*float64(int(s/540)) }, 0.9, 0},
		"fast from the middle on": {func(s float64) float64 { return 3 / (1 + 2*float64(int(s/300))) }, 0.85, 0},
		"slow every other minute": {func(s float64) float64 { return 1 + 2*float64(int(s/60)%2) }, 0.85, 0},
		"too slow for the plan":   {func(float64) float64 { return 500 }, 0.5, 0},
	} {
		c := config.Default()
		c.Stages.Sizes = slices.Concat(slices.Repeat([]int{16}, 12), slices.Repeat([]int{24}, 6), []int{32, 32})
		began := time.Unix(1e9, 0)
		clock := &clock{began}
		d := &deadline{limit: began.Add(limit * time.Second), whole: limit, now: clock.now, config: &c,
			evaluation: cmp.Or(machine.eval, 5)}
		cost := map[int]float64{16: 0.1, 24: 0.22, 32: 0.4}
		for _, side := range c.Stages.Sizes {
			d.pace = append(d.pace, cost[side])
		}
		clock.pass(10)
		steps, every := d.fit()
		c.Train.MaxSteps, c.Train.EvalEvery, c.Stages.Ends = steps, every, c.Stages.EndsOf(steps)
		d.watch(run.Event{Event: run.Start})
		for step := 0; step <= steps; step++ {
			due := step%every == 0 || step == steps
			slow := machine.slow(clock.since(began))
			ends := append(slices.Clone(c.Stages.Ends), steps)
			stage := slices.IndexFunc(ends, func(end int) bool { return step <= end })
			if step > 0 {
				clock.pass(slow * cost[c.Stages.Sizes[stage]])
			}
			if due {
				clock.pass(slow * cmp.Or(machine.eval, 5))
			}
			decision, err := d.After(&train.Progress{Step: step, Of: steps, Due: due})
			if err != nil {
				t.Fatal(err)
			}
			plan, ok := decision.(train.Replan)
			if !ok {
				continue
			}
			if plan.Steps <= step || !slices.IsSorted(plan.Ends) || len(plan.Ends) != 19 || plan.Why == "" ||
				!slices.Equal(plan.Ends[:stage], c.Stages.Ends[:stage]) || plan.Ends[18] > plan.Steps {
				t.Fatalf("%s: after step %d of %d the plan is %+v, before it was %v", name, step, steps, plan, ends)
			}
			steps, c.Stages.Ends = plan.Steps, plan.Ends
			d.watch(run.Event{Event: run.Replanned})
		}
		took := clock.since(began) / limit
		if most := 1.; name != "too slow for the plan" && took > most || took < machine.used {
			t.Errorf("%s: the run took %.3f of the time", name, took)
		}
	}
}

// If a regular evaluation comes next, and no time for another one is left, the step of the regular one is the last.
func TestNoEvaluationTwice(t *testing.T) {
	for _, c := range []struct {
		step    int
		left    float64 // seconds; an evaluation takes 11, a step 1, and steps 100 and 200 are evaluated
		planned int     // steps; 0: the plan stands
	}{{99, 25, 0}, {99, 23, 100}, {98, 23, 0}, {98, 11, 99}} {
		set := config.Default()
		set.Stages.Sizes, set.Stages.Ends, set.Train.EvalEvery = []int{16, 32}, []int{50}, 100
		clock := &clock{time.Unix(1e9, 0)}
		d := &deadline{now: clock.now, config: &set, pace: []float64{1, 1}, evaluation: 11, slow: 1, last: clock.Time}
		clock.pass(1)
		d.limit = clock.Add(time.Duration(c.left * float64(time.Second)))
		decision, err := d.After(&train.Progress{Step: c.step, Of: 200})
		if err != nil {
			t.Fatal(err)
		}
		if plan, _ := decision.(train.Replan); plan.Steps != c.planned {
			t.Errorf("%v s after step %d: the plan is %+v, want %d steps", c.left, c.step, plan, c.planned)
		}
	}
}

// Whether the untrained network is evaluated before the first step or after it, an evaluation takes what it takes, and
// the first step is none of the steps that tell the pace.
func TestFirstStepIsNotCounted(t *testing.T) {
	for _, evaluatedFirst := range []bool{true, false} {
		c := config.Default()
		c.Stages.Sizes, c.Stages.Ends, c.Train.EvalEvery = []int{16, 32}, []int{50}, 20
		clock := &clock{time.Unix(1e9, 0)}
		d := &deadline{limit: clock.Add(time.Hour), whole: 3600, now: clock.now, config: &c, pace: []float64{1, 2}}
		call := func(step int) {
			if _, err := d.After(&train.Progress{Step: step, Of: 100, Due: step == 0}); err != nil {
				t.Fatal(err)
			}
		}
		d.watch(run.Event{Event: run.Start})
		evaluate := func() { clock.pass(5); call(0) }
		if evaluatedFirst {
			evaluate()
		}
		clock.pass(30)
		d.watch(run.Event{Event: run.StepEnd, Step: 1})
		if !evaluatedFirst {
			evaluate()
		}
		call(1)
		if d.evaluation != 5 || d.steps != 0 || d.slow != 1 {
			t.Errorf("evaluated first: %t: evaluation %v s, %d steps, slow %v", evaluatedFirst, d.evaluation, d.steps,
				d.slow)
		}
		clock.pass(1)
		call(2)
		if d.steps != 1 || d.seconds != 1 {
			t.Errorf("evaluated first: %t: %d steps took %v s", evaluatedFirst, d.steps, d.seconds)
		}
	}
}

// minutes requests a small run by the clock.
func minutes(more ...Setting) *Request {
	return &Request{Minutes: 10, Settings: append([]Setting{
		Set("data.path", "synthetic:64"), Set("data.size", 20), Set("backbone.width", 4), Set("train.batch", 16),
		Set("train.threads", 1), Set("train.log_every", 1), Set("probe.limit", 16),
		Set("method.projector.widths", "[8, 8, 8]"),
	}, more...)}
}

// quick returns options with a clock that goes 2 s further whenever it is read, twice for a step, and a rehearsal that
// took half as long.
func quick(out string, notes *[]string) Options {
	c := &clock{time.Unix(1e9, 0)}
	return Options{
		Out: out, Note: func(text string) { *notes = append(*notes, text) },
		now: func() time.Time { c.pass(2); return c.Time },
		measure: func(context.Context) (*Rehearsal, error) {
			return &Rehearsal{StageTimes: slices.Repeat([]float64{2}, 20), EvalTime: 2}, nil
		},
	}
}

// TestMinutes chooses a run, plans it anew as its clock goes, and ends it in time with an encoder. Stopped after a new
// plan, it is resumed without a clock, and ends like the run that was not stopped.
func TestMinutes(t *testing.T) {
	dir := t.TempDir()
	var notes []string
	whole := filepath.Join(dir, "whole")
	var events []run.Event
	o := quick(whole, &notes)
	o.Watch = []func(run.Event){func(e run.Event) { events = append(events, e) }}
	result, err := Run(t.Context(), minutes(), o)
	if errors.Is(err, torch.ErrNoEngine) {
		t.Skip(err)
	}
	if err != nil || result.Steps < leastSteps || result.Steps > 300 {
		t.Fatalf("%+v, %v", result, err)
	}
	if _, err := os.Stat(filepath.Join(whole, run.EncoderFile)); err != nil {
		t.Error(err)
	}
	account := strings.Join(notes, "\n")
	for _, part := range []string{"10 minutes: vibcreg, which", "resnet18 of width 4", "16 px for", "20 px for",
		"passes over 64 images"} {
		if !strings.Contains(account, part) {
			t.Errorf("the account lacks %q: %s", part, account)
		}
	}
	last := 0
	for _, e := range events {
		if e.Event == run.Replanned && e.Step > 1 && e.Step < result.Steps-2 {
			last = e.Step
		}
	}
	if end := events[len(events)-1]; last == 0 || end.Reason != run.Finished || end.Step != result.Steps {
		t.Fatalf("planned anew at %d, ended with %+v", last, end)
	}

	// The same plans, made again from the events: the clock of a machine is not the same twice.
	stopped := filepath.Join(dir, "stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	o = quick(stopped, &notes)
	planned := 0
	o.Watch = []func(run.Event){func(e run.Event) {
		if e.Event == run.Replanned {
			planned = e.Steps
			cancel(stop)
		}
	}}
	if _, err := Run(ctx, minutes(), o); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	result, err = Resume(t.Context(), stopped, nil, Options{})
	if err != nil || result.Steps != planned {
		t.Errorf("resumed: %+v, %v, want the plan's %d steps", result, err, planned)
	}
	if _, err := checkpoint.NewestManifest(stopped); err != nil {
		t.Error(err)
	}
}

// TestMinutesRefuses: two lengths, and times that are none.
func TestMinutesRefuses(t *testing.T) {
	for want, r := range map[string]*Request{
		"two lengths of the run":  minutes(Set("train.epochs", 3)),
		"--set stages.ends":       minutes(Setting{"stages.ends", "[3, 4]", "--set stages.ends"}),
		"one for each stage":      minutes(Set("stages.sizes", "[8, 16]"), Set("stages.strength", "[1, 1, 1]")),
		"give 0.25 to 10080":      {Minutes: -1},
		"no data given":           {Minutes: 1},
		"did you mean \"simclr\"": minutes(Set("method.name", "simclear")),
	} {
		var notes []string
		var invalid *run.InvalidError
		if _, err := Run(t.Context(), r, quick(filepath.Join(t.TempDir(), "run"), &notes)); !errors.As(err, &invalid) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	var notes []string
	slow := quick(filepath.Join(t.TempDir(), "run"), &notes)
	r := minutes()
	r.Minutes = 0.25 // the clock has gone on by seconds
	c := &clock{time.Unix(1e9, 0)}
	slow.now = func() time.Time { c.pass(14); return c.Time }
	if _, err := Run(t.Context(), r, slow); err == nil || !strings.Contains(err.Error(), "is too short here") {
		t.Errorf("%v", err)
	}
}

// TestRecipe: what the recipe chooses is there, and what the user gives stays.
func TestRecipe(t *testing.T) {
	b, err := readRecipe()
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]string{32: "16 24 32", 28: "16 20 28", 96: "48 72 96", 16: "16", 8: "8"} {
		if got := strings.Join(slices.Compact(b.sides(20, size, "resnet18")), " "); got != want {
			t.Errorf("views of %d px grow as %s, want %s", size, got, want)
		}
	}
	if got := slices.Compact(b.sides(20, 32, "vit_tiny")); len(got) != 1 || got[0] != "32" {
		t.Errorf("a ViT has views of %v", got)
	}
	for n := 20; n < 40; n++ {
		got := b.sides(n, 32, "resnet18")
		small := slices.Index(got, "24")
		if share := float64(small) / float64(n); len(got) != n || math.Abs(share-0.6) > 0.5/float64(n)+0.5/20 {
			t.Errorf("%d stages have sides of %v", n, got)
		}
	}
	if b.width(10) >= b.width(60) {
		t.Error("an hour has no wider network than ten minutes")
	}
	chosen, err := b.choose(minutes(Set("method.name", "simclr")), "--minutes 10")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range chosen.recipe {
		if s.Path == "optim.base_rate" {
			t.Errorf("simclr gets vibcreg's %+v", s)
		}
	}
	each := func(n int, sides ...int) (all []int) {
		for _, side := range sides {
			all = append(all, slices.Repeat([]int{side}, n)...)
		}
		return all
	}
	for given, want := range map[string]config.Stages{
		"stages.sizes=[]":           {Sizes: each(20, 20)},
		"stages.sizes=[20]":         {Sizes: each(20, 20)},
		"stages.sizes=[16, 18, 20]": {Sizes: each(7, 16, 18, 20)},
		"stages.strength=[0.5, 1]": {
			Sizes:    append(each(18, 16), 20, 20),
			Strength: slices.Sorted(slices.Values(slices.Repeat([]float64{0.5, 1}, 10))),
		},
		"stages.sizes=[] stages.strength=[0, 0.5, 1]": {
			Sizes:    each(21, 20),
			Strength: slices.Sorted(slices.Values(slices.Repeat([]float64{0, 0.5, 1}, 7))),
		},
	} {
		var settings []Setting
		for _, s := range strings.SplitAfter(given, "] ") {
			path, value, _ := strings.Cut(s, "=")
			settings = append(settings, Setting{path, value, "--set"})
		}
		chosen, err := b.choose(minutes(settings...), "--minutes 10")
		if err != nil {
			t.Fatal(err)
		}
		chosen.recipe = append(chosen.recipe, Setting{"train.max_steps", "100", "--minutes 10"})
		j, err := Resolve(t.Context(), chosen)
		if err != nil {
			t.Fatal(err)
		}
		got := j.Config.Stages
		if !slices.Equal(got.Sizes, want.Sizes) || !slices.Equal(got.Strength, want.Strength) ||
			len(got.Ends) != len(got.Sizes)-1 {
			t.Errorf("%s gives the stages %+v, want %+v", given, got, want)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	chosen.recipe = append(chosen.recipe, Setting{"train.max_steps", "100", "--minutes 10"})
	j, err := Resolve(t.Context(), chosen)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	c := j.Config
	if c.Method.Name != "simclr" || c.Backbone.Width != 4 || c.Train.Batch != 16 || len(c.Stages.Sizes) != 20 ||
		len(c.Stages.Ends) != 19 || c.Sources["train.max_steps"] != "--minutes 10" {
		t.Errorf("%s, width %d, batch %d, stages %+v", c.Method.Name, c.Backbone.Width, c.Train.Batch, c.Stages)
	}
}
