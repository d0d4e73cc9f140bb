// SPDX-License-Identifier: Apache-2.0

package run

import (
	"maps"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/internal/number"
)

// The kinds of an Event: the values of its field "event".
const (
	Start     = "start"     // a run begins: method, steps
	Resumed   = "resumed"   // a run continues from the checkpoint at step
	StepEnd   = "step"      // after an optimiser step that is logged
	Eval      = "eval"      // an evaluation of one kind of row (see OfBackbone) of one probe, at step 0 as well
	Saved     = "saved"     // a checkpoint is on disk: file, best
	Alarm     = "alarm"     // something is wrong: name, message, and the term of the loss or the class of collapse
	Rewound   = "rewound"   // the run went back to the checkpoint at step; later events were removed from the log
	Replanned = "replanned" // the run has another length from here on: steps, message
	Judged    = "judged"    // the guard's verdict at the end of the run: class, evidence, message
	End       = "end"       // the run stopped: reason
)

// The kinds of row that an Eval may measure: the values of its field "of".
const (
	OfBackbone    = "backbone"    // features h
	OfEmbedding   = "embedding"   // z
	OfPrediction  = "prediction"  // p, for a method with a predictor
	OfTarget      = "target"      // z', of a method's target network, with probe.detail
	OfAssignments = "assignments" // of z to clusters, prototypes or teacher outputs, as probabilities
)

// The names of an Alarm.
const (
	NonFinite = "nonfinite" // the loss or a weight has become NaN or infinite
	Collapse  = "collapse"  // the guard has put the run into a class of collapse
)

// GuardProbe is the name of the probe that the guard watches: a few hundred images, embedded often.
const GuardProbe = "guard"

// The reasons of an End.
const (
	Finished    = "finished"
	Interrupted = "interrupted" // by a signal, after a checkpoint
	Collapsed   = "collapsed"   // by the guard, after a checkpoint
	Failed      = "failed"      // message says why
)

// An Event is one thing that happened in a run: one line of metrics.jsonl, one line on the console, one message to a
// dashboard. A field that its kind does not have is absent from the JSON.
type Event struct {
	Event string `json:"event"`
	Step  int    `json:"step"`  // optimiser steps done
	Epoch int    `json:"epoch"` // passes over the data begun, from 0

	// Metrics holds the numbers of a step or an evaluation by name. Each name is a key of the JSON: [Loss], [KNN], ...,
	// or a name that a program chose for a metric of its own. An absent metric is the zero Number.
	Metrics map[string]Number `json:"-"`

	// start, resumed, replanned
	Method        string                 `json:"method,omitempty"`
	Steps         int                    `json:"steps,omitempty"`          // optimiser steps of the whole run
	Constant      *collapse.ConstantLoss `json:"constant_loss,omitempty"`  // the loss of a constant embedding; nil: unknown
	Causes        string                 `json:"causes,omitempty"`         // what usually makes the method collapse
	FewDirections bool                   `json:"few_directions,omitempty"` // healthy embeddings may lie in few directions
	Warm          bool                   `json:"warm,omitempty"`           // the run starts from trained weights

	// step
	Terms     map[string]Number `json:"terms,omitempty"`     // the terms of the loss, and what else the method reports
	Gradients map[string]Number `json:"gradients,omitempty"` // l2 norms before clipping, by part: backbone, projector, ...

	// eval
	Probe string `json:"probe,omitempty"`
	Of    string `json:"of,omitempty"`   // what was measured: one of OfBackbone, ...
	Dims  int    `json:"dims,omitempty"` // columns; for assignments the number of clusters
	Rows  int    `json:"rows,omitempty"` // rows that were measured
	Used  int    `json:"used,omitempty"` // for assignments: clusters that are the first choice of at least one row

	// eval, if not 0
	LeftOut  int `json:"left_out,omitempty"` // queries whose class has no image in the bank: no accuracy counts them
	Overlap  int `json:"overlap,omitempty"`  // queries that are also in the bank
	Distinct int `json:"distinct,omitempty"` // different images in the guard's sample, if most are copies; at step 0

	// eval, with probe.detail
	Spectrum []float64    `json:"spectrum,omitempty"` // singular values of the centred rows, largest first
	Points   [][2]float64 `json:"points,omitempty"`   // some rows at length 1, on their two directions of largest spread
	Labels   []int        `json:"labels,omitempty"`   // of the points; -1 is unknown

	// saved
	File string `json:"file,omitempty"` // within the run directory
	Best bool   `json:"best,omitempty"`

	// alarm, replanned, end
	Name    string `json:"name,omitempty"` // of the alarm: NonFinite or Collapse
	Term    string `json:"term,omitempty"` // NonFinite: the first term of the loss, or tensor, that is not finite
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`

	// alarm named Collapse, judged
	Class    string              `json:"class,omitempty"`    // "COMPLETE", "DIMENSIONAL", ..., "HEALTHY"
	Evidence []collapse.Evidence `json:"evidence,omitempty"` // most important first

	// rewound
	From    int `json:"from,omitempty"`    // the step from which the run went back
	Rewinds int `json:"rewinds,omitempty"` // how often the run has gone back, this time included
}

// Set gives the event a metric. An unknown value changes nothing. Earlier copies of the event keep their metrics.
func (e *Event) Set(name string, v Number) {
	if !v.Known {
		return
	}
	metrics := make(map[string]Number, len(e.Metrics)+1)
	maps.Copy(metrics, e.Metrics)
	metrics[name] = v
	e.Metrics = metrics
}

// Number is a measured value that may be absent. The zero Number is absent. NaN and infinity are null in the JSON, and
// an alarm then names the term.
type Number = number.Number

// Num returns the Number with value v. It is known even when v is not finite: a loss that is NaN was measured.
func Num(v float64) Number { return number.Num(v) }

// Numbers returns the event's known numbers by name: metrics by their own names, terms as "terms/NAME", gradients as
// "gradients/PART".
func (e *Event) Numbers() map[string]float64 {
	m := map[string]float64{}
	groups := map[string]map[string]Number{"": e.Metrics, "terms/": e.Terms, "gradients/": e.Gradients}
	for prefix, numbers := range groups {
		for name, v := range numbers {
			if v.Known {
				m[prefix+name] = v.Value
			}
		}
	}
	return m
}
