// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"
	"slices"
)

// Reading is what one evaluation of a run found. What was not measured is left out: the zero Number, nil.
type Reading struct {
	Step int    `json:"step"` // optimiser steps done; 0 is the network before training
	Loss Number `json:"loss,omitzero"`
	// NonFinite says that a parameter or an embedding held a value that is not finite. A Loss that is not says so itself.
	NonFinite bool `json:"non_finite,omitempty"`
	// Stale says that batch norms used the running statistics of an untrained network, which make every embedding look like
	// one point: for some 30 steps those must be computed anew before an evaluation. A stale reading's loss alone is used.
	Stale bool `json:"stale,omitempty"`

	Embedding   *Metrics     `json:"embedding,omitempty"`   // of z, what the loss looks at
	Backbone    *Metrics     `json:"backbone,omitempty"`    // of h
	KNN         Number       `json:"knn,omitzero"`          // accuracy of h's nearest neighbours, 0 to 1
	Assignments *Assignments `json:"assignments,omitempty"` // of methods with clusters
}

// ConstantLoss is a method's loss when every embedding is the same. The zero value is a loss of which nothing is known.
type ConstantLoss struct {
	Value Number `json:"value,omitzero"`
	// Minimum says that the loss cannot be less, so that nothing in it stops a collapse: SimSiam's -1, BYOL's 0. Otherwise
	// the value is what a model reaches that learns nothing: MoCo's ln(1+K), VICReg's with its variance term.
	Minimum bool `json:"minimum,omitempty"`
	// SeesLength says that the loss depends on the length of z, so that a short z is evidence (VICReg, W-MSE without
	// whitening); under a loss of cosines any length is as good as another.
	SeesLength bool `json:"sees_length,omitempty"`
}

// Run is what is known of a training run, up to now.
type Run struct {
	Steps    int          `json:"steps,omitempty"` // of the whole run; 0 is unknown, and the run then counts as at its end
	Constant ConstantLoss `json:"constant,omitzero"`
	// Warm says that the run began with trained weights: that its features are no better than at the start is then no
	// failure.
	Warm bool `json:"warm,omitempty"`
	// FewDirections says that the method draws all images of a class to one point, so that few directions suffice a healthy
	// embedding: only a reference can then say that there are too few.
	FewDirections bool `json:"few_directions,omitempty"`
	// History holds the readings, of which the first should be of step 0: several classes compare with that. The first Loss
	// that is known is the run's first loss.
	History []Reading `json:"history"`
}

// ordered returns the run with its history in the order of its steps.
func (r Run) ordered() Run {
	r.History = slices.Clone(r.History)
	slices.SortStableFunc(r.History, func(a, b Reading) int { return a.Step - b.Step })
	return r
}

// upTo returns the run as it was after its first n readings.
func (r Run) upTo(n int) Run {
	r.History = r.History[:n]
	return r
}

// last returns the newest reading; ok is false when there is none of after the start.
func (r Run) last() (reading Reading, ok bool) {
	if len(r.History) == 0 {
		return Reading{}, false
	}
	reading = r.History[len(r.History)-1]
	return reading, reading.Step > 0
}

// start returns the reading of the network before training.
func (r Run) start() (reading Reading, ok bool) {
	for _, reading = range r.History {
		if reading.Step <= 0 && !reading.Stale {
			return reading, true
		}
	}
	return Reading{}, false
}

// at returns the newest reading of at most that many steps.
func (r Run) at(step int) (reading Reading, ok bool) {
	for _, candidate := range r.History {
		if candidate.Step <= step && !candidate.Stale {
			reading, ok = candidate, true
		}
	}
	return reading, ok
}

// firstLoss returns the first loss that is finite.
func (r Run) firstLoss() Number {
	for _, reading := range r.History {
		if reading.Loss.Finite() {
			return reading.Loss
		}
	}
	return Number{}
}

// progress returns the share of the run that is done at a step, 1 when its length is unknown.
func (r Run) progress(step int) float64 {
	if r.Steps <= 0 {
		return 1
	}
	return float64(step) / float64(r.Steps)
}

// floor returns the loss floor of a reading of the run; absent unless the loss of a constant embedding is its minimum.
func (r Run) floor(reading Reading) Number {
	first := r.firstLoss()
	if !r.Constant.Minimum || !r.Constant.Value.Known || !first.Known || !reading.Loss.Known {
		return Number{}
	}
	return LossFloor(reading.Loss.Value, first.Value, r.Constant.Value.Value)
}

// cosine returns the mean cosine, when it was measured and can be one.
func (r Reading) cosine() Number {
	return r.number(func(m *Metrics) float64 { return m.MeanCosine }, -1.000001, 1.000001)
}

// rank returns the effective rank. 0 is that of rows that are all equal, and of metrics that were not filled in.
func (r Reading) rank() Number {
	return r.dimensions(func(m *Metrics) float64 { return m.EffectiveRank })
}

// participation returns the participation ratio, in the same way.
func (r Reading) participation() Number {
	return r.dimensions(func(m *Metrics) float64 { return m.ParticipationRatio })
}

func (r Reading) dimensions(of func(*Metrics) float64) Number {
	if c := r.cosine(); c.Known && c.Value >= allEqual {
		return r.number(of, 0, math.MaxFloat64)
	}
	return r.number(of, 0.999999, math.MaxFloat64)
}

// allEqual is the mean cosine from which rows may be equal.
const allEqual = 1 - 1e-9

// number returns a metric of the embedding, absent unless it is within its range.
func (r Reading) number(of func(*Metrics) float64, lo, hi float64) Number {
	if r.Embedding == nil || r.Stale {
		return Number{}
	}
	if v := of(r.Embedding); v >= lo && v <= hi {
		return Num(v)
	}
	return Number{}
}

// LossFloor returns how much of the way from its first value to that of a constant embedding a loss has still to go: 1 at the
// start, 0 where a constant embedding is, and negative beyond. trivial is what the loss is for a constant embedding: -1 for
// SimSiam's cosine, 0 for BYOL's. A loss near its trivial value is half of a verdict of collapse; where the embedding is, the
// other. Absent when the loss began at the trivial value already, within 1e-3 of its size or of 1, or a number is not finite.
func LossFloor(loss, first, trivial float64) Number {
	if !finite(loss) || !finite(first) || !finite(trivial) || math.Abs(first-trivial) <= 1e-3*math.Max(1, math.Abs(trivial)) {
		return Number{}
	}
	if floor := (loss - trivial) / (first - trivial); finite(floor) {
		return Num(floor)
	}
	return Number{}
}
