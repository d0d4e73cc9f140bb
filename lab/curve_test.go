// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/run"
)

// logged is a step's event.
func logged(step int, loss, term float64) run.Event {
	return run.Event{Event: run.StepEnd, Step: step, Loss: run.Num(loss), Terms: map[string]run.Number{"entropy": run.Num(term)}}
}

func TestCurvesBetweenEvaluations(t *testing.T) {
	trace := &Trace{Curves: map[Metric][]XY{Purity: {{20, 0.5}}}}
	evaluate := func(step int) {
		trace.Events = append(trace.Events,
			run.Event{Event: run.Eval, Step: step, Probe: "p", Of: run.OfBackbone, Dims: 8, EffectiveRank: run.Num(2), KNN: run.Num(0.3)},
			run.Event{Event: run.Eval, Step: step, Probe: "p", Of: run.OfEmbedding, Alignment: run.Num(0.5), KNN: run.Num(0.2)},
			run.Event{Event: run.Eval, Step: step, Probe: "other", Of: run.OfBackbone, KNN: run.Num(0.9)})
	}
	evaluate(0)
	for i := 1; i <= 20; i++ {
		// A trend of 1 a step, and a noise of ±0.1 in turn: differences of 1 ± 0.2.
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
	// 15 values from step 6 on, 14 differences, whose deviation is 0.2·√(14/13); before step 5 they are too few.
	got := trace.Curve(LossNoise)
	if len(got) != 1 || got[0].X != 20 || math.Abs(got[0].Y-0.2*math.Sqrt(14./13)/math.Sqrt2) > 1e-9 {
		t.Errorf("%s is %v", LossNoise, got)
	}
}

func TestExpectationsOfNumbers(t *testing.T) {
	at := func(knn, z float64) *Trace {
		return &Trace{Curves: map[Metric][]XY{KNN: {{10, knn}}, EmbeddingKNN: {{10, z}}}}
	}
	s := Sample{Traces: map[string]*Trace{"a": at(0.5, 0.4), "b": at(0.3, 0.4), "c": at(0.5, 0.5), "d": at(0.45, 0.5)}}
	for _, c := range []struct {
		x    Expectation
		want Outcome
	}{
		{above(KNN, "a", 0.4), Agrees}, {above(KNN, "b", 0.4), Opposes}, {above(Std, "a", 0), Unclear},
		{below(KNN, "a", 0.4), Opposes}, {below(KNN, "b", 0.4), Agrees}, {below(KNN, "none", 0.4), Unclear},
		{exceeds(KNN, EmbeddingKNN, "a", 0), Agrees}, {exceeds(KNN, EmbeddingKNN, "b", 0.05), Opposes},
		{exceeds(KNN, EmbeddingKNN, "c", 0), Unclear}, {exceeds(KNN, EmbeddingKNN, "a", 0.2), Unclear},
		{loses(KNN, step{"a", "b"}, step{"c", "d"}), Agrees}, {loses(KNN, step{"c", "d"}, step{"a", "b"}), Opposes},
		{loses(Std, step{"a", "b"}, step{"c", "d"}), Unclear},
	} {
		if got := c.x.Judge(Experiment{}, s); got != c.want {
			t.Errorf("%s: %v, want %v", c.x.Text, got, c.want)
		}
	}
}

func TestClustersThatWereNotMeasuredDecideNothing(t *testing.T) {
	e := Experiment{Arms: []Arm{{Name: "control", Method: "swav"}, {Name: "arm", Method: "swav"}}}
	s := Sample{Traces: map[string]*Trace{"control": wellRun(0.1), "arm": wellRun(0.1)}}
	if got := collapses("arm", collapse.OneCluster).Judge(e, s); got != Unclear {
		t.Errorf("without assignments one cluster is %v, want unclear", got)
	}
	if got := collapses("arm").Judge(e, s); got != Opposes {
		t.Errorf("a healthy embedding is %v, want opposes", got)
	}
}

// wellRun is a run whose embedding stays spread out, of that mean cosine.
func wellRun(cosine float64) *Trace {
	var b history.Builder
	b.Add(run.Event{Event: run.Start, Steps: 200})
	for step := 0; step <= 200; step += 50 {
		b.Add(run.Event{Event: run.Eval, Step: step, Probe: "p", Of: run.OfEmbedding, Dims: 64, Rows: 2000, MeanCosine: run.Num(cosine), Std: run.Num(0.9),
			StdRaw: run.Num(1), EffectiveRank: run.Num(40), RankMe: run.Num(40), ParticipationRatio: run.Num(10), TopShare: run.Num(0.2)})
	}
	return &Trace{Run: b.Run}
}

func TestReportOfAClustering(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	j := Job{Arm: Arm{Method: "scan", Set: []string{"clustering.method.entropy_weight=0"}}, Seed: 3}
	if j.finished(dir) || j.resume(dir) != nil {
		t.Error("an empty folder is finished, or begun")
	}
	write("cluster.json", "{}")
	if got := strings.Join(j.resume(dir), " "); got != "cluster --resume "+dir {
		t.Errorf("it goes on with %q", got)
	}
	write("clustering/metrics.jsonl", `{"event":"start","step":0,"steps":40}`+"\n"+`{"event":"end","step":40,"reason":"finished"}`+"\n")
	write("report.json", `{"event":"clusters","images":8,"classes":4,"purity":{"5":0.5,"20":0.4},"before":{"knn":0.3},
		"stages":[{"stage":"clustering","sizes":[4,4,0,0],"acc":0.6,"knn":0.35},{"stage":"selflabel","sizes":[8,0,0,0],"acc":0.1}]}`)
	if !j.finished(dir) {
		t.Error("with its report it is not finished")
	}
	trace, err := j.trace(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !trace.Run.Warm {
		t.Error("the clustering stage begins with trained weights")
	}
	for m, want := range map[Metric]float64{Purity: 0.4, KNNBefore: 0.3, KNNAfter: 0.35, Matched: 0.6, LargestShare: 0.5, ClustersUsed: 2} {
		if got := trace.Last(m); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", m, got, want)
		}
	}
	p := Plan{Data: "images", Steps: 200}
	if got, want := strings.Join(p.Args(j, "out"), " "), "cluster --data images --classes 10 --method simclr --preset lab --seed 3 --max-steps 200 --threads 1 --out out --set clustering.method.entropy_weight=0"; got != want {
		t.Errorf("command\n%s\nwant\n%s", got, want)
	}
	p.Classes = 7
	if !slices.Contains(p.Args(j, "out"), "7") {
		t.Error("the number of clusters is not that of the classes")
	}
}

func TestPlanKnowsWhatItsDataAllow(t *testing.T) {
	all := All
	defer func() { All = all }()
	All = []Experiment{{ID: "A-1", NeedsLabels: true}, {ID: "A-2"}}
	for classes, want := range map[int]bool{0: true, 10: false} {
		p := Plan{Experiments: []string{"A-1", "A-2"}, Classes: classes}
		got, err := p.experiments()
		if err != nil {
			t.Fatal(err)
		}
		if (got[0].Untestable != "") != want || got[1].Untestable != "" {
			t.Errorf("with %d classes: %q, %q", classes, got[0].Untestable, got[1].Untestable)
		}
	}
	labelled := Plan{Data: "synthetic"}
	if err := labelled.Look(); err != nil || labelled.Classes < 2 {
		t.Errorf("synthetic images have %d classes, error %v", labelled.Classes, err)
	}
	without := Plan{Data: "synthetic", Set: []string{"data.labels=none"}}
	if err := without.Look(); err != nil || without.Classes != 0 {
		t.Errorf("without labels there are %d classes, error %v", without.Classes, err)
	}
	if err := (&Plan{Data: filepath.Join(t.TempDir(), "no such folder")}).Look(); err == nil {
		t.Error("data that are not there are no error")
	}
}

// Three directions of equal variance among four, and one that has nearly none.
func TestNumbersOfASpectrum(t *testing.T) {
	trace := &Trace{Events: []run.Event{
		{Event: run.Eval, Of: run.OfBackbone, Dims: 4, Spectrum: []float64{3, 3, 3, 2e-3}},
		{Event: run.Eval, Of: run.OfEmbedding, Dims: 4, Spectrum: []float64{3, 3, 3, 2e-3}, Alignment: run.Num(0.5), Uniformity: run.Num(-3)},
		{Event: run.Eval, Of: run.OfEmbedding, Dims: 2, Step: 100, Spectrum: []float64{0, 0}},
	}}
	for m, want := range map[Metric]float64{ExplainedArea: (1.0/3 + 2.0/3 + 1 + 1) / 4, Vanished: 1, AlignmentUniformity: -2.5} {
		c := trace.Curve(m)
		if len(c) != 1 || math.Abs(c[0].Y-want) > 1e-6 {
			t.Errorf("%s is %v, want %v once", m, c, want)
		}
	}
}
