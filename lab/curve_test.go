// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/run"
)

// logged is a step's event.
func logged(step int, loss, term float64) run.Event {
	return run.Event{Event: run.StepEnd, Step: step, Metrics: map[string]run.Number{run.Loss: run.Num(loss)},
		Terms: map[string]run.Number{"entropy": run.Num(term)}}
}

func TestCurvesBetweenEvaluations(t *testing.T) {
	trace := &Trace{Curves: map[Metric][]XY{Purity: {{20, 0.5}}}}
	evaluate := func(step int) {
		trace.Events = append(trace.Events,
			run.Event{Event: run.Eval, Step: step, Probe: "p", Of: run.OfBackbone, Dims: 8,
				Metrics: map[string]run.Number{run.EffectiveRank: run.Num(2), run.KNN: run.Num(0.3)}},
			run.Event{Event: run.Eval, Step: step, Probe: "p", Of: run.OfEmbedding,
				Metrics: map[string]run.Number{run.Alignment: run.Num(0.5), run.KNN: run.Num(0.2)}},
			run.Event{Event: run.Eval, Step: step, Probe: "other", Of: run.OfBackbone,
				Metrics: map[string]run.Number{run.KNN: run.Num(0.9)}})
	}
	evaluate(0)
	for i := 1; i <= 20; i++ {
		// A trend of 1 a step and an alternating noise of ±0.1: the differences are 1 ± 0.2.
		trace.Events = append(trace.Events, logged(i, float64(i)+0.1*float64(1-2*(i%2)), float64(i)))
		if i == 5 {
			evaluate(i)
		}
	}
	evaluate(20)
	for _, c := range []struct {
		m    Metric
		want []XY
	}{
		{"terms.entropy", []XY{{5, 3}, {20, 13}}},
		{"terms.absent", nil},
		{Purity, []XY{{20, 0.5}}},
		{KNN, []XY{{0, 0.3}, {5, 0.3}, {20, 0.3}}},
		{EmbeddingKNN, []XY{{0, 0.2}, {5, 0.2}, {20, 0.2}}},
		{PositiveCosine, []XY{{0, 0.75}, {5, 0.75}, {20, 0.75}}},
		{RankShare, []XY{{0, 0.25}, {5, 0.25}, {20, 0.25}}},
	} {
		if got := trace.Curve(c.m); !slices.Equal(got, c.want) {
			t.Errorf("%s is %v, want %v", c.m, got, c.want)
		}
	}
	// From step 6 on there are 15 values and 14 differences, with a deviation of 0.2·√(14/13). Before step 5 there are
	// too few.
	got := trace.Curve(LossNoise)
	if len(got) != 1 || got[0].X != 20 || math.Abs(got[0].Y-0.2*math.Sqrt(14./13)/math.Sqrt2) > 1e-9 {
		t.Errorf("%s is %v", LossNoise, got)
	}
}

// Three directions of equal variance among four, and one that has nearly none.
func TestNumbersOfASpectrum(t *testing.T) {
	trace := &Trace{Events: []run.Event{
		{Event: run.Eval, Of: run.OfBackbone, Dims: 4, Spectrum: []float64{3, 3, 3, 2e-3}},
		{Event: run.Eval, Of: run.OfEmbedding, Dims: 4, Spectrum: []float64{3, 3, 3, 2e-3},
			Metrics: map[string]run.Number{run.Alignment: run.Num(0.5), run.Uniformity: run.Num(-3)}},
		{Event: run.Eval, Of: run.OfEmbedding, Dims: 2, Step: 100, Spectrum: []float64{0, 0}},
	}}
	for m, want := range map[Metric]float64{ExplainedArea: (1.0/3 + 2.0/3 + 1 + 1) / 4, Vanished: 1,
		AlignmentUniformity: -2.5} {
		c := trace.Curve(m)
		if len(c) != 1 || math.Abs(c[0].Y-want) > 1e-6 {
			t.Errorf("%s is %v, want %v once", m, c, want)
		}
	}
}
