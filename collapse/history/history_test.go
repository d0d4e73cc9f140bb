// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/run"
)

func eval(step int, probe, of string, cosine float64) run.Event {
	return run.Event{Event: run.Eval, Step: step, Probe: probe, Of: of,
		Metrics: map[string]run.Number{run.MeanCosine: run.Num(cosine)}, Dims: 8, Rows: 100}
}

func loss(step int, v float64) run.Event {
	return run.Event{Event: run.StepEnd, Step: step, Metrics: map[string]run.Number{run.Loss: run.Num(v)}}
}

// events are those of a run with two probes and a guard.
func events() []run.Event {
	h := eval(0, "photos", run.OfBackbone, 0.5)
	h.Set(run.KNN, run.Num(0.3))
	clusters := eval(2, run.GuardProbe, run.OfAssignments, 0)
	clusters.Used = 3
	clusters.Set(run.Information, run.Num(1))
	clusters.Set(run.Individual, run.Num(0.5))
	return []run.Event{
		{Event: run.Start, Steps: 10, Warm: true, FewDirections: true,
			Constant: &collapse.ConstantLoss{Value: run.Num(-1), Minimum: true}},
		h, eval(0, "photos", run.OfEmbedding, 0.1), eval(0, "others", run.OfEmbedding, 0.2),
		eval(0, run.GuardProbe, run.OfEmbedding, 0.3),
		loss(1, -0.1), loss(2, -0.3),
		eval(2, run.GuardProbe, run.OfEmbedding, 0.4), clusters,
		loss(3, -0.5), loss(4, -0.7),
		eval(4, "photos", run.OfEmbedding, 0.5), eval(4, "photos", run.OfPrediction, 0.9),
		eval(4, run.GuardProbe, run.OfEmbedding, 0.6),
	}
}

// reading holds what a test compares.
type reading struct {
	Step         int
	Loss, Cosine float64
	KNN          float64
	Used         int
}

func readings(r collapse.Run) (all []reading) {
	for _, h := range r.History {
		one := reading{Step: h.Step, Loss: h.Loss.Value, KNN: h.KNN.Value}
		if h.Embedding != nil {
			one.Cosine = h.Embedding.MeanCosine
		}
		if h.Assignments != nil {
			one.Used = h.Assignments.Used
		}
		all = append(all, one)
	}
	return all
}

func TestBuilder(t *testing.T) {
	for name, c := range map[string]struct {
		sample bool
		more   []run.Event
		want   []reading
		steps  int
	}{
		"the first probe": {false, nil, []reading{{0, -0.1, 0.1, 0.3, 0}, {4, -0.4, 0.5, 0, 0}}, 10},
		"the sample":      {true, nil, []reading{{0, -0.1, 0.3, 0, 0}, {2, -0.2, 0.4, 0, 3}, {4, -0.6, 0.6, 0, 0}}, 10},
		"longer": {false, []run.Event{{Event: run.Resumed, Step: 4, Steps: 20}},
			[]reading{{0, -0.1, 0.1, 0.3, 0}, {4, -0.4, 0.5, 0, 0}}, 20},
		"back": {true, []run.Event{
			{Event: run.Rewound, Step: 2, From: 4}, loss(3, -0.2), eval(3, run.GuardProbe, run.OfEmbedding, 0.2)},
			[]reading{{0, -0.1, 0.3, 0, 0}, {2, -0.2, 0.4, 0, 3}, {3, -0.2, 0.2, 0, 0}}, 10},
		"back to the start": {true, append([]run.Event{{Event: run.Rewound, From: 4}}, events()[:5]...),
			[]reading{{0, 0, 0.3, 0, 0}}, 10},
	} {
		b := history.Builder{Sample: c.sample}
		for _, e := range append(events(), c.more...) {
			b.Add(e)
		}
		got := readings(b.Run)
		for i := range got {
			got[i].Loss = float64(int(got[i].Loss*1000-0.5)) / 1000
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if b.Run.Steps != c.steps || !b.Run.Warm || !b.Run.FewDirections || !b.Run.Constant.Minimum {
			t.Errorf("%s: %d steps, warm %v, constant loss %+v", name, b.Run.Steps, b.Run.Warm, b.Run.Constant)
		}
	}
}

// A run's log has the evaluation of step 0 after the line of step 1, that of an earlier version before it. Both give
// the same history, also when the guard measures after step 1.
func TestUntrainedNetworkMeasuredAfterTheFirstStep(t *testing.T) {
	all := events()
	start, untrained, step, rest := all[:1], all[1:5], all[5:6], all[6:]
	for _, sample := range []bool{false, true} {
		for _, more := range [][]run.Event{nil, {eval(1, run.GuardProbe, run.OfEmbedding, 0.35)}} {
			before, after := history.Builder{Sample: sample}, history.Builder{Sample: sample}
			for _, e := range slices.Concat(start, untrained, step, more, rest) {
				before.Add(e)
			}
			for _, e := range slices.Concat(start, step, untrained, more, rest) {
				after.Add(e)
			}
			if diff := cmp.Diff(readings(before.Run), readings(after.Run)); diff != "" {
				t.Errorf("sample %v, %d more: %s", sample, len(more), diff)
			}
		}
	}
}
