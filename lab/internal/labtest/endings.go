// SPDX-License-Identifier: Apache-2.0

// Package labtest fabricates runs for the tests of the laboratory's rules and verdicts.
package labtest

import (
	"math"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/run"
)

// An Ending is the end of a fabricated run. From the start to the end all numbers change linearly.
type Ending struct {
	Loss, Cosine, Rank, Participation, KNN float64
	firstLoss, firstCosine                 float64
	nan                                    bool // nothing was measured
}

// Endings as in short runs.
var (
	Healthy = Ending{Loss: -0.83, Cosine: 0.05, Rank: 38, Participation: 3.2, KNN: 0.74}
	// one point with a high rank
	Complete = Ending{Loss: -0.999, Cosine: 0.99, Rank: 30, Participation: 9, KNN: 0.65}
	// few dimensions with a healthy spread
	Flat    = Ending{Loss: -0.95, Cosine: 0.07, Rank: 6.5, Participation: 1.4, KNN: 0.73}
	Stalled = Ending{Loss: -0.18, Cosine: 0.04, Rank: 43, Participation: 3.3, KNN: 0.73}
	Point   = Ending{Loss: -0.999, Cosine: 0.998, Rank: 40, Participation: 8, KNN: 0.63, firstCosine: 0.94,
		firstLoss: -0.5}
	Exploded = Ending{Loss: math.NaN(), Cosine: 0.1, Rank: 30, Participation: 3, KNN: 0.7}
	Unlearnt = Ending{Loss: -0.8, Cosine: 0.05, Rank: 38, Participation: 3.2, KNN: 0.65}
	Unseen   = Ending{Loss: -0.8, nan: true}
)

// Trace returns a run of that many steps with this ending.
func (e Ending) Trace(steps int) *lab.Trace {
	start := Ending{Loss: e.firstLoss, Cosine: e.firstCosine, Rank: 90, Participation: 12, KNN: 0.65}
	if e.firstCosine == 0 {
		start.Cosine = 0.25
	}
	at := func(share float64, from, to float64) run.Number {
		if e.nan {
			return run.Number{}
		}
		return run.Num(from + share*(to-from))
	}
	t := &lab.Trace{Events: []run.Event{{Event: run.Start, Steps: steps,
		Constant: &collapse.ConstantLoss{Value: run.Num(-1), Minimum: true}}}}
	for i := range 11 {
		step, share := i*steps/10, float64(i)/10
		loss := start.Loss + share*(e.Loss-start.Loss)
		if i > 0 && math.IsNaN(e.Loss) {
			loss = e.Loss
		}
		logged := run.Event{Event: run.StepEnd, Step: max(1, step),
			Metrics: map[string]run.Number{run.Loss: run.Num(loss)}}
		evaluated := []run.Event{
			{Event: run.Eval, Step: step, Probe: "p", Of: run.OfBackbone,
				Metrics: map[string]run.Number{run.KNN: at(share, start.KNN, e.KNN)}},
			{Event: run.Eval, Step: step, Probe: "p", Of: run.OfEmbedding, Rows: 2000, Dims: 128,
				Metrics: map[string]run.Number{run.MeanCosine: at(share, start.Cosine, e.Cosine),
					run.Std: at(share, 0.9, math.Sqrt(1-e.Cosine)), run.EffectiveRank: at(share, start.Rank, e.Rank),
					run.ParticipationRatio: at(share, start.Participation, e.Participation)}},
		}
		if i == 0 { // the untrained network is evaluated before the first loss is logged
			t.Events = append(append(t.Events, evaluated...), logged)
		} else {
			t.Events = append(append(t.Events, logged), evaluated...)
		}
	}
	var b history.Builder
	for _, event := range t.Events {
		b.Add(event)
	}
	t.Run = b.Run
	return t
}

// Sampled returns samples of an experiment with the arms control and other, one for each pair of endings.
func Sampled(pairs ...[2]Ending) []lab.Sample {
	var all []lab.Sample
	for i, p := range pairs {
		all = append(all, lab.Sample{Seed: i + 1, Traces: map[string]*lab.Trace{"control": p[0].Trace(200),
			"other": p[1].Trace(200)}})
	}
	return all
}

// Seeds returns n samples with a healthy control and this ending of the other arm.
func Seeds(n int, other Ending) []lab.Sample {
	var pairs [][2]Ending
	for range n {
		pairs = append(pairs, [2]Ending{Healthy, other})
	}
	return Sampled(pairs...)
}

// Together joins samples.
func Together(parts ...[]lab.Sample) []lab.Sample {
	var all []lab.Sample
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// Collapsing is the claim that the other arm collapses.
var Collapsing = lab.Experiment{
	ID: "X-01", Method: "simsiam", Arms: []lab.Arm{{Name: "control", Method: "simsiam"},
		{Name: "other", Method: "simsiam", Set: []string{"a.b=c"}}},
	Expect: []lab.Expectation{expect.Collapses("other")},
}
