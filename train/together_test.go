// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/together"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// outVariable tells the processes of a test where their runs are.
const outVariable = "PARALLAX_TEST_OUT"

// joined meets the other processes of a test.
func joined(t *testing.T) *dist.Processes {
	t.Helper()
	place, _, err := dist.Find()
	must(t, err)
	p, err := dist.Join(t.Context(), *place, time.Minute)
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

// shared makes the job one of several processes'.
func (j job) shared(p *dist.Processes) job {
	set, change := j.set, j.change
	j.set = func(c *config.Config) {
		if set != nil {
			set(c)
		}
		c.Train.Processes = p.Processes()
	}
	j.change = func(o *train.Options) {
		if change != nil {
			change(o)
		}
		o.Together = p
	}
	return j
}

// losses are those of a run's steps.
func losses(t *testing.T, dir string) (all []float64) {
	t.Helper()
	for _, e := range everything(t, dir) {
		if e.Event == run.StepEnd {
			all = append(all, e.Metrics[run.Loss].Value)
		}
	}
	return all
}

// long are the methods whose losses are compared over 20 steps, and how far they may differ; the others over 3.
var long = map[string]float64{"simclr": 2e-4, "mocov2": 2e-4, "swav": 2e-4, "barlowtwins": 2e-4, "vicreg": 1e-3,
	"wmse": 1e-3, "paws": 1e-3}

// Two processes make the losses of one, step by step, with every method: the same images, the same views, the same
// statistics, queues and centres. So do three, with some.
func TestProcessesTrainAsOne(t *testing.T) {
	job := func(name string) job {
		return job{method: name, set: func(c *config.Config) {
			c.Train.Batch, c.Train.MaxSteps, c.Train.EvalEvery = 12, 3, 100
			if long[name] > 0 {
				c.Train.MaxSteps = 20
			}
			for _, groups := range groupsOf(c.Method.Fields.(parallax.Method)) {
				if *groups > 1 {
					*groups = 6
				}
			}
		}}
	}
	var names []string
	for _, e := range method.All {
		names = append(names, e.Name)
	}
	for _, n := range []int{2, 3} {
		if !together.Inside() {
			t.Setenv(outVariable, t.TempDir())
		}
		folder := os.Getenv(outVariable)
		if n > 2 {
			names = []string{"simclr", "mocov2", "swav", "paws", "deepclusterv2"}
		}
		together.Spawn(t, n, func(t *testing.T) {
			for _, name := range names {
				p := joined(t)
				dir := filepath.Join(folder, fmt.Sprint(name, "-", p.Rank))
				if err := job(name).shared(p).run(t, t.Context(), dir, false); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
		if together.Inside() {
			continue
		}
		for _, name := range names {
			got, want := losses(t, filepath.Join(folder, name+"-0")), losses(t, job(name).whole(t))
			limit := long[name]
			if limit == 0 {
				limit = 1e-3
			}
			worst := 0.
			for k := range want {
				worst = max(worst, math.Abs(got[k]-want[k])/math.Max(1, math.Abs(want[k])))
			}
			t.Logf("%d processes, %s: the losses of %d steps differ by at most %.2g", n, name, len(want), worst)
			if len(got) != len(want) || len(want) < 3 || !(worst <= limit) {
				t.Errorf("%d processes, %s: the losses are\n%v, want\n%v", n, name, got, want)
			}
			if _, err := os.Stat(filepath.Join(folder, name+"-1", run.MetricsFile)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: another process than the first has written events (%v)", name, err)
			}
		}
	}
}

// groupsOf are the numbers of batch norm's groups, which processes have to share.
func groupsOf(m parallax.Method) []*int {
	switch m := m.(type) {
	case *method.MoCo:
		return []*int{&m.Groups, &m.ShuffleGroups}
	case *method.ReSSL:
		return []*int{&m.Groups, &m.ShuffleGroups}
	}
	return nil
}

// A stop of one process ends all at the same step. The run goes on with another number of processes as with the same:
// with the same, to the bit.
func TestProcessesStopAndResume(t *testing.T) {
	if !together.Inside() {
		t.Setenv(outVariable, t.TempDir())
	}
	folder := os.Getenv(outVariable)
	whole, parts := filepath.Join(folder, "whole"), filepath.Join(folder, "parts")
	j := job{set: func(c *config.Config) { c.Train.Batch, c.Train.SaveEvery = 12, 4 }}
	own := func(dir string, p *dist.Processes) string {
		if p.Rank > 0 {
			return filepath.Join(t.TempDir(), "follower")
		}
		return dir
	}
	together.Spawn(t, 2, func(t *testing.T) {
		p := joined(t)
		must(t, j.shared(p).run(t, t.Context(), own(whole, p), false))
		p = joined(t)
		stopped, ctx := j.stopAt(t.Context(), 5) // in the first process alone, which emits events
		if err := stopped.shared(p).run(t, ctx, own(parts, p), false); err == nil {
			t.Error("the run was not stopped")
		}
		p = joined(t)
		must(t, j.shared(p).run(t, t.Context(), own(parts, p), p.Rank == 0))
	})
	if together.Inside() {
		return
	}
	if !slices.Equal(losses(t, whole), losses(t, parts)) {
		t.Errorf("the losses are\n%v, want\n%v", losses(t, parts), losses(t, whole))
	}
	if a, b := hashes(t, whole, 10), hashes(t, parts, 10); fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the last checkpoints differ: %v, %v", a, b)
	}
	// One process, stopped, and then one again: the order of the images is that of two.
	alone := filepath.Join(folder, "alone")
	stopped, ctx := j.stopAt(t.Context(), 5)
	if err := stopped.run(t, ctx, alone, false); err == nil {
		t.Fatal("the run was not stopped")
	}
	must(t, j.run(t, t.Context(), alone, true))
	for i, want := range losses(t, whole) {
		if got := losses(t, alone)[i]; math.Abs(got-want) > 2e-4*want {
			t.Errorf("step %d: the loss of one process is %v, of two %v", i+1, got, want)
		}
	}
}

// The momentum of a target is meant for a number of images: with twice as many in a step it is squared.
func TestMomentumFollowsTheBatch(t *testing.T) {
	first := func(images int) float64 {
		j := job{method: "byol", set: func(c *config.Config) { c.Train.MaxSteps, c.Train.MomentumBatch = 1, images }}
		for _, e := range everything(t, j.whole(t)) {
			if e.Event == run.StepEnd {
				return e.Terms["target_momentum"].Value
			}
		}
		return 0
	}
	m := first(0) // the batch has 8 images
	if m != 0.996 || first(8) != m || math.Abs(first(4)-m*m) > 1e-12 || math.Abs(first(16)-math.Sqrt(m)) > 1e-12 {
		t.Errorf("the momenta are %v, %v, %v and %v", m, first(8), first(4), first(16))
	}
}
