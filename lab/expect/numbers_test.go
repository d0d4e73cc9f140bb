// SPDX-License-Identifier: Apache-2.0

package expect_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/run"
)

func TestExpectationsOfNumbers(t *testing.T) {
	at := func(knn, z float64) *lab.Trace {
		return &lab.Trace{Curves: map[lab.Metric][]lab.XY{lab.KNN: {{X: 10, Y: knn}},
			lab.EmbeddingKNN: {{X: 10, Y: z}}}}
	}
	s := lab.Sample{Traces: map[string]*lab.Trace{"a": at(0.5, 0.4), "b": at(0.3, 0.4), "c": at(0.5, 0.5),
		"d": at(0.45, 0.5)}}
	for _, c := range []struct {
		x    lab.Expectation
		want lab.Outcome
	}{
		{expect.Above(lab.KNN, "a", 0.4), lab.Agrees}, {expect.Above(lab.KNN, "b", 0.4), lab.Opposes},
		{expect.Above(lab.Std, "a", 0), lab.Unclear},
		{expect.Below(lab.KNN, "a", 0.4), lab.Opposes}, {expect.Below(lab.KNN, "b", 0.4), lab.Agrees},
		{expect.Below(lab.KNN, "none", 0.4), lab.Unclear},
		{expect.Exceeds(lab.KNN, lab.EmbeddingKNN, "a", 0), lab.Agrees},
		{expect.Exceeds(lab.KNN, lab.EmbeddingKNN, "b", 0.05), lab.Opposes},
		{expect.Exceeds(lab.KNN, lab.EmbeddingKNN, "c", 0), lab.Unclear},
		{expect.Exceeds(lab.KNN, lab.EmbeddingKNN, "a", 0.2), lab.Unclear},
		{expect.Loses(lab.KNN, expect.Step{From: "a", To: "b"}, expect.Step{From: "c", To: "d"}), lab.Agrees},
		{expect.Loses(lab.KNN, expect.Step{From: "c", To: "d"}, expect.Step{From: "a", To: "b"}), lab.Opposes},
		{expect.Loses(lab.Std, expect.Step{From: "a", To: "b"}, expect.Step{From: "c", To: "d"}), lab.Unclear},
	} {
		if got := c.x.Judge(lab.Experiment{}, s); got != c.want {
			t.Errorf("%s: %v, want %v", c.x.Text, got, c.want)
		}
	}
}

func TestClustersThatWereNotMeasuredDecideNothing(t *testing.T) {
	e := lab.Experiment{Arms: []lab.Arm{{Name: "control", Method: "swav"}, {Name: "arm", Method: "swav"}}}
	s := lab.Sample{Traces: map[string]*lab.Trace{"control": wellRun(0.1), "arm": wellRun(0.1)}}
	if got := expect.Collapses("arm", collapse.OneCluster).Judge(e, s); got != lab.Unclear {
		t.Errorf("without assignments one cluster is %v, want unclear", got)
	}
	if got := expect.Collapses("arm").Judge(e, s); got != lab.Opposes {
		t.Errorf("a healthy embedding is %v, want opposes", got)
	}
}

// wellRun returns a run whose embedding stays spread out, with this mean cosine.
func wellRun(cosine float64) *lab.Trace {
	var b history.Builder
	b.Add(run.Event{Event: run.Start, Steps: 200})
	for step := 0; step <= 200; step += 50 {
		b.Add(run.Event{Event: run.Eval, Step: step, Probe: "p", Of: run.OfEmbedding, Dims: 64, Rows: 2000,
			Metrics: map[string]run.Number{run.MeanCosine: run.Num(cosine), run.Std: run.Num(0.9),
				run.StdRaw: run.Num(1), run.EffectiveRank: run.Num(40), run.RankMe: run.Num(40),
				run.ParticipationRatio: run.Num(10), run.TopShare: run.Num(0.2)}})
	}
	return &lab.Trace{Run: b.Run}
}
