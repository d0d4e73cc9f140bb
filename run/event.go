// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// What an Event may be: the values of its field "event".
const (
	Start   = "start"   // a run begins: method, steps
	Resumed = "resumed" // a run goes on from the checkpoint at step
	StepEnd = "step"    // after an optimiser step that is logged
	Eval    = "eval"    // one probe and kind of row was evaluated, also at step 0
	Saved   = "saved"   // a checkpoint is on disk: file, best
	Alarm   = "alarm"   // something is wrong: name, message, and the loss term it was seen in
	End     = "end"     // the run stopped: reason
)

// The reasons of an End.
const (
	Finished    = "finished"
	Interrupted = "interrupted" // by a signal, after a checkpoint
	Failed      = "failed"      // message says why
)

// An Event is one thing that happened in a run: one line of metrics.jsonl, one line of console, one message to a
// dashboard. Fields that its kind has not are absent from the JSON.
type Event struct {
	Event string `json:"event"`
	Step  int    `json:"step"`  // optimiser steps done
	Epoch int    `json:"epoch"` // passes over the data begun, from 0

	// start, resumed
	Method string `json:"method,omitempty"`
	Steps  int    `json:"steps,omitempty"` // optimiser steps of the whole run

	// step
	Loss            Number            `json:"loss,omitzero"`
	Terms           map[string]Number `json:"terms,omitempty"`
	Rate            Number            `json:"rate,omitzero"` // learning rate of this step
	ImagesPerSecond Number            `json:"images_per_second,omitzero"`
	DataWait        Number            `json:"data_wait,omitzero"` // share of the step spent waiting for data, 0 to 1

	// eval
	Probe              string `json:"probe,omitempty"`
	Of                 string `json:"of,omitempty"`            // "backbone" (features h) or "embedding" (z)
	KNN                Number `json:"knn,omitzero"`            // accuracy, 0 to 1; absent without labels
	Linear             Number `json:"linear,omitzero"`         // accuracy, 0 to 1; absent without labels
	Support            Number `json:"support,omitzero"`        // accuracy of the method's own soft vote of all labelled images, 0 to 1; of embeddings, PAWS
	Std                Number `json:"std,omitzero"`            // of the l2-normalised rows, times sqrt(d): 1 is isotropic, 0 collapsed
	MeanCosine         Number `json:"mean_cosine,omitzero"`    // of pairs of rows
	EffectiveRank      Number `json:"effective_rank,omitzero"` // exp of the entropy of the centred matrix's singular values
	RankMe             Number `json:"rankme,omitzero"`         // the same uncentred
	ParticipationRatio Number `json:"participation_ratio,omitzero"`
	Alignment          Number `json:"alignment,omitzero"`
	Uniformity         Number `json:"uniformity,omitzero"`

	// saved
	File string `json:"file,omitempty"` // within the run directory
	Best bool   `json:"best,omitempty"`

	// alarm, end
	Name    string `json:"name,omitempty"` // of the alarm: "nonfinite", "collapse", ...
	Term    string `json:"term,omitempty"` // the first term of the loss that the alarm was seen in
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// A Number is a measured value that may be absent; the zero Number is. JSON has no NaN and no infinity: both are
// written as null, so that every line stays JSON, and null is read as NaN. An alarm beside it names the term.
type Number struct {
	Value float64
	Known bool
}

// Num is the Number with value v.
func Num(v float64) Number { return Number{v, true} }

// Nums is a map of Numbers, for the terms of a loss.
func Nums(values map[string]float64) map[string]Number {
	m := make(map[string]Number, len(values))
	for k, v := range values {
		m[k] = Num(v)
	}
	return m
}

// IsZero says whether the number is absent.
func (n Number) IsZero() bool { return !n.Known }

// MarshalJSON is the number in its shortest form, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known || math.IsNaN(n.Value) || math.IsInf(n.Value, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(n.Value)
}

// UnmarshalJSON reads a number, or NaN from null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*n = Num(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return err
	}
	*n = Num(v)
	return nil
}

// Metrics lists the event's numbers that are known, under the names of the JSON; terms are "terms/NAME".
func (e *Event) Metrics() map[string]float64 {
	all := map[string]Number{
		"loss": e.Loss, "rate": e.Rate, "images_per_second": e.ImagesPerSecond, "data_wait": e.DataWait,
		"knn": e.KNN, "linear": e.Linear, "support": e.Support, "std": e.Std, "mean_cosine": e.MeanCosine, "effective_rank": e.EffectiveRank,
		"rankme": e.RankMe, "participation_ratio": e.ParticipationRatio, "alignment": e.Alignment, "uniformity": e.Uniformity,
	}
	for name, v := range e.Terms {
		all["terms/"+name] = v
	}
	m := map[string]float64{}
	for name, v := range all {
		if v.Known {
			m[name] = v.Value
		}
	}
	return m
}
