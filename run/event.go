// SPDX-License-Identifier: Apache-2.0

package run

import (
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
// dashboard. Fields that its kind has not are absent from the JSON.
type Event struct {
	Event string `json:"event"`
	Step  int    `json:"step"`  // optimiser steps done
	Epoch int    `json:"epoch"` // passes over the data begun, from 0

	// start, resumed
	Method        string                 `json:"method,omitempty"`
	Steps         int                    `json:"steps,omitempty"`          // optimiser steps of the whole run
	Constant      *collapse.ConstantLoss `json:"constant_loss,omitempty"`  // nil when nothing is known of it
	Causes        string                 `json:"causes,omitempty"`         // what usually makes the method collapse
	FewDirections bool                   `json:"few_directions,omitempty"` // it may use few directions: it draws all images of a class together
	Warm          bool                   `json:"warm,omitempty"`           // it begins with trained weights

	// step
	Loss            Number            `json:"loss,omitzero"`
	Terms           map[string]Number `json:"terms,omitempty"`
	Gradients       map[string]Number `json:"gradients,omitempty"` // l2 norms, before clipping, by part: backbone, projector, predictor, ...
	Rate            Number            `json:"rate,omitzero"`       // learning rate of this step
	ImagesPerSecond Number            `json:"images_per_second,omitzero"`
	DataWait        Number            `json:"data_wait,omitzero"` // share of the step spent waiting for data, 0 to 1

	// eval
	Probe              string `json:"probe,omitempty"`
	Of                 string `json:"of,omitempty"`            // what was measured: OfBackbone, OfEmbedding, OfPrediction or OfAssignments
	KNN                Number `json:"knn,omitzero"`            // accuracy, 0 to 1; absent without labels
	Linear             Number `json:"linear,omitzero"`         // accuracy, 0 to 1; absent without labels
	Support            Number `json:"support,omitzero"`        // accuracy of the method's own soft vote of all labelled images, 0 to 1; of embeddings, PAWS
	Std                Number `json:"std,omitzero"`            // of the l2-normalised rows, times sqrt(d): 1 is isotropic, 0 collapsed
	MeanCosine         Number `json:"mean_cosine,omitzero"`    // of pairs of rows
	EffectiveRank      Number `json:"effective_rank,omitzero"` // exp of the entropy of the centred matrix's singular values
	RankMe             Number `json:"rankme,omitzero"`         // the same uncentred
	ParticipationRatio Number `json:"participation_ratio,omitzero"`
	TopShare           Number `json:"top_share,omitzero"`       // of the variance in one direction; of assignments, of the images in one cluster
	StdRaw             Number `json:"std_raw,omitzero"`         // of the rows as they are, the mean over dimensions
	CorrelationOff     Number `json:"correlation_off,omitzero"` // the mean absolute correlation of two dimensions
	Dims               int    `json:"dims,omitempty"`           // columns
	Rows               int    `json:"rows,omitempty"`           // rows that were measured
	Alignment          Number `json:"alignment,omitzero"`
	Uniformity         Number `json:"uniformity,omitzero"`

	// eval of assignments: how the rows are assigned to the method's prototypes or outputs; Dims is how many there are
	Perplexity  Number `json:"perplexity,omitzero"`         // how many are in use, as it were: 1 to Dims
	Information Number `json:"mutual_information,omitzero"` // of image and cluster, in nats; 0 when collapsed either way
	Individual  Number `json:"individual_entropy,omitzero"` // the mean entropy of a row, in nats
	Used        int    `json:"used,omitempty"`              // clusters that are the first choice of some row

	// eval of predictions, with probe.detail: how a predictor that is one square matrix W lies to F = E[zzᵀ] of its inputs
	Commutator   Number `json:"commutator,omitzero"`           // ‖FW - WF‖/(‖F‖‖W‖), 0 to √2: 0 when they share their eigenvectors
	EigenCosine  Number `json:"eigenvector_cosine,omitzero"`   // of u and W u, the mean over the ten first eigenvectors u of F: 1 when they are W's
	SpectrumRank Number `json:"spectrum_correlation,omitzero"` // Spearman's, of uᵀW u with the square roots of F's eigenvalues

	// eval, with probe.detail
	Spectrum      []float64    `json:"spectrum,omitempty"`  // singular values of the centred rows, largest first
	Points        [][2]float64 `json:"points,omitempty"`    // some rows, scaled to length 1, in the two directions of their largest spread
	Labels        []int        `json:"labels,omitempty"`    // of the points, -1 is unknown
	GradientRatio Number       `json:"grad_ratio,omitzero"` // of -cos(p, z'), p predicted from the other view's z: the norm of the gradient by z', which a stop-gradient takes away, over that by z
	LiDAR         Number       `json:"lidar,omitzero"`      // rank of the directions that tell images apart better than views do: of two views an image, where the paper has 50

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

// Number is a measured value that may be absent; the zero Number is. One that is NaN or infinite is null in the JSON, and an
// alarm beside it names the term.
type Number = number.Number

// Num is the Number with value v, which is known even when it is not finite: a loss that is NaN was measured.
func Num(v float64) Number { return number.Num(v) }

// Metrics lists the event's numbers that are known, under the names of the JSON; terms are "terms/NAME", gradients
// "gradients/PART".
func (e *Event) Metrics() map[string]float64 {
	all := map[string]Number{
		"loss": e.Loss, "rate": e.Rate, "images_per_second": e.ImagesPerSecond, "data_wait": e.DataWait,
		"knn": e.KNN, "linear": e.Linear, "support": e.Support, "std": e.Std, "mean_cosine": e.MeanCosine, "effective_rank": e.EffectiveRank,
		"rankme": e.RankMe, "participation_ratio": e.ParticipationRatio, "alignment": e.Alignment, "uniformity": e.Uniformity,
		"top_share": e.TopShare, "std_raw": e.StdRaw, "correlation_off": e.CorrelationOff, "perplexity": e.Perplexity, "mutual_information": e.Information,
		"individual_entropy": e.Individual, "commutator": e.Commutator, "eigenvector_cosine": e.EigenCosine, "spectrum_correlation": e.SpectrumRank,
		"lidar": e.LiDAR, "grad_ratio": e.GradientRatio,
	}
	for name, v := range e.Terms {
		all["terms/"+name] = v
	}
	for part, v := range e.Gradients {
		all["gradients/"+part] = v
	}
	m := map[string]float64{}
	for name, v := range all {
		if v.Known {
			m[name] = v.Value
		}
	}
	return m
}
