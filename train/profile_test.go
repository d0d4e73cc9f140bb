// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/trace"
	"github.com/parallax-ssl/parallax/internal/trace/tracetest"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// A profile changes nothing that is computed, and says where the time went: in a run with a target that follows, with
// two batches a step, evaluations and a checkpoint among the profiled steps.
func TestProfile(t *testing.T) {
	for scheme, run := range map[string]struct {
		kinds  []string
		phases map[string]string // of operators
	}{
		config.Reference: {[]string{"convolution", "product", "norm", "activation"}, map[string]string{
			"aten::convolution_backward": "backward", "aten::conv2d": "forward", "aten::_foreach_lerp_": "update",
			"aten::_fused_sgd_": "optimiser"}},
		config.Operations: {[]string{"convolution", "product", "norm"}, map[string]string{
			"aten::convolution_backward": "backward", "aten::conv2d": "forward",
			"parallax::batch_norm_act": "forward", "parallax::sgd_all": "optimiser"}},
	} {
		t.Run(scheme, func(t *testing.T) { testProfile(t, scheme, run.kinds, run.phases) })
	}
}

func testProfile(t *testing.T, scheme string, wantKinds []string, wantPhases map[string]string) {
	var made []*train.Profile
	j := job{method: "byol", hooks: []train.Hook{&average{}}, set: func(c *config.Config) {
		c.Train.Accumulate, c.Train.SaveEvery, c.Train.Scheme = 2, 4, scheme
	}}
	plain := j.whole(t)
	j.hooks = []train.Hook{&average{}}
	j.change = func(o *train.Options) {
		o.Profile, o.Profiled = 5, func(p *train.Profile) { made = append(made, p) }
	}
	dir := j.whole(t)
	same(t, plain, dir, 10)
	if len(made) != 1 {
		t.Fatalf("%d profiles", len(made))
	}
	p := made[0]
	if p.Steps != 5 || p.Images != 16 || p.WarmUp != train.ProfileWarmUp || p.Dropped != 0 ||
		math.Abs(p.ImagesPerSecond*p.Seconds-80) > 1e-6 || p.Cores <= 0 {
		t.Errorf("%+v", p)
	}
	if p.File != filepath.Join(dir, run.ProfileFile) {
		t.Errorf("the trace is in %s", p.File)
	}

	var names []string
	var sum, seconds float64
	part := map[string]train.Part{}
	for _, one := range p.Phases {
		names = append(names, one.Name)
		part[one.Name] = one
		if !strings.Contains(one.Name, "/") {
			sum, seconds = sum+one.Share, seconds+one.Seconds
		}
		if one.Share < 0 || one.Median < 0 || one.Median > one.Seconds {
			t.Errorf("%+v", one)
		}
	}
	want := []string{"backward", "checkpoint", "copy", "forward", "forward/network", "hooks", "hooks/average", "loss",
		"optimiser", "other", "report", "update", "wait"}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("phases are %q, want %q", names, want)
	}
	if math.Abs(sum-1) > 1e-6 || math.Abs(seconds-p.Seconds) > 1e-6 {
		t.Errorf("the shares add up to %v, and the seconds to %v of %v", sum, seconds, p.Seconds)
	}
	if part["forward/network"].Seconds > part["forward"].Seconds || part["checkpoint"].Median != 0 {
		t.Errorf("network %+v, forward %+v, a checkpoint in one of five steps %+v", part["forward/network"],
			part["forward"], part["checkpoint"])
	}
	kinds := map[string]float64{}
	sum = 0
	for _, k := range p.Kinds {
		kinds[k.Name] = k.Share
		sum += k.Share
	}
	for _, kind := range wantKinds {
		if kinds[kind] <= 0 {
			t.Errorf("forward and backward have no %s: %v", kind, kinds)
		}
	}
	if sum > 1 || sum < 0.05 || kinds["optimiser"] != 0 {
		t.Errorf("kinds add up to %v: %v", sum, kinds)
	}
	if len(p.Operators) != 10 || !slices.IsSortedFunc(p.Operators, func(a, b train.Operator) int {
		if a.Seconds > b.Seconds {
			return -1
		}
		return 1
	}) {
		t.Errorf("operators: %+v", p.Operators)
	}
	if len(p.Before) == 0 || p.Before[0].Name != "hooks" || p.Before[0].Share > 1 {
		t.Errorf("before the profiled steps: %+v", p.Before)
	}

	text, err := os.ReadFile(p.File)
	must(t, err)
	f := tracetest.Read(t, text)
	steps := 0
	views := map[string]int{}
	var phases []trace.Span
	for _, s := range f.Spans {
		switch {
		case s.Track == "steps":
			steps++
		case s.Track == "trainer":
			phases = append(phases, s)
		case strings.HasPrefix(s.Track, "loader "):
			views[s.Name]++
		}
	}
	if steps != 8 || f.Metadata["steps"] != 5.0 {
		t.Errorf("%d steps are in the trace, and the summary says %v", steps, f.Metadata["steps"])
	}
	// Eight steps of 16 images were read, and some ahead.
	if views["decode"] < 8*16 || views["augment"] < 8*16 || views["wait"] == 0 {
		t.Errorf("the loader has %v", views)
	}
	for name, phase := range wantPhases {
		found := 0
		for _, o := range f.Spans {
			if o.Track != "operators" || o.Name != name {
				continue
			}
			found++
			if !slices.ContainsFunc(phases, func(s trace.Span) bool {
				return s.Name == phase && s.Start <= o.Start && o.Start < s.End
			}) {
				t.Errorf("%s at %v is not in %s", name, o.Start, phase)
			}
		}
		if found < 5 {
			t.Errorf("%s ran %d times in five steps", name, found)
		}
	}
}

// A profile fits into the run, and one that the run's end cuts short leaves libtorch as it was.
func TestProfileOfTooManySteps(t *testing.T) {
	for n, text := range map[int]string{
		8:    "profiling 8 steps after 3 others: only 10 are left to make: profile fewer, or train longer",
		-1:   "profiling -1 steps: give from 1 to 1000",
		5000: "profiling 5000 steps: give from 1 to 1000",
	} {
		j := job{change: func(o *train.Options) { o.Profile = n }}
		_, _, err := j.trainer(filepath.Join(t.TempDir(), "run"), false, nil)
		oneLine(t, err, text)
		var invalid *run.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%d steps: %T is no mistake of the user's", n, err)
		}
	}

	j := job{change: func(o *train.Options) { o.Profile = 7 }}
	stopped, ctx := j.stopAt(t.Context(), 5)
	dir := filepath.Join(t.TempDir(), "run")
	if err := stopped.run(t, ctx, dir, false); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, run.ProfileFile)); err == nil {
		t.Error("there is a profile of two steps of seven")
	}
	must(t, torch.Scope(func() error { // there is no other profile
		torch.StartProfile(1)
		torch.StopProfile()
		return nil
	}))
	// Five steps are left: three to warm up, and two.
	oneLine(t, j.run(t, t.Context(), dir, true), "only 5 are left to make")
	made := 0
	j.change = func(o *train.Options) { o.Profile, o.Profiled = 2, func(*train.Profile) { made++ } }
	must(t, j.run(t, t.Context(), dir, true))
	if made != 1 {
		t.Errorf("%d profiles of the rest of the run", made)
	}
}

// A profile that cannot be written ends the run, also after the last step.
func TestProfileThatCannotBeWritten(t *testing.T) {
	for _, n := range []int{2, 7} {
		dir := filepath.Join(t.TempDir(), "run")
		j := job{change: func(o *train.Options) { o.Profile = n }}
		j.watch = func(e run.Event) {
			if e.Step == 1 {
				_ = os.MkdirAll(filepath.Join(dir, run.ProfileFile, "full"), 0o777)
			}
		}
		oneLine(t, j.run(t, t.Context(), dir, false), run.ProfileFile)
	}
}
