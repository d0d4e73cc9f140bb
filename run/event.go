// SPDX-License-Identifier: Apache-2.0

package run

import (
	"maps"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/internal/number"
)

// What an Event may be: the values of its field "event".
const (
	Start   = "start"   // a run begins: method, steps
	Resumed = "resumed" // a run goes on from the checkpoint at step
	StepEnd = "step"    // after an optimiser step that is logged
	Eval    = "eval"    // one probe and kind of row was evaluated, also at step 0
	Saved   = "saved"   // a checkpoint is on disk: file, best
	Alarm   = "alarm"   // something is wrong: name, message, and the loss term it was seen in, or the class of collapse
	Rewound = "rewound" // the run goes on from the checkpoint at step; what came after that is gone from the log
	Judged  = "judged"  // what the guard says of the run at its end: class, evidence, message
	End     = "end"     // the run stopped: reason
)

// What an Eval may be of: the values of its field "of".
const (
	OfBackbone    = "backbone"    // features h
	OfEmbedding   = "embedding"   // z
	OfPrediction  = "prediction"  // p, of a method with a predictor
	OfAssignments = "assignments" // of z to clusters, prototypes or teacher outputs
)

// The names of an Alarm.
const (
	NonFinite = "nonfinite" // the loss or a weight has become NaN or infinite
	Collapse  = "collapse"  // the guard has found the run in a class of collapse
)

// GuardProbe is the name of the probe that the guard watches: some hundred images, embedded often.
const GuardProbe = "guard"

// The reasons of an End.
const (
	Finished    = "finished"
	Interrupted = "interrupted" // by a signal, after a checkpoint
	Collapsed   = "collapsed"   // by the guard, after a checkpoint
	Failed      = "failed"      // message says why
)

// An Event is one thing that happened in a run: one line of metrics.jsonl, one line of console, one message to a
// dashboard. What its kind does not have is absent from the JSON.
type Event struct {
	Event string `json:"event"`
	Step  int    `json:"step"`  // optimiser steps done
	Epoch int    `json:"epoch"` // passes over the data begun, from 0

	// Metrics holds the numbers of a step or an evaluation by their names, which are keys of the JSON: [Loss], [KNN], ...,
	// or a program's own. An absent one is the zero Number.
	Metrics map[string]Number `json:"-"`

	// start, resumed
	Method        string                 `json:"method,omitempty"`
	Steps         int                    `json:"steps,omitempty"`          // optimiser steps of the whole run
	Constant      *collapse.ConstantLoss `json:"constant_loss,omitempty"`  // nil when nothing is known of it
	Causes        string                 `json:"causes,omitempty"`         // what usually makes the method collapse
	FewDirections bool                   `json:"few_directions,omitempty"` // healthy embeddings may lie in few directions
	Warm          bool                   `json:"warm,omitempty"`           // it begins with trained weights

	// step
	Terms     map[string]Number `json:"terms,omitempty"`     // of the loss
	Gradients map[string]Number `json:"gradients,omitempty"` // l2 norms before clipping, by part: backbone, projector, ...

	// eval
	Probe string `json:"probe,omitempty"`
	Of    string `json:"of,omitempty"`   // what was measured: OfBackbone, OfEmbedding, OfPrediction or OfAssignments
	Dims  int    `json:"dims,omitempty"` // columns; of assignments, how many clusters there are
	Rows  int    `json:"rows,omitempty"` // rows that were measured
	Used  int    `json:"used,omitempty"` // of assignments: clusters that are the first choice of some row

	// eval, with probe.detail
	Spectrum []float64    `json:"spectrum,omitempty"` // singular values of the centred rows, largest first
	Points   [][2]float64 `json:"points,omitempty"`   // some rows, scaled to length 1, in the two directions of their largest spread
	Labels   []int        `json:"labels,omitempty"`   // of the points; -1 is unknown

	// saved
	File string `json:"file,omitempty"` // within the run directory
	Best bool   `json:"best,omitempty"`

	// alarm, end
	Name    string `json:"name,omitempty"` // of the alarm: NonFinite or Collapse
	Term    string `json:"term,omitempty"` // the first term of the loss that the alarm was seen in
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`

	// alarm of a collapse, judged
	Class    string              `json:"class,omitempty"`    // "COMPLETE", "DIMENSIONAL", ..., "HEALTHY"
	Evidence []collapse.Evidence `json:"evidence,omitempty"` // most important first

	// rewound
	From    int `json:"from,omitempty"`    // the step that it went back from
	Rewinds int `json:"rewinds,omitempty"` // how often the run has gone back, this time included
}

// Set gives the event a metric. An unknown value changes nothing. Copies that were made of the event keep what they have.
func (e *Event) Set(name string, v Number) {
	if !v.Known {
		return
	}
	metrics := make(map[string]Number, len(e.Metrics)+1)
	maps.Copy(metrics, e.Metrics)
	metrics[name] = v
	e.Metrics = metrics
}

// Number is a measured value that may be absent; the zero Number is. One that is NaN or infinite is null in the JSON, and an
// alarm beside it names the term.
type Number = number.Number

// Num is the Number with value v, which is known even when it is not finite: a loss that is NaN was measured.
func Num(v float64) Number { return number.Num(v) }

// Numbers lists the event's numbers that are known, by name: the metrics; terms as "terms/NAME"; gradients as
// "gradients/PART".
func (e *Event) Numbers() map[string]float64 {
	m := map[string]float64{}
	for prefix, numbers := range map[string]map[string]Number{"": e.Metrics, "terms/": e.Terms, "gradients/": e.Gradients} {
		for name, v := range numbers {
			if v.Known {
				m[prefix+name] = v.Value
			}
		}
	}
	return m
}
