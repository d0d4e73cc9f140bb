// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// watchman is a hook that acts at given steps, once at each.
type watchman map[int]func(p *train.Progress) train.Decision

func (watchman) Name() string { return "watchman" }

func (w watchman) After(p *train.Progress) (train.Decision, error) {
	act := w[p.Step]
	delete(w, p.Step)
	if act == nil {
		return nil, nil
	}
	return act(p), nil
}

// rewinding is a job that saves every two steps and goes back at step 7, having doubted step 6. halve is why the rate
// is then halved.
func rewinding(halve string) job {
	return job{
		method: "byol",
		set: func(c *config.Config) {
			c.Train.SaveEvery, c.Train.Keep, c.Train.OnCollapse = 2, 1, config.Rewind
		},
		hooks: []train.Hook{&average{}, watchman{
			6: func(p *train.Progress) train.Decision { p.Doubt(true); return nil },
			7: func(p *train.Progress) train.Decision { return train.Rewind{Times: 1, Why: "a test", Halve: halve} },
		}},
	}
}

// A run that goes back and changes nothing ends with the same bits and the same metrics as a run that did not go back.
func TestRewind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, rewinding("").run(t, t.Context(), dir, false))
	straight := rewinding("")
	straight.hooks = []train.Hook{&average{}}
	same(t, straight.whole(t), dir, 10)

	var rewound []run.Event
	for _, e := range everything(t, dir) {
		if e.Event == run.Rewound {
			rewound = append(rewound, e)
		}
	}
	want := []run.Event{{Event: run.Rewound, Step: 4, From: 7, Rewinds: 1, Message: "a test"}}
	for i := range rewound {
		rewound[i].Epoch = 0
	}
	if diff := cmp.Diff(want, rewound); diff != "" {
		t.Error(diff)
	}
}

// After going back, a run continues at the rate that the config now has. It never goes back to a doubted checkpoint.
func TestRewindChangesTheRate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, rewinding("halved by a test").run(t, t.Context(), dir, false))
	straight := rewinding("")
	straight.hooks = nil
	usual := map[int]float64{}
	for _, e := range everything(t, straight.whole(t)) {
		if e.Event == run.StepEnd {
			usual[e.Step] = e.Metrics[run.Rate].Value
		}
	}
	for _, e := range everything(t, dir) {
		if e.Event != run.StepEnd {
			continue
		}
		want := usual[e.Step]
		if e.Step > 4 {
			want /= 2
		}
		if diff := e.Metrics[run.Rate].Value - want; diff > 1e-12 || diff < -1e-12 {
			t.Errorf("step %d had the rate %v, want %v", e.Step, e.Metrics[run.Rate].Value, want)
		}
	}
}

// A run without a sound checkpoint after step 0 goes back to step 0.
func TestRewindToTheStart(t *testing.T) {
	j := rewinding("")
	j.hooks = []train.Hook{&average{}, watchman{
		1: func(p *train.Progress) train.Decision { p.Doubt(true); return nil },
		3: func(p *train.Progress) train.Decision { return train.Rewind{Times: 1} },
	}}
	dir := filepath.Join(t.TempDir(), "run")
	must(t, j.run(t, t.Context(), dir, false))
	j.hooks = []train.Hook{&average{}}
	same(t, j.whole(t), dir, 10)
}

// A run that was stopped because it has collapsed has a checkpoint and an encoder, and can be resumed.
func TestCollapsedRunStops(t *testing.T) {
	halt := func(*train.Progress) train.Decision { return train.Stop{Why: "COMPLETE"} }
	j := job{hooks: []train.Hook{&average{}, watchman{5: halt}}}
	dir := filepath.Join(t.TempDir(), "run")
	err := j.run(t, t.Context(), dir, false)
	if !errors.Is(err, train.ErrCollapsed) || err.Error() != "watchman: the run has collapsed at step 5: COMPLETE" {
		t.Fatalf("it ended with %v", err)
	}
	if diff := cmp.Diff([]string{stepFolder(5)}, folders(t, dir, run.CheckpointsDir)); diff != "" {
		t.Error(diff)
	}
	all := everything(t, dir)
	if end := all[len(all)-1]; end.Event != run.End || end.Reason != run.Collapsed || end.Message == "" {
		t.Errorf("the last event is %+v", end)
	}
	must(t, j.run(t, t.Context(), dir, true))
	straight := j
	straight.hooks = []train.Hook{&average{}}
	same(t, straight.whole(t), dir, 10)
}

// A doubted checkpoint is never the best, whatever its rating. Of nearly equal ratings the newest is the best.
func TestDoubtedIsNeverTheBest(t *testing.T) {
	rate := func(score float64, wrong bool) func(*train.Progress) train.Decision {
		return func(p *train.Progress) train.Decision {
			p.Score(score, 0.25)
			p.Doubt(wrong)
			return nil
		}
	}
	j := job{
		set: func(c *config.Config) { c.Train.SaveEvery, c.Train.Keep = 1, 1 },
		hooks: []train.Hook{watchman{
			2: rate(40, false), 4: rate(32, false), 5: rate(29, false),
			6: rate(99, true), 8: rate(31, false), 9: rate(25, false),
		}},
	}
	dir := filepath.Join(t.TempDir(), "run")
	must(t, j.run(t, t.Context(), dir, false))
	text, err := os.ReadFile(filepath.Join(dir, run.BestFile))
	must(t, err)
	var best struct{ Step int }
	must(t, json.Unmarshal(text, &best))
	if best.Step != 8 {
		t.Errorf("the best is %s, want step 8", text)
	}
	if left := folders(t, dir, run.CheckpointsDir); !slices.Equal(left, []string{stepFolder(8), stepFolder(10)}) {
		t.Errorf("checkpoints %v", left)
	}
}
