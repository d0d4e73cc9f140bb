// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/run"
)

// A Sample is what one seed's runs of an experiment measured: a trace for each of its arms, or of an experiment in
// closed form the numbers that came out.
type Sample struct {
	Seed   int
	Traces map[string]*Trace  // by the arm's name
	Values map[Metric]float64 // Of an experiment in closed form
}

// A Trace is what one run measured.
type Trace struct {
	Run    collapse.Run
	Events []run.Event
	Curves map[Metric][]XY // what is of no event: of a clustering's report, or computed in closed form
}

// Diagnosis is what the arm's run ended as. It is compared with the first arm of the same method, at the same share of
// the run, unless it is that arm: ranks of different methods say nothing of one another.
func (s Sample) Diagnosis(e Experiment, arm string) collapse.Diagnosis {
	run := s.Traces[arm].Run
	var reference *collapse.Run
	if control := e.reference(arm); control != arm {
		r := paced(s.Traces[control].Run, run.Steps)
		reference = &r
	}
	return collapse.Diagnose(run, reference, collapse.Thresholds{})
}

// reference is the first arm of the method of the arm.
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

// paced is the run as if it had taken that many steps: runs of other batch sizes, or of other lengths, are compared at
// the same share of both.
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

// ControlFailed says why the control cannot serve as one, "" when it can: it diverged, collapsed, has too few clusters,
// was one point from the start, or was not measured. That its features are no better than the untrained network's after
// so few steps does not count: the claims are of collapse, and those of accuracy compare arms.
func (s Sample) ControlFailed(e Experiment) string {
	if len(e.Arms) == 0 {
		return ""
	}
	d := s.Diagnosis(e, e.Arms[0].Name)
	if f := d.Worst(); Undecided(d) || f.Class.Alarming() && f.Class != collapse.Uninformative {
		return f.String()
	}
	return ""
}

// Undecided says of an embedding that it was not measured, or is one point as the network started, so that neither
// collapse nor its absence can be laid to training.
func Undecided(d collapse.Diagnosis) bool {
	return d.Class == collapse.NotExpanded || d.Class == collapse.Unknown
}

// Gain is how much better the neighbours of the arm's features are than the untrained network's, NaN when not measured.
func (s Sample) Gain(arm string) float64 {
	if s.Traces[arm] == nil {
		return math.NaN()
	}
	return s.Traces[arm].Last(KNN) - s.Traces[arm].First(KNN)
}

// Foresight is Spearman's rank correlation over arms of a metric with the accuracy of their features' neighbours, NaN
// when one was not measured.
func (s Sample) Foresight(m Metric, arms []string) float64 {
	var by, quality []float64
	for _, arm := range arms {
		by, quality = append(by, s.Value(arm, m)), append(quality, s.Value(arm, KNN))
	}
	return collapse.Spearman(by, quality)
}

// Floor is the share of the way from the first loss down to least that the arm's loss has left, NaN when not measured.
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

// Value is a metric of an arm's last evaluation, NaN when it was not measured.
func (s Sample) Value(arm string, m Metric) float64 {
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

// Half is the metric at the middle of the run or at the last evaluation before it, NaN when that was before training.
func (t *Trace) Half(m Metric) float64 {
	half := math.NaN()
	for _, p := range t.Curve(m) {
		if p.X > 0 && p.X <= float64(t.Run.Steps)/2 {
			half = p.Y
		}
	}
	return half
}

// XY is a point of a curve: optimiser steps, and a value.
type XY struct{ X, Y float64 }
