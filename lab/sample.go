// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"path/filepath"

	"parallax/collapse"
	"parallax/collapse/history"
	"parallax/run"
)

// A Sample is what one seed's runs of an experiment measured: a trace for each of its arms, or of an experiment in closed form
// the numbers that came out.
type Sample struct {
	Seed   int
	Traces map[string]*Trace  // by the arm's name
	Values map[Metric]float64 // of an experiment in closed form
}

// A Trace is what one run measured.
type Trace struct {
	Run    collapse.Run
	Events []run.Event
}

// Samples reads the runs of an experiment that have ended, for every seed in which all of them have. What cannot be read
// counts as not there: the runner says so of a run that failed.
func Samples(p Plan, out string, e Experiment, long bool) []Sample {
	var all []Sample
	for seed := 1; seed <= p.Seeds; seed++ {
		if e.Closed != nil {
			if s, err := e.Closed(uint64(seed)); err == nil && !long {
				s.Seed = seed
				all = append(all, s)
			}
			continue
		}
		s := Sample{Seed: seed, Traces: map[string]*Trace{}}
		for _, a := range e.Arms {
			dir := filepath.Join(out, Job{Arm: a, Seed: seed, Long: long}.Dir())
			if !finished(dir) {
				break
			}
			r, events, err := history.Read(dir)
			if err != nil {
				break
			}
			s.Traces[a.Name] = &Trace{r, events}
		}
		if len(s.Traces) == len(e.Arms) && len(e.Arms) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// Diagnosis is what the arm's run ended as. An arm other than the control is compared with the control.
func (s Sample) Diagnosis(e Experiment, arm string) collapse.Diagnosis {
	var reference *collapse.Run
	if control := e.Arms[0].Name; arm != control {
		reference = &s.Traces[control].Run
	}
	return collapse.Diagnose(s.Traces[arm].Run, reference, collapse.Thresholds{})
}

// controlFailed says why the control cannot serve as one, "" when it can: it diverged, collapsed or has too few clusters. That
// its features are no better than the untrained network's after so few steps does not count: the claims are of collapse, and
// those of accuracy compare arms.
func (s Sample) controlFailed(e Experiment) string {
	if len(e.Arms) == 0 {
		return ""
	}
	if f := s.Diagnosis(e, e.Arms[0].Name).Worst(); f.Class.Alarming() && f.Class != collapse.Uninformative {
		return f.String()
	}
	return ""
}

// value is a metric of an arm's last evaluation, NaN when it was not measured.
func (s Sample) value(arm string, m Metric) float64 {
	if s.Traces[arm] == nil {
		return math.NaN()
	}
	return s.Traces[arm].Last(m)
}

// Last is the metric at the end of the run, NaN when it was not measured.
func (t *Trace) Last(m Metric) float64 {
	if c := t.Curve(m); len(c) > 0 {
		return c[len(c)-1].Y
	}
	return math.NaN()
}

// First is the metric before training, NaN when it was not measured.
func (t *Trace) First(m Metric) float64 {
	if c := t.Curve(m); len(c) > 0 && c[0].X == 0 {
		return c[0].Y
	}
	return math.NaN()
}

// XY is a point of a curve: optimiser steps, and a value.
type XY struct{ X, Y float64 }

// Curve is the metric over the steps at which it was measured.
func (t *Trace) Curve(m Metric) []XY {
	var curve []XY
	if m == Loss {
		for _, r := range t.Run.History {
			if r.Loss.Known {
				curve = append(curve, XY{float64(r.Step), r.Loss.Value})
			}
		}
		return curve
	}
	probe := ""
	for _, e := range t.Events {
		if e.Event != run.Eval || probe != "" && e.Probe != probe {
			continue
		}
		probe = e.Probe
		if v, known := e.Metrics()[m.name()]; known && e.Of == m.of() {
			curve = append(curve, XY{float64(e.Step), v})
		}
	}
	return curve
}
