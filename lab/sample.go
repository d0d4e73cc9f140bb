// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"slices"
	"time"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/run"
)

// A Sample is what one seed of an experiment measured: a trace for each arm, or the values of an experiment in closed
// form.
type Sample struct {
	Seed   int
	Begun  time.Time          // when the first of its runs began; zero if that is unknown
	Traces map[string]*Trace  // by the arm's name
	Values map[Metric]float64 // for an experiment in closed form
}

// A Trace is what one run measured.
type Trace struct {
	Run    collapse.Run
	Events []run.Event
	Curves map[Metric][]XY // metrics that are in no event, such as those of a clustering's report
}

// Diagnosis diagnoses the end of the arm's run. The reference is the first arm of the same method, at the same share of
// its run; that arm itself has none. Ranks of different methods cannot be compared.
func (s Sample) Diagnosis(e Experiment, arm string) collapse.Diagnosis {
	run := s.Traces[arm].Run
	var reference *collapse.Run
	if control := e.reference(arm); control != arm {
		r := paced(s.Traces[control].Run, run.Steps)
		reference = &r
	}
	return collapse.Diagnose(run, reference, collapse.Thresholds{})
}

// reference returns the first arm with the same method as the arm.
func (e Experiment) reference(arm string) string {
	method := ""
	for _, a := range e.Arms {
		if a.Name == arm {
			method = a.Method
		}
	}
	for _, a := range e.Arms {
		if a.Method == method {
			return a.Name
		}
	}
	return arm
}

// paced returns the run as if it had taken that many steps. Runs with other batch sizes or of other lengths are thereby
// compared at the same share of both.
func paced(r collapse.Run, steps int) collapse.Run {
	if r.Steps <= 0 || steps <= 0 || r.Steps == steps {
		return r
	}
	r.History = slices.Clone(r.History)
	for i := range r.History {
		r.History[i].Step = r.History[i].Step * steps / r.Steps
	}
	r.Steps = steps
	return r
}

// ControlFailed says why the control cannot serve as one: it is not HEALTHY, so it collapsed, learnt nothing, or was
// not measured. It returns "" if the control is healthy.
func (s Sample) ControlFailed(e Experiment) string {
	if len(e.Arms) == 0 {
		return ""
	}
	if f := s.Diagnosis(e, e.Arms[0].Name).Worst(); f.Class != collapse.Healthy {
		return f.String()
	}
	return ""
}

// Gain returns by how much the arm's kNN accuracy exceeds the untrained network's, NaN if it was not measured.
func (s Sample) Gain(arm string) float64 {
	if s.Traces[arm] == nil {
		return math.NaN()
	}
	return s.Traces[arm].Last(KNN) - s.Traces[arm].First(KNN)
}

// Foresight returns Spearman's rank correlation, over arms, of a metric with the kNN accuracy. It is NaN if one of them
// was not measured.
func (s Sample) Foresight(m Metric, arms []string) float64 {
	var by, quality []float64
	for _, arm := range arms {
		by, quality = append(by, s.Value(arm, m)), append(quality, s.Value(arm, KNN))
	}
	return collapse.Spearman(by, quality)
}

// Floor returns the share that is left of the way from the arm's first loss to least, NaN if it was not measured.
func (s Sample) Floor(arm string, least float64) float64 {
	if s.Traces[arm] == nil {
		return math.NaN()
	}
	curve := s.Traces[arm].Curve(Loss)
	if len(curve) == 0 || math.IsInf(curve[0].Y, 0) {
		return math.NaN()
	}
	if left := collapse.LossFloor(curve[len(curve)-1].Y, curve[0].Y, least); left.Known {
		return left.Value
	}
	return math.NaN()
}

// Value returns a metric of an arm's last evaluation, NaN if it was not measured.
func (s Sample) Value(arm string, m Metric) float64 {
	if s.Traces[arm] == nil {
		return math.NaN()
	}
	return s.Traces[arm].Last(m)
}

// Last returns the metric at the end of the run, NaN if it was not measured.
func (t *Trace) Last(m Metric) float64 {
	if c := t.Curve(m); len(c) > 0 {
		return c[len(c)-1].Y
	}
	return math.NaN()
}

// First returns the metric before training, NaN if it was not measured.
func (t *Trace) First(m Metric) float64 {
	if c := t.Curve(m); len(c) > 0 && c[0].X == 0 {
		return c[0].Y
	}
	return math.NaN()
}

// Half returns the metric at the last evaluation in the first half of the run, NaN if there was none after the start.
func (t *Trace) Half(m Metric) float64 {
	half := math.NaN()
	for _, p := range t.Curve(m) {
		if p.X > 0 && p.X <= float64(t.Run.Steps)/2 {
			half = p.Y
		}
	}
	return half
}

// XY is a point of a curve: optimiser steps and a value.
type XY struct{ X, Y float64 }
