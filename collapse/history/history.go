// SPDX-License-Identifier: Apache-2.0

// Package history turns the events of a run into readings for [collapse.Diagnose]. The guard does this while a run
// trains, the laboratory after the run has ended; both get the same readings.
package history

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/run"
)

// A Builder collects a run's events. The zero Builder is for a run that has not begun.
type Builder struct {
	Run collapse.Run
	// Sample says that the readings come from the guard's small sample of images instead of a probe. They are more
	// frequent, and cover embeddings and assignments only.
	Sample bool

	probe  string    // the first probe, by which the run is judged
	losses []float64 // since the last reading
}

// Add takes the next event of the run. Only evaluations on one probe count: the first probe, or the guard's sample.
// When the run goes back to an earlier checkpoint, all later readings are dropped. The loss of a reading is the mean of
// the losses logged since the previous reading; at step 0 it is the first logged loss.
func (b *Builder) Add(e run.Event) {
	switch e.Event {
	case run.Start:
		b.Run, b.losses = collapse.Run{Steps: e.Steps, Warm: e.Warm, FewDirections: e.FewDirections}, nil
		if c := e.Constant; c != nil {
			b.Run.Constant = *c
		}
	case run.Resumed, run.Replanned:
		if e.Steps > 0 {
			b.Run.Steps = e.Steps
		}
	case run.Rewound:
		h := b.Run.History
		for len(h) > 0 && h[len(h)-1].Step > e.Step {
			h = h[:len(h)-1]
		}
		b.Run.History, b.losses = h, nil
	case run.StepEnd:
		if !e.Metrics[run.Loss].Known {
			return
		}
		b.losses = append(b.losses, e.Metrics[run.Loss].Value)
		if h := b.Run.History; len(h) > 0 && h[0].Step == 0 && !h[0].Loss.Known {
			h[0].Loss = e.Metrics[run.Loss]
		}
	case run.Alarm:
		if e.Name == run.NonFinite {
			b.reading(e.Step).NonFinite = true
		}
	case run.Eval:
		if b.probe == "" && (e.Probe == run.GuardProbe) == b.Sample {
			b.probe = e.Probe
		}
		if e.Probe == b.probe && e.Of != run.OfPrediction && e.Of != run.OfTarget {
			b.evaluation(e)
		}
	}
}

func (b *Builder) evaluation(e run.Event) {
	r := b.reading(e.Step)
	switch e.Of {
	case run.OfBackbone:
		r.Backbone, r.KNN = metrics(e), e.Metrics[run.KNN]
	case run.OfEmbedding:
		r.Embedding, r.Distinct = metrics(e), e.Distinct
	case run.OfAssignments:
		information, individual := e.Metrics[run.Information].Value, e.Metrics[run.Individual].Value
		r.Assignments = &collapse.Assignments{
			Rows: e.Rows, Clusters: e.Dims, Used: e.Used,
			Perplexity: e.Metrics[run.Perplexity].Value, TopShare: e.Metrics[run.TopShare].Value,
			Information: information, Individual: individual, Marginal: information + individual,
		}
	}
}

// reading returns the reading of a step. It adds one if there is none.
func (b *Builder) reading(step int) *collapse.Reading {
	h := &b.Run.History
	if n := len(*h); n == 0 || (*h)[n-1].Step != step {
		r := collapse.Reading{Step: step}
		switch {
		case len(b.losses) > 0 && step == 0: // measured after the first step, whose loss counts for the next reading
			r.Loss = collapse.Num(b.losses[0])
		case len(b.losses) > 0:
			sum := 0.0
			for _, l := range b.losses {
				sum += l
			}
			r.Loss, b.losses = collapse.Num(sum/float64(len(b.losses))), nil
		case n > 0 && step > 0:
			r.Loss = (*h)[n-1].Loss
		}
		*h = append(*h, r)
	}
	return &(*h)[len(*h)-1]
}

func metrics(e run.Event) *collapse.Metrics {
	return &collapse.Metrics{
		Rows: e.Rows, Dims: e.Dims,
		Std: e.Metrics[run.Std].Value, StdRaw: e.Metrics[run.StdRaw].Value,
		MeanCosine: e.Metrics[run.MeanCosine].Value, CorrelationOff: e.Metrics[run.CorrelationOff].Value,
		EffectiveRank: e.Metrics[run.EffectiveRank].Value, RankMe: e.Metrics[run.RankMe].Value,
		ParticipationRatio: e.Metrics[run.ParticipationRatio].Value, TopShare: e.Metrics[run.TopShare].Value,
	}
}

// Read returns the history of the run in dir, and its events.
func Read(dir string) (collapse.Run, []run.Event, error) {
	f, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		return collapse.Run{}, nil, err
	}
	defer f.Close()
	var b Builder
	var events []run.Event
	for e, err := range run.ReadEvents(f) {
		if err != nil {
			return collapse.Run{}, nil, fmt.Errorf("%s: %w", dir, err)
		}
		b.Add(e)
		events = append(events, e)
	}
	return b.Run, events, nil
}
