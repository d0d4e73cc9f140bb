// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// looks is a hook that keeps a hash of all networks at every call, and can decide something at step 0.
type looks struct {
	decide train.Decision
	fail   error
	seen   map[int]string
	calls  []int
}

func (*looks) Name() string { return "looks" }

func (l *looks) After(p *train.Progress) (train.Decision, error) {
	if l.seen == nil {
		l.seen = map[int]string{}
	}
	text := ""
	for _, s := range p.Params.State() {
		text += fmt.Sprint(s.Name, s.Bytes)
	}
	l.seen[p.Step], l.calls = text, append(l.calls, p.Step)
	if p.Step > 0 {
		return nil, nil
	}
	if p.Features.Defined() || !p.Due {
		return nil, errors.New("step 0 has features, or no evaluation is due")
	}
	if err := p.Emit(run.Event{Event: run.Eval, Probe: "looks"}); err != nil {
		return nil, err
	}
	return l.decide, l.fail
}

// ordered are a run's events with their steps.
func ordered(events *[]string) func(run.Event) {
	return func(e run.Event) {
		*events = append(*events, fmt.Sprint(e.Event, " ", e.Step))
	}
}

// With every method, hooks see the same networks at step 0, before the first step or after it, and training is the
// same. Only the order of the events differs.
func TestUntrainedNetworksAreSeenAfterTheFirstStep(t *testing.T) {
	for _, e := range method.All {
		t.Run(e.Name, func(t *testing.T) {
			var hooks [2]looks
			var events [2][]string
			var dirs [2]string
			for i, memory := range []string{"", "8GiB"} { // with a given memory there is no copy
				j := job{method: e.Name, hooks: []train.Hook{&hooks[i]}, watch: ordered(&events[i]),
					set: func(c *config.Config) { c.Train.Memory, c.Train.MaxSteps = memory, 3 }}
				dirs[i] = j.whole(t)
			}
			for step := range 4 {
				if hooks[0].seen[step] == "" || hooks[0].seen[step] != hooks[1].seen[step] {
					t.Errorf("the networks of step %d are not the same", step)
				}
			}
			if hooks[0].seen[0] == hooks[0].seen[1] {
				t.Error("the first step has changed nothing")
			}
			if !slices.Equal(hooks[0].calls, []int{0, 1, 2, 3}) {
				t.Errorf("the hook was called for steps %v", hooks[0].calls)
			}
			after := []string{"start 0", "step 1", "eval 0", "step 2"}
			before := []string{"start 0", "eval 0", "step 1", "step 2"}
			if !slices.Equal(events[0][:4], after) || !slices.Equal(events[1][:4], before) {
				t.Errorf("events %v, want %v; with a given memory %v, want %v", events[0], after, events[1], before)
			}
			saved := run.CheckpointsDir + "/" + stepFolder(3)
			for _, file := range []string{run.EncoderFile, saved + "/model.safetensors"} {
				if hash(t, dirs[0]+"/"+file) != hash(t, dirs[1]+"/"+file) {
					t.Errorf("%s differs", file)
				}
			}
		})
	}
}

// What goes wrong, or is decided, in the look at the untrained networks.
func TestLookAtUntrainedNetworksThatEndsTheRun(t *testing.T) {
	t.Run("a signal", func(t *testing.T) { // the run begins anew
		want := job{hooks: []train.Hook{&reader{ctx: t.Context()}}}.whole(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		got := t.TempDir() + "/run"
		first := job{hooks: []train.Hook{&reader{ctx: ctx, read: func(int) { cancel(errStop) }}}}
		if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
			t.Fatalf("it ended with %v", err)
		}
		if saved, err := filepath.Glob(filepath.Join(got, run.CheckpointsDir, "step-*")); len(saved) > 0 || err != nil {
			t.Errorf("it saved %v (%v), and no hook has seen step 0", saved, err)
		}
		must(t, job{hooks: []train.Hook{&reader{ctx: t.Context()}}}.run(t, t.Context(), got, true))
		same(t, want, got, 10)
	})
	t.Run("a failure", func(t *testing.T) {
		failed := errors.New("no image can be read")
		err := job{hooks: []train.Hook{&looks{fail: failed}}}.run(t, t.Context(), t.TempDir()+"/run", false)
		if !errors.Is(err, failed) {
			t.Errorf("the run ended with %v", err)
		}
	})
	t.Run("a decision", func(t *testing.T) { // the weights are those of the step that is done
		var events []string
		dir := t.TempDir() + "/run"
		stop := &looks{decide: train.Stop{Why: "the test says so"}}
		moving := func(c *config.Config) { c.Optim.WarmupSteps = 0 } // the first step of a warm-up changes no weight
		err := job{set: moving, hooks: []train.Hook{stop}, watch: ordered(&events)}.run(t, t.Context(), dir, false)
		if !errors.Is(err, train.ErrCollapsed) {
			t.Errorf("the run ended with %v", err)
		}
		if want := []string{"start 0", "step 1", "eval 0", "saved 1", "end 1"}; !slices.Equal(events, want) {
			t.Errorf("events %v, want %v", events, want)
		}
		states, _, err := nn.ReadStates(dir + "/" + run.CheckpointsDir + "/" + stepFolder(1) + "/model.safetensors")
		must(t, err)
		for _, s := range states {
			if text := fmt.Sprint(s.Name, s.Bytes); len(stop.seen[0]) > 0 && s.Name == "backbone.conv1.weight" &&
				strings.Contains(stop.seen[0], text) {
				t.Error("the checkpoint of step 1 has the untrained weights")
			}
		}
	})
}

// A run that may go back looks first: what hooks say of step 0 belongs to its first checkpoint.
func TestRunsThatMayGoBackLookFirst(t *testing.T) {
	var events []string
	j := job{hooks: []train.Hook{&looks{}}, watch: ordered(&events), set: func(c *config.Config) {
		c.Train.OnCollapse = config.Rewind
	}}
	j.whole(t)
	if want := []string{"start 0", "eval 0", "saved 0", "step 1"}; !slices.Equal(events[:4], want) {
		t.Errorf("events %v, want %v", events, want)
	}
}
