// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"path/filepath"
)

// A Laboratory reads the runs of a plan that have ended. It reads each run once, because experiments share runs and all
// verdicts are made anew when a run ends. It must not be used by several goroutines at a time.
type Laboratory struct {
	Plan        Plan
	Experiments []Experiment // those that the plan names

	dir    string
	traces map[string]*Trace // by [Job.Dir]
}

// Open reads the laboratory in dir. The claims of its plan are looked up in known.
func Open(dir string, known []Experiment) (*Laboratory, error) {
	p, err := ReadPlan(dir)
	if err != nil {
		return nil, err
	}
	experiments, err := p.Choose(known)
	if err != nil {
		return nil, fmt.Errorf("reading the plan of %s: %w", dir, err)
	}
	return &Laboratory{Plan: p, Experiments: experiments, dir: dir, traces: map[string]*Trace{}}, nil
}

// trace returns what the job measured, or nil if it has not ended or cannot be read. The runner reports runs that
// failed.
func (l *Laboratory) trace(j Job) *Trace {
	at := j.Dir()
	if t := l.traces[at]; t != nil {
		return t
	}
	dir := filepath.Join(l.dir, at)
	if !j.finished(dir) {
		return nil
	}
	t, err := j.trace(dir)
	if err != nil {
		return nil
	}
	l.traces[at] = t
	return t
}

// Samples returns the measurements of an experiment, one sample for each seed whose runs have all ended, at the usual
// length or at the longer one.
func (l *Laboratory) Samples(e Experiment, long bool) []Sample {
	var all []Sample
	for seed := 1; seed <= l.Plan.Seeds; seed++ {
		if e.Closed != nil {
			if s, err := e.Closed(uint64(seed)); err == nil && !long {
				s.Seed = seed
				all = append(all, s)
			}
			continue
		}
		s := Sample{Seed: seed, Traces: map[string]*Trace{}}
		for i, a := range e.Arms {
			j := Job{Arm: a, Seed: seed, Long: long}
			t := l.trace(j)
			if t == nil {
				break
			}
			s.Traces[a.Name] = t
			if begun := l.Plan.Begun[j.name()]; i == 0 || begun.Before(s.Begun) {
				s.Begun = begun
			}
		}
		if len(s.Traces) == len(e.Arms) && len(e.Arms) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// Findings returns the verdicts on the experiments, from the runs that have ended.
func (l *Laboratory) Findings() []Finding {
	all := make([]Finding, len(l.Experiments))
	for i, e := range l.Experiments {
		all[i] = e.Judge(l.Samples(e, false), l.Samples(e, true))
	}
	Adjust(all)
	return all
}
