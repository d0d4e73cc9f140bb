// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/run"
)

// What each expectation says of each way to end. The naive verdicts would be wrong in most rows: flat has the spread of a healthy
// embedding, complete has its rank, point began as one, and the accuracy of complete is that of an untrained network.
func TestExpectations(t *testing.T) {
	fixed := healthy
	fixed.loss = -0.5
	short := ending{loss: -0.83, cosine: 0.05, rank: 12, participation: 3.2, knn: 0.74} // of a rank below two fifths of the control's
	barely := unlearnt
	barely.knn = 0.66
	still := point
	still.loss, still.knn = -0.6, 0.8
	for _, c := range []struct {
		name  string
		of    Expectation
		other ending
		want  Outcome
	}{
		{"collapses", collapses("other"), complete, Agrees},
		{"collapses", collapses("other"), flat, Agrees},
		{"collapses", collapses("other"), short, Agrees},
		{"collapses", collapses("other"), healthy, Opposes},
		{"collapses", collapses("other"), stalled, Opposes},
		{"collapses", collapses("other"), unlearnt, Opposes},
		{"collapses", collapses("other"), point, Unclear},
		{"collapses", collapses("other"), exploded, Unclear},
		{"collapses", collapses("other"), unseen, Unclear},
		{"collapses completely", collapses("other", collapse.Complete), complete, Agrees},
		{"collapses completely", collapses("other", collapse.Complete), flat, Unclear},
		{"learns nothing", collapses("other", collapse.Uninformative), unlearnt, Agrees},

		{"survives", survives("other"), healthy, Agrees},
		{"survives", survives("other"), stalled, Agrees},
		{"survives", survives("other"), unlearnt, Agrees},
		{"survives", survives("other"), complete, Opposes},
		{"survives", survives("other"), flat, Opposes},
		{"survives", survives("other"), point, Unclear},
		{"survives", survives("other"), exploded, Unclear},
		{"survives", survives("other"), unseen, Unclear},

		{"survives as one point", survives("other", collapse.Complete), complete, Opposes},
		{"survives as one point", survives("other", collapse.Complete), flat, Agrees},
		{"survives as one point", survives("other", collapse.Complete), point, Unclear},

		{"visible", visible("other"), complete, Agrees},
		{"visible", visible("other"), flat, Agrees},
		{"visible", visible("other"), healthy, Unclear},
		{"visible", visible("other"), point, Unclear},
		{"visible", visible("other"), unseen, Unclear},

		{"fails", fails("other"), complete, Agrees},
		{"fails", fails("other"), flat, Agrees},
		{"fails", fails("other"), unlearnt, Agrees},
		{"fails", fails("other"), barely, Agrees},
		{"fails", fails("other"), point, Agrees}, // no better than untrained, wherever it began
		{"fails", fails("other"), still, Opposes},
		{"fails", fails("other"), healthy, Opposes},
		{"fails", fails("other"), exploded, Unclear},
		{"fails", fails("other"), unseen, Unclear},

		{"stalls", stalls("other", -1), stalled, Agrees},
		{"stalls", stalls("other", -1), fixed, Unclear},
		{"stalls", stalls("other", -1), healthy, Opposes},
		{"stalls", stalls("other", -1), complete, Opposes},
		{"stalls", stalls("other", -1), exploded, Unclear},

		{"solves", solves("other", -1), complete, Agrees},
		{"solves", solves("other", -1), fixed, Opposes},
		{"solves", solves("other", -0.9), healthy, Unclear}, // of the way to -0.9, 8 % are left
		{"solves", solves("other", -1), exploded, Unclear},

		{"gains", gains("other", 0.02), healthy, Agrees},
		{"gains", gains("other", 0.02), unlearnt, Unclear},
		{"gains", gains("other", 0.02), ending{knn: 0.6}, Opposes},
		{"gains", gains("other", 0.02), unseen, Unclear},

		{"rises", rises(KNN, "other", 0.02), healthy, Agrees},
		{"rises", rises(KNN, "other", 0.2), healthy, Unclear},
		{"rises", rises(KNN, "other", 0.02), ending{knn: 0.6}, Opposes},
		{"rises", rises(KNN, "other", 0.02), unseen, Unclear},

		{"more", more(EffectiveRank, "control", "other", 0), flat, Agrees},
		{"more", more(EffectiveRank, "other", "control", 0), flat, Opposes},
		{"more by", more(EffectiveRank, "control", "other", 40), flat, Unclear},
		{"more by", more(EffectiveRank, "other", "control", 20), flat, Opposes},
		{"more", more(EffectiveRank, "control", "other", 0), unseen, Unclear},

		{"no less", noLess(KNN, "other", "control", 0.02), healthy, Agrees},
		{"no less", noLess(KNN, "other", "control", 0.05), complete, Unclear},
		{"no less", noLess(KNN, "other", "control", 0.04), complete, Opposes},
		{"no less", noLess(KNN, "control", "other", 0.04), complete, Agrees},
		{"no less", noLess(KNN, "other", "control", 0.05), unseen, Unclear},

		{"near", near(KNN, "other", "control", 0.05), flat, Agrees},
		{"near", near(KNN, "other", "control", 0.05), complete, Unclear},
		{"near", near(KNN, "other", "control", 0.04), complete, Opposes},
		{"near", near(KNN, "other", "control", 0.05), unseen, Unclear},
	} {
		if got := c.of.Judge(collapsing, sampled([2]ending{healthy, c.other})[0]); got != c.want {
			d := sampled([2]ending{healthy, c.other})[0].Diagnosis(collapsing, "other")
			t.Errorf("%s of %+v is %d, want %d (%s)", c.name, c.other, got, c.want, d.Finding)
		}
		if !strings.Contains(c.of.Text, `"other"`) {
			t.Errorf("the rule %q does not say of which arm it is", c.of.Text)
		}
	}
}

// A loss that stays high says nothing where that of the control does, too.
func TestStallingIsRelativeToTheControl(t *testing.T) {
	if got := stalls("other", -1).Judge(collapsing, sampled([2]ending{stalled, stalled})[0]); got != Unclear {
		t.Errorf("both losses are high, and the outcome is %d", got)
	}
}

func TestClosedForms(t *testing.T) {
	for _, c := range []struct {
		values map[Metric]float64
		want   Outcome
	}{
		{map[Metric]float64{"x.y": 0.1}, Agrees}, {map[Metric]float64{"x.y": 0}, Agrees}, {map[Metric]float64{"x.y": 0.2}, Opposes},
		{map[Metric]float64{"x.y": -1}, Opposes}, {map[Metric]float64{"x.y": math.NaN()}, Unclear}, {nil, Unclear},
	} {
		if got := holds("x.y", 0, 0.1).Judge(Experiment{}, Sample{Values: c.values}); got != c.want {
			t.Errorf("%v is %d, want %d", c.values, got, c.want)
		}
	}
}

// Classes of clusters agree as those of embeddings do, and say nothing where the assignments were not measured.
func TestClustersCollapse(t *testing.T) {
	for _, c := range []struct {
		perplexity float64
		want       Outcome
	}{{1.01, Agrees}, {60, Opposes}, {0, Unclear}} {
		s := sampled([2]ending{healthy, healthy})[0]
		for arm, p := range map[string]float64{"control": 60, "other": c.perplexity} {
			h := s.Traces[arm].Run.History
			for i := range h {
				if p > 0 {
					h[i].Assignments = &collapse.Assignments{Rows: 2000, Clusters: 64, Perplexity: p, Marginal: math.Log(p), Information: math.Log(p) / 2,
						Individual: math.Log(p) / 2, TopShare: 1 / p, Used: int(p)}
				}
			}
		}
		if got := collapses("other", collapse.OneCluster).Judge(collapsing, s); got != c.want {
			t.Errorf("with a perplexity of %g the outcome is %d, want %d", c.perplexity, got, c.want)
		}
	}
}

// An arm is compared with the control of its own method: a rank that is low beside SimSiam's may be SwAV's healthy one.
func TestArmsAreComparedWithinTheirMethod(t *testing.T) {
	e := Experiment{Arms: []Arm{{Name: "control", Method: "simsiam"}, {Name: "its own", Method: "swav"}, {Name: "other", Method: "swav"}}, Expect: []Expectation{survives("other")}}
	low := ending{loss: -0.8, cosine: 0.3, rank: 12, participation: 2.6, knn: 0.74}
	s := Sample{Traces: map[string]*Trace{"control": healthy.trace(200), "its own": low.trace(200), "other": low.trace(200)}}
	for arm, want := range map[string]collapse.Class{"control": collapse.Healthy, "its own": collapse.Healthy, "other": collapse.Healthy} {
		if got := s.Diagnosis(e, arm).Class; got != want {
			t.Errorf("%s is %s, want %s", arm, got, want)
		}
	}
	e.Arms[1].Method, e.Arms[2].Method = "simsiam", "simsiam"
	if got := s.Diagnosis(e, "other").Class; got != collapse.Dimensional {
		t.Errorf("beside a control of its own method it is %s", got)
	}
}

// Arms of other batch sizes see as many images in other numbers of steps: they are compared at the same share of the run.
func TestArmsAreComparedAtTheSameShareOfTheRun(t *testing.T) {
	early := healthy
	early.rank = 20
	s := Sample{Traces: map[string]*Trace{"control": healthy.trace(200), "other": early.trace(50)}}
	// At step 50 the control's rank is still 77, of which 20 is less than two fifths; at its end it is 38.
	if d := s.Diagnosis(collapsing, "other"); d.Class != collapse.Healthy {
		t.Errorf("a quarter of the steps: %s", d.Finding)
	}
	s.Traces["other"] = early.trace(800)
	if d := s.Diagnosis(collapsing, "other"); d.Class != collapse.Healthy {
		t.Errorf("four times the steps: %s", d.Finding)
	}
	if s.Traces["control"].Run.History[1].Step != 20 {
		t.Error("the control's own history was changed")
	}
}

// The identity holds on every seed's random variables, and these differ.
func TestConditionalVariance(t *testing.T) {
	seen := map[float64]bool{}
	var all []Sample
	for seed := range uint64(20) {
		s, err := byo10.Closed(seed)
		if err != nil {
			t.Fatal(err)
		}
		if got := byo10.outcome(s); got != Agrees {
			t.Errorf("seed %d: %v", seed, s.Values)
		}
		seen[s.Values[constantLoss]] = true
		all = append(all, s)
	}
	if len(seen) != len(all) {
		t.Errorf("%d seeds gave %d different numbers", len(all), len(seen))
	}
	if f := byo10.Judge(all[:5], nil); f.Verdict != Confirmed || f.Preliminary {
		t.Errorf("%s: %s", f.Verdict, f.Why)
	}
}

func TestFirstAndLastValues(t *testing.T) {
	trace := healthy.trace(200)
	if first, last := trace.First(KNN), trace.Last(KNN); first != 0.65 || last != 0.74 {
		t.Errorf("knn is %g and %g", first, last)
	}
	if first, last := trace.First(Loss), trace.Last(Loss); first != 0 || last != -0.83 {
		t.Errorf("the loss is %g and %g", first, last)
	}
	late := &Trace{Events: []run.Event{{Event: run.Eval, Step: 10, Probe: "p", Of: run.OfBackbone, KNN: run.Num(0.5)}}}
	if first := late.First(KNN); !math.IsNaN(first) {
		t.Errorf("the first evaluation is of step 10, and gave %g for the untrained network", first)
	}
	if last := (&Trace{}).Last(KNN); !math.IsNaN(last) {
		t.Errorf("an empty run gave %g", last)
	}
}

// Of four arms in the order of their accuracies; the untrained network's is no part of it.
func TestForetelling(t *testing.T) {
	arms := []string{"a", "b", "c", "d"}
	for _, c := range []struct {
		better float64
		ranks  []float64
		want   Outcome
	}{
		{1, []float64{10, 20, 30, 40}, Agrees},
		{1, []float64{40, 30, 20, 10}, Opposes},
		{-1, []float64{40, 30, 20, 10}, Agrees},
		{1, []float64{10, 30, 20, 40}, Agrees},  // 0.8
		{1, []float64{10, 40, 20, 30}, Unclear}, // 0.4
		{1, []float64{30, 40, 10, 20}, Opposes}, // -0.6
		{1, []float64{10, 20, 30, math.NaN()}, Unclear},
		{1, []float64{10, 10, 10, 10}, Unclear},
	} {
		s := Sample{Traces: map[string]*Trace{}}
		for i, arm := range arms {
			s.Traces[arm] = ending{loss: -0.8, cosine: 0.1, rank: c.ranks[i], participation: 3, knn: 0.7 + 0.01*float64(i)}.trace(200)
		}
		if got := foretells(EffectiveRank, c.better, arms...).Judge(Experiment{}, s); got != c.want {
			t.Errorf("ranks %v, %v the better: %d, want %d", c.ranks, c.better, got, c.want)
		}
	}
}

// Of two metrics that order four arms the one whose order is nearer to that by accuracy agrees.
func TestForetellingBetter(t *testing.T) {
	arms := []string{"a", "b", "c", "d"}
	right, near, wrong := []float64{10, 20, 30, 40}, []float64{10, 30, 20, 40}, []float64{40, 30, 20, 10}
	for _, c := range []struct {
		lidar, rankme []float64
		want          Outcome
	}{
		{right, near, Agrees}, {near, wrong, Agrees}, {near, right, Opposes}, {wrong, right, Opposes}, {near, near, Unclear},
		{[]float64{10, 20, 30, math.NaN()}, wrong, Unclear},
	} {
		s := Sample{Traces: map[string]*Trace{}}
		for i, arm := range arms {
			s.Traces[arm] = &Trace{Events: []run.Event{
				{Event: run.Eval, Step: 9, Of: run.OfBackbone, KNN: run.Num(0.7 + 0.01*float64(i))},
				{Event: run.Eval, Step: 9, Of: run.OfEmbedding, LiDAR: run.Num(c.lidar[i]), RankMe: run.Num(c.rankme[i])},
			}}
		}
		if got := foretellsBetter(LiDAR, RankMe, arms...).Judge(Experiment{}, s); got != c.want {
			t.Errorf("%v against %v is %d, want %d", c.lidar, c.rankme, got, c.want)
		}
	}
}
