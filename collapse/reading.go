// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"
	"slices"
)

// Reading is what one evaluation of a run measured. What was not measured is the zero Number or nil.
type Reading struct {
	Step int    `json:"step"` // optimiser steps done; 0 is the network before training
	Loss Number `json:"loss,omitzero"`
	// NonFinite says that a parameter or an embedding held a value that is not finite. A Loss that is not finite needs
	// no flag.
	NonFinite bool `json:"non_finite,omitempty"`
	// Stale says that batch norms used the running statistics of an untrained network, which make every embedding look
	// like one point. In the first 30 steps or so, the statistics must be recomputed before an evaluation. Of a stale
	// reading only the loss is used.
	Stale bool `json:"stale,omitempty"`

	// Distinct counts the different images among the rows if most of them are copies. It is 0 if they are not, or if
	// nobody has looked.
	Distinct int `json:"distinct,omitempty"`

	Embedding   *Metrics     `json:"embedding,omitempty"`   // of the embedding z, which the loss sees
	Backbone    *Metrics     `json:"backbone,omitempty"`    // of the features h
	KNN         Number       `json:"knn,omitzero"`          // kNN accuracy of the features h, 0 to 1
	Assignments *Assignments `json:"assignments,omitempty"` // for methods with clusters
}

// ConstantLoss is a method's loss when every embedding is the same. The zero value means that nothing is known.
type ConstantLoss struct {
	Value Number `json:"value,omitzero"`
	// Minimum says that a constant embedding minimises the loss, so that nothing in the loss stops a collapse:
	// SimSiam's -1, BYOL's 0. Otherwise Value is the chance level, which a model reaches without learning anything:
	// MoCo's ln(1+K), or VICReg's loss with its variance term.
	Minimum bool `json:"minimum,omitempty"`
	// SeesLength says that the loss depends on the length of z, so that a short z is evidence (VICReg, W-MSE without
	// whitening). A loss of cosines does not depend on the length.
	SeesLength bool `json:"sees_length,omitempty"`
}

// Run is what is known of a training run so far.
type Run struct {
	// Steps is the length of the whole run. A run of unknown length (0) counts as being at its end.
	Steps    int          `json:"steps,omitempty"`
	Constant ConstantLoss `json:"constant,omitzero"`
	// Warm says that the run began with trained weights. Features that are no better than at the start are then no
	// failure.
	Warm bool `json:"warm,omitempty"`
	// FewDirections says that the method draws all images of a class to one point. A healthy embedding then needs few
	// directions, and only a reference can say that there are too few.
	FewDirections bool `json:"few_directions,omitempty"`
	// History holds the readings. The first should be of step 0, because several classes compare with it. The first
	// known Loss is the run's first loss.
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

// last returns the newest reading; ok is false when there is none after step 0.
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

// at returns the newest reading at or before a step.
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

// progress returns the share of the run that is done at a step, and 1 when the run's length is unknown.
func (r Run) progress(step int) float64 {
	if r.Steps <= 0 {
		return 1
	}
	return float64(step) / float64(r.Steps)
}

// floor returns the loss floor of a reading of the run. It is absent unless a constant embedding minimises the loss.
func (r Run) floor(reading Reading) Number {
	first := r.firstLoss()
	if !r.Constant.Minimum || !r.Constant.Value.Known || !first.Known || !reading.Loss.Known {
		return Number{}
	}
	return LossFloor(reading.Loss.Value, first.Value, r.Constant.Value.Value)
}

// cosine returns the mean cosine. It is absent when it was not measured or is out of range.
func (r Reading) cosine() Number {
	return r.number(func(m *Metrics) float64 { return m.MeanCosine }, -1.000001, 1.000001)
}

// rank returns the effective rank. Both rows that are all equal and metrics that were not filled in have 0.
func (r Reading) rank() Number {
	return r.dimensions(func(m *Metrics) float64 { return m.EffectiveRank })
}

// participation returns the participation ratio, which has the same ambiguity at 0.
func (r Reading) participation() Number {
	return r.dimensions(func(m *Metrics) float64 { return m.ParticipationRatio })
}

func (r Reading) dimensions(of func(*Metrics) float64) Number {
	if c := r.cosine(); c.Known && c.Value >= allEqual {
		return r.number(of, 0, math.MaxFloat64)
	}
	return r.number(of, 0.999999, math.MaxFloat64)
}

// allEqual is the least mean cosine at which rows may be equal.
const allEqual = 1 - 1e-9

// number returns a metric of the embedding. It is absent unless it is within its range.
func (r Reading) number(of func(*Metrics) float64, lo, hi float64) Number {
	if r.Embedding == nil || r.Stale {
		return Number{}
	}
	if v := of(r.Embedding); v >= lo && v <= hi {
		return Num(v)
	}
	return Number{}
}

// LossFloor returns the share that is left of the way from the first loss to the loss of a constant embedding: 1 at the
// start, 0 at the loss of a constant embedding, negative below it. trivial is the loss of a constant embedding: -1 for
// SimSiam's cosine, 0 for BYOL. A loss near its trivial value is half of a diagnosis of collapse; the embedding is the
// other half. The result is absent when a number is not finite, or when the first loss was within 1e-3 of the trivial
// value, relative to max(1, |trivial|).
func LossFloor(loss, first, trivial float64) Number {
	if !finite(loss) || !finite(first) || !finite(trivial) ||
		math.Abs(first-trivial) <= 1e-3*math.Max(1, math.Abs(trivial)) {
		return Number{}
	}
	if floor := (loss - trivial) / (first - trivial); finite(floor) {
		return Num(floor)
	}
	return Number{}
}
