// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/batch"
	"github.com/parallax-ssl/parallax/run"
)

// A Runner makes the runs of a plan, in Out.
type Runner struct {
	Plan     Plan
	Known    []Experiment // the experiments among which the plan's claims are looked up
	Out      string
	Parallel int // number of runs at a time
	// Command returns the parallax command with these arguments.
	Command func(ctx context.Context, args ...string) *exec.Cmd
	// Watch is called when a run has begun or ended, one call at a time.
	Watch func(s Status)
}

// Status is the state of a laboratory.
type Status struct {
	Done, Of int // runs that are done, of all
	Running  []Job
	Failed   []string  // one line for each run that failed
	Findings []Finding // of every experiment, from the seeds that are complete
}

// Run makes the missing runs and returns the findings. It resumes interrupted runs. If a run fails, its seed is left
// out. Run ends early only if the context ends or the output cannot be written.
func (r *Runner) Run(ctx context.Context) (Status, error) {
	experiments, err := r.Plan.Choose(r.Known)
	if err != nil {
		return Status{}, err
	}
	if err := os.MkdirAll(r.Out, 0o777); err != nil {
		return Status{}, run.Output("making the laboratory's output", err)
	}
	unlock, err := run.Lock("laboratory", r.Out)
	if err != nil {
		return Status{}, err
	}
	defer func() { _ = unlock() }() // the lock ends with the process anyway
	if err := r.Plan.Write(r.Out); err != nil {
		return Status{}, err
	}
	written, err := ReadPlan(r.Out)
	if err != nil {
		return Status{}, err
	}
	r.Plan.Begun = map[string]time.Time{}
	maps.Copy(r.Plan.Begun, written.Begun)
	l := &Laboratory{Plan: r.Plan, Experiments: experiments, dir: r.Out, traces: map[string]*Trace{}}
	failed, err := r.make(ctx, r.Plan.Jobs(experiments), nil, l.Findings)
	if err != nil {
		return Status{}, err
	}
	if r.Plan.Longer {
		var more []Job
		for _, e := range experiments {
			if e.WantsLonger(l.Samples(e, false), nil) {
				for _, j := range r.Plan.longer(e) {
					if !slices.ContainsFunc(more, func(k Job) bool { return k.Dir() == j.Dir() }) {
						more = append(more, j)
					}
				}
			}
		}
		if failed, err = r.make(ctx, more, failed, l.Findings); err != nil {
			return Status{}, err
		}
	}
	return Status{Failed: failed, Findings: l.Findings()}, nil
}

// make makes the jobs that are not finished, Parallel at a time, and reports the findings after each. It adds to
// failed.
func (r *Runner) make(ctx context.Context, jobs []Job, failed []string, findings func() []Finding) ([]string, error) {
	var lock sync.Mutex
	s := Status{Of: len(jobs), Failed: failed}
	say := func(change func()) {
		lock.Lock()
		defer lock.Unlock()
		change()
		s.Findings = findings()
		r.Watch(s)
	}
	batch.Each(ctx, r.Parallel, jobs, func(j Job) {
		if j.finished(filepath.Join(r.Out, j.Dir())) {
			lock.Lock()
			s.Done++
			lock.Unlock()
			return
		}
		var args []string
		var err error
		say(func() {
			s.Running = append(s.Running, j)
			args, err = r.begin(j)
		})
		if err == nil {
			if args[0] == "pretrain" {
				args = append(args, "--report=false") // the laboratory has its own
			}
			err = batch.Run(r.Command(ctx, args...))
		}
		say(func() {
			s.Running = slices.DeleteFunc(s.Running, func(k Job) bool { return k.Dir() == j.Dir() })
			s.Done++
			if err != nil && ctx.Err() == nil {
				s.Failed = append(s.Failed, fmt.Sprintf("%s, seed %d: %v", j.Arm.Name, j.Seed, err))
			}
		})
	})
	return s.Failed, ctx.Err()
}

// begin returns the arguments of the command that makes or resumes a run. If it makes the run, the plan gets the time.
func (r *Runner) begin(j Job) ([]string, error) {
	dir := filepath.Join(r.Out, j.Dir())
	if args := j.resume(dir); args != nil {
		return args, nil
	}
	r.Plan.Begun[j.name()] = time.Now().UTC().Truncate(time.Second)
	return r.Plan.Args(j, dir), r.Plan.Write(r.Out)
}

// planFile is the file of the plan in the laboratory's output.
const planFile = "lab.json"

// Write writes the plan to dir. It is an error if dir has a plan with other data, steps or settings. The experiments
// and seeds of an earlier plan are kept, and when its runs began.
func (p Plan) Write(dir string) error {
	old, err := ReadPlan(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case old.Data != p.Data || old.Steps != p.Steps || !slices.Equal(old.Set, p.Set):
		return fmt.Errorf("%s has a laboratory with other data, steps or settings (%s, %d steps): choose another --out",
			dir, old.Data, old.Steps)
	}
	for _, id := range old.Experiments {
		if !slices.Contains(p.Experiments, id) {
			p.Experiments = append(p.Experiments, id)
		}
	}
	begun := map[string]time.Time{}
	maps.Copy(begun, old.Begun)
	maps.Copy(begun, p.Begun)
	p.Seeds, p.RuleVersion, p.Begun = max(p.Seeds, old.Seeds), RuleVersion, begun
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return run.Output("making the laboratory's output", err)
	}
	return run.WriteFile(filepath.Join(dir, planFile), run.JSON(p))
}

// mostSeeds bounds the seeds of a plan that is read, which others may have written.
const mostSeeds = 10_000

// ReadPlan reads the plan in dir.
func ReadPlan(dir string) (Plan, error) {
	path := filepath.Join(dir, planFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return Plan{}, fmt.Errorf("%s is no laboratory: %w", dir, err)
	}
	var p Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return Plan{}, fmt.Errorf("reading %s: %w", path, err)
	}
	if p.Seeds < 0 || p.Seeds > mostSeeds || p.Steps < 0 || p.Steps > config.MaxSteps {
		return Plan{}, fmt.Errorf("reading %s: %d seeds of %d steps: a laboratory has at most %d of %d", path, p.Seeds,
			p.Steps, mostSeeds, config.MaxSteps)
	}
	return p, nil
}
