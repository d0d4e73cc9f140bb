// SPDX-License-Identifier: Apache-2.0

package expect_test

import (
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/internal/labtest"
	"github.com/parallax-ssl/parallax/run"
)

// The outcome of each expectation for each ending. Naive verdicts would be wrong in most rows: flat has the spread of a
// healthy embedding, complete has its rank, point began as one point, and complete has the accuracy of an untrained
// network.
func TestExpectations(t *testing.T) {
	fixed := labtest.Healthy
	fixed.Loss = -0.5
	// a rank below two fifths of the control's
	short := labtest.Ending{Loss: -0.83, Cosine: 0.05, Rank: 12, Participation: 3.2, KNN: 0.74}
	barely := labtest.Unlearnt
	barely.KNN = 0.66
	closing := labtest.Complete
	closing.Cosine = 0.85
	still := labtest.Point
	still.Loss, still.KNN = -0.6, 0.8
	for _, c := range []struct {
		name  string
		of    lab.Expectation
		other labtest.Ending
		want  lab.Outcome
	}{
		{"collapses", expect.Collapses("other"), labtest.Complete, lab.Agrees},
		{"collapses", expect.Collapses("other"), labtest.Flat, lab.Agrees},
		{"collapses", expect.Collapses("other"), short, lab.Agrees},
		{"collapses", expect.Collapses("other"), labtest.Healthy, lab.Opposes},
		{"collapses", expect.Collapses("other"), labtest.Stalled, lab.Unclear},
		{"collapses", expect.Collapses("other"), labtest.Unlearnt, lab.Unclear},
		{"collapses", expect.Collapses("other"), labtest.Point, lab.Unclear},
		{"collapses", expect.Collapses("other"), labtest.Exploded, lab.Unclear},
		{"collapses", expect.Collapses("other"), labtest.Unseen, lab.Unclear},
		{"collapses completely", expect.Collapses("other", collapse.Complete), labtest.Complete, lab.Agrees},
		{"collapses completely", expect.Collapses("other", collapse.Complete), labtest.Flat, lab.Unclear},
		{"learns nothing", expect.Collapses("other", collapse.Uninformative), labtest.Unlearnt, lab.Agrees},

		{"survives", expect.Survives("other"), labtest.Healthy, lab.Agrees},
		{"survives", expect.Survives("other"), labtest.Stalled, lab.Unclear},
		{"survives", expect.Survives("other"), labtest.Unlearnt, lab.Unclear},
		{"survives", expect.Survives("other"), labtest.Complete, lab.Opposes},
		{"survives", expect.Survives("other"), labtest.Flat, lab.Opposes},
		{"survives", expect.Survives("other"), labtest.Point, lab.Unclear},
		{"survives", expect.Survives("other"), labtest.Exploded, lab.Unclear},
		{"survives", expect.Survives("other"), labtest.Unseen, lab.Unclear},

		{"stays spread", expect.StaysSpread("other"), labtest.Healthy, lab.Agrees},
		{"stays spread", expect.StaysSpread("other"), labtest.Stalled, lab.Agrees},
		{"stays spread", expect.StaysSpread("other"), labtest.Unlearnt, lab.Agrees},
		{"stays spread", expect.StaysSpread("other"), labtest.Flat, lab.Opposes},
		{"stays spread", expect.StaysSpread("other"), labtest.Point, lab.Unclear},
		{"stays spread", expect.StaysSpread("other"), labtest.Exploded, lab.Unclear},
		{"stays spread", expect.StaysSpread("other"), labtest.Unseen, lab.Unclear},
		{"is no point", expect.StaysSpread("other", collapse.Complete), labtest.Complete, lab.Opposes},
		{"is no point", expect.StaysSpread("other", collapse.Complete), labtest.Flat, lab.Agrees},
		{"is no point", expect.StaysSpread("other", collapse.Complete), labtest.Point, lab.Unclear},

		{"vanishes", expect.Vanishes(lab.Std, "other"), labtest.Complete, lab.Agrees}, // √0.01
		{"vanishes", expect.Vanishes(lab.Std, "other"), closing, lab.Unclear},         // √0.15: on its way
		{"vanishes", expect.Vanishes(lab.Std, "other"), labtest.Healthy, lab.Opposes},
		{"vanishes", expect.Vanishes(lab.Std, "other"), labtest.Unseen, lab.Unclear},

		{"visible", expect.Visible("other"), labtest.Complete, lab.Agrees},
		{"visible", expect.Visible("other"), labtest.Flat, lab.Agrees},
		{"visible", expect.Visible("other"), labtest.Healthy, lab.Unclear},
		{"visible", expect.Visible("other"), labtest.Point, lab.Unclear},
		{"visible", expect.Visible("other"), labtest.Unseen, lab.Unclear},

		{"fails", expect.Fails("other"), labtest.Complete, lab.Agrees},
		{"fails", expect.Fails("other"), labtest.Flat, lab.Agrees},
		{"fails", expect.Fails("other"), labtest.Unlearnt, lab.Agrees},
		{"fails", expect.Fails("other"), barely, lab.Agrees},
		{"fails", expect.Fails("other"), labtest.Point, lab.Agrees}, // no better than untrained, wherever it began
		{"fails", expect.Fails("other"), still, lab.Opposes},
		{"fails", expect.Fails("other"), labtest.Healthy, lab.Opposes},
		{"fails", expect.Fails("other"), labtest.Exploded, lab.Unclear},
		{"fails", expect.Fails("other"), labtest.Unseen, lab.Unclear},

		{"stalls", expect.Stalls("other", -1), labtest.Stalled, lab.Agrees},
		{"stalls", expect.Stalls("other", -1), fixed, lab.Unclear},
		{"stalls", expect.Stalls("other", -1), labtest.Healthy, lab.Opposes},
		{"stalls", expect.Stalls("other", -1), labtest.Complete, lab.Opposes},
		{"stalls", expect.Stalls("other", -1), labtest.Exploded, lab.Unclear},

		{"solves", expect.Solves("other", -1), labtest.Complete, lab.Agrees},
		{"solves", expect.Solves("other", -1), fixed, lab.Opposes},
		{"solves", expect.Solves("other", -0.9), labtest.Healthy, lab.Unclear}, // of the way to -0.9, 8 % are left
		{"solves", expect.Solves("other", -1), labtest.Exploded, lab.Unclear},

		{"gains", expect.Gains("other", 0.02), labtest.Healthy, lab.Agrees},
		{"gains", expect.Gains("other", 0.02), labtest.Unlearnt, lab.Unclear},
		{"gains", expect.Gains("other", 0.02), labtest.Ending{KNN: 0.6}, lab.Opposes},
		{"gains", expect.Gains("other", 0.02), labtest.Unseen, lab.Unclear},

		{"rises", expect.Rises(lab.KNN, "other", 0.02), labtest.Healthy, lab.Agrees},
		{"rises", expect.Rises(lab.KNN, "other", 0.2), labtest.Healthy, lab.Unclear},
		{"rises", expect.Rises(lab.KNN, "other", 0.02), labtest.Ending{KNN: 0.6}, lab.Opposes},
		{"rises", expect.Rises(lab.KNN, "other", 0.02), labtest.Unseen, lab.Unclear},

		{"more", expect.More(lab.EffectiveRank, "control", "other", 0), labtest.Flat, lab.Agrees},
		{"more", expect.More(lab.EffectiveRank, "other", "control", 0), labtest.Flat, lab.Opposes},
		{"more by", expect.More(lab.EffectiveRank, "control", "other", 40), labtest.Flat, lab.Unclear},
		{"more by", expect.More(lab.EffectiveRank, "other", "control", 20), labtest.Flat, lab.Opposes},
		{"more", expect.More(lab.EffectiveRank, "control", "other", 0), labtest.Unseen, lab.Unclear},

		{"no less", expect.NoLess(lab.KNN, "other", "control", 0.02), labtest.Healthy, lab.Agrees},
		{"no less", expect.NoLess(lab.KNN, "other", "control", 0.05), labtest.Complete, lab.Unclear},
		{"no less", expect.NoLess(lab.KNN, "other", "control", 0.04), labtest.Complete, lab.Opposes},
		{"no less", expect.NoLess(lab.KNN, "control", "other", 0.04), labtest.Complete, lab.Agrees},
		{"no less", expect.NoLess(lab.KNN, "other", "control", 0.05), labtest.Unseen, lab.Unclear},

		{"near", expect.Near(lab.KNN, "other", "control", 0.05), labtest.Flat, lab.Agrees},
		{"near", expect.Near(lab.KNN, "other", "control", 0.05), labtest.Complete, lab.Unclear},
		{"near", expect.Near(lab.KNN, "other", "control", 0.04), labtest.Complete, lab.Opposes},
		{"near", expect.Near(lab.KNN, "other", "control", 0.05), labtest.Unseen, lab.Unclear},
	} {
		if got := c.of.Judge(labtest.Collapsing, labtest.Sampled([2]labtest.Ending{labtest.Healthy,
			c.other})[0]); got != c.want {
			d := labtest.Sampled([2]labtest.Ending{labtest.Healthy, c.other})[0].Diagnosis(labtest.Collapsing, "other")
			t.Errorf("%s of %+v is %d, want %d (%s)", c.name, c.other, got, c.want, d.Finding)
		}
		if !strings.Contains(c.of.Text, `"other"`) {
			t.Errorf("the rule %q does not say of which arm it is", c.of.Text)
		}
	}
}

// A loss that stays high says nothing if the control's does, too.
func TestStallingIsRelativeToTheControl(t *testing.T) {
	if got := expect.Stalls("other", -1).Judge(labtest.Collapsing,
		labtest.Sampled([2]labtest.Ending{labtest.Stalled, labtest.Stalled})[0]); got != lab.Unclear {
		t.Errorf("both losses are high, and the outcome is %d", got)
	}
}

func TestClosedForms(t *testing.T) {
	for _, c := range []struct {
		values map[lab.Metric]float64
		want   lab.Outcome
	}{
		{map[lab.Metric]float64{"x.y": 0.1}, lab.Agrees}, {map[lab.Metric]float64{"x.y": 0}, lab.Agrees},
		{map[lab.Metric]float64{"x.y": 0.2}, lab.Opposes},
		{map[lab.Metric]float64{"x.y": -1}, lab.Opposes}, {map[lab.Metric]float64{"x.y": math.NaN()}, lab.Unclear},
		{nil, lab.Unclear},
	} {
		if got := expect.Holds("x.y", 0, 0.1).Judge(lab.Experiment{}, lab.Sample{Values: c.values}); got != c.want {
			t.Errorf("%v is %d, want %d", c.values, got, c.want)
		}
	}
}

// Classes of clusters agree as those of embeddings do. If the assignments were not measured, they are unclear.
func TestClustersCollapse(t *testing.T) {
	for _, c := range []struct {
		perplexity float64
		want       lab.Outcome
	}{{1.01, lab.Agrees}, {60, lab.Opposes}, {0, lab.Unclear}} {
		s := labtest.Sampled([2]labtest.Ending{labtest.Healthy, labtest.Healthy})[0]
		for arm, p := range map[string]float64{"control": 60, "other": c.perplexity} {
			h := s.Traces[arm].Run.History
			for i := range h {
				if p > 0 {
					h[i].Assignments = &collapse.Assignments{Rows: 2000, Clusters: 64, Perplexity: p,
						Marginal:    math.Log(p),
						Information: math.Log(p) / 2,
						Individual:  math.Log(p) / 2, TopShare: 1 / p, Used: int(p)}
				}
			}
		}
		if got := expect.Collapses("other", collapse.OneCluster).Judge(labtest.Collapsing, s); got != c.want {
			t.Errorf("with a perplexity of %g the outcome is %d, want %d", c.perplexity, got, c.want)
		}
	}
}

// Four arms in the order of their accuracies. The untrained network's accuracy does not count.
func TestForetelling(t *testing.T) {
	arms := []string{"a", "b", "c", "d"}
	for _, c := range []struct {
		better float64
		ranks  []float64
		want   lab.Outcome
	}{
		{1, []float64{10, 20, 30, 40}, lab.Agrees},
		{1, []float64{40, 30, 20, 10}, lab.Opposes},
		{-1, []float64{40, 30, 20, 10}, lab.Agrees},
		{1, []float64{10, 30, 20, 40}, lab.Agrees},  // 0.8
		{1, []float64{10, 40, 20, 30}, lab.Unclear}, // 0.4
		{1, []float64{30, 40, 10, 20}, lab.Opposes}, // -0.6
		{1, []float64{10, 20, 30, math.NaN()}, lab.Unclear},
		{1, []float64{10, 10, 10, 10}, lab.Unclear},
	} {
		s := lab.Sample{Traces: map[string]*lab.Trace{}}
		for i, arm := range arms {
			s.Traces[arm] = labtest.Ending{Loss: -0.8, Cosine: 0.1, Rank: c.ranks[i], Participation: 3,
				KNN: 0.7 + 0.01*float64(i)}.Trace(200)
		}
		if got := expect.Foretells(lab.EffectiveRank, c.better, arms...).Judge(lab.Experiment{}, s); got != c.want {
			t.Errorf("ranks %v, %v the better: %d, want %d", c.ranks, c.better, got, c.want)
		}
	}
}

// Two metrics order four arms. The one whose order is closer to the order by accuracy agrees.
func TestForetellingBetter(t *testing.T) {
	arms := []string{"a", "b", "c", "d"}
	right, near, wrong := []float64{10, 20, 30, 40}, []float64{10, 30, 20, 40}, []float64{40, 30, 20, 10}
	for _, c := range []struct {
		lidar, rankme []float64
		want          lab.Outcome
	}{
		{right, near, lab.Agrees}, {near, wrong, lab.Agrees}, {near, right, lab.Opposes}, {wrong, right, lab.Opposes},
		{near, near, lab.Unclear},
		{[]float64{10, 20, 30, math.NaN()}, wrong, lab.Unclear},
	} {
		s := lab.Sample{Traces: map[string]*lab.Trace{}}
		for i, arm := range arms {
			s.Traces[arm] = &lab.Trace{Events: []run.Event{
				{Event: run.Eval, Step: 9, Of: run.OfBackbone,
					Metrics: map[string]run.Number{run.KNN: run.Num(0.7 + 0.01*float64(i))}},
				{Event: run.Eval, Step: 9, Of: run.OfEmbedding,
					Metrics: map[string]run.Number{run.LiDAR: run.Num(c.lidar[i]), run.RankMe: run.Num(c.rankme[i])}},
			}}
		}
		if got := expect.ForetellsBetter(lab.LiDAR, lab.RankMe, arms...).Judge(lab.Experiment{}, s); got != c.want {
			t.Errorf("%v against %v is %d, want %d", c.lidar, c.rankme, got, c.want)
		}
	}
}
