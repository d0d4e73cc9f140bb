// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/internal/labtest"
	"github.com/parallax-ssl/parallax/run"
)

func TestVerdicts(t *testing.T) {
	ill := [2]labtest.Ending{labtest.Complete, labtest.Complete}
	good, bad := [2]labtest.Ending{labtest.Healthy, labtest.Complete}, [2]labtest.Ending{labtest.Healthy, labtest.Healthy}
	nothing := labtest.Collapsing
	nothing.Expect = []lab.Expectation{expect.Survives("other")}
	closed := lab.Experiment{Closed: func(uint64) (lab.Sample, error) { return lab.Sample{}, nil },
		Expect: []lab.Expectation{expect.Holds("x.error", 0, 0.1)}}
	value := func(v float64) []lab.Sample {
		return []lab.Sample{{Values: map[lab.Metric]float64{"x.error": v}}, {Values: map[lab.Metric]float64{"x.error": v}}}
	}
	for _, c := range []struct {
		name        string
		of          lab.Experiment
		short, long []lab.Sample
		want        lab.Verdict
		why         string
		preliminary bool
	}{
		{"all agree", labtest.Collapsing, labtest.Seeds(5, labtest.Complete), nil, lab.Confirmed, "5 of 5", false},
		{"one of five opposes", labtest.Collapsing, labtest.Together(labtest.Seeds(4, labtest.Flat),
			labtest.Seeds(1, labtest.Healthy)), nil, lab.Confirmed, "4 of 5", false},
		{"two of five oppose", labtest.Collapsing, labtest.Together(labtest.Seeds(3, labtest.Complete),
			labtest.Seeds(2, labtest.Healthy)), nil, lab.Inconclusive, "3 agree, 2 oppose, 0 say neither", false},
		{"one of three opposes", labtest.Collapsing, labtest.Together(labtest.Seeds(2, labtest.Complete),
			labtest.Seeds(1, labtest.Healthy)), nil, lab.Inconclusive, "do not decide", true},
		{"three agree", labtest.Collapsing, labtest.Seeds(3, labtest.Complete), nil, lab.Confirmed, "3 of 3", true},
		{"one seed", labtest.Collapsing, labtest.Seeds(1, labtest.Complete), nil, lab.Inconclusive, "1 seed", true},
		{"no seed", labtest.Collapsing, nil, nil, lab.Inconclusive, "0 seed", true},
		{"the opposite at one length", labtest.Collapsing, labtest.Seeds(5, labtest.Healthy), nil, lab.NotReproduced,
			"at this length", false},
		{"the opposite at two lengths", labtest.Collapsing, labtest.Seeds(5, labtest.Healthy),
			labtest.Seeds(5, labtest.Healthy), lab.Refuted, "5 times as long", false},
		{"the opposite at two lengths, four of five", labtest.Collapsing,
			labtest.Together(labtest.Seeds(1, labtest.Flat), labtest.Seeds(4, labtest.Healthy)),
			labtest.Together(labtest.Seeds(1, labtest.Flat), labtest.Seeds(4, labtest.Healthy)), lab.Refuted, "4 of 5", false},
		{"only slower", labtest.Collapsing, labtest.Seeds(5, labtest.Healthy), labtest.Seeds(5, labtest.Complete),
			lab.Inconclusive, "only 0 of 5", false},
		{"one long seed", labtest.Collapsing, labtest.Seeds(5, labtest.Healthy), labtest.Seeds(1, labtest.Healthy),
			lab.NotReproduced, "at this length", false},
		{"long runs whose control failed", labtest.Collapsing, labtest.Seeds(5, labtest.Healthy),
			labtest.Sampled(ill, ill, ill, ill, ill), lab.Inconclusive, "only 0 of 5", false},
		{"unclear, and decided later", labtest.Collapsing, labtest.Together(labtest.Seeds(3, labtest.Point),
			labtest.Seeds(2, labtest.Complete)), labtest.Seeds(5, labtest.Complete), lab.Confirmed,
			"3 of 5 seeds say neither at this length; trained 5 times as long, 5 of 5 agree", false},
		{"unclear, and opposed later", labtest.Collapsing, labtest.Seeds(5, labtest.Point), labtest.Seeds(5, labtest.Healthy),
			lab.NotReproduced, "5 of 5 show the opposite", false},
		{"unclear at both lengths", labtest.Collapsing, labtest.Seeds(5, labtest.Point), labtest.Seeds(5, labtest.Point),
			lab.Inconclusive, "0 agree, 0 oppose, 5 say neither", false},
		{"unclear, and two long seeds", labtest.Collapsing, labtest.Seeds(5, labtest.Point),
			labtest.Seeds(2, labtest.Complete), lab.Confirmed, "2 of 2 agree", true},
		{"opposed too often to be unclear", labtest.Collapsing, labtest.Together(labtest.Seeds(3, labtest.Point),
			labtest.Seeds(2, labtest.Healthy)), labtest.Seeds(5, labtest.Complete), lab.Inconclusive,
			"0 agree, 2 oppose, 3 say neither", false},
		{"a failed control", labtest.Collapsing, labtest.Sampled(ill, ill, good, good, good), nil, lab.Inconclusive,
			"control itself failed in 2 of 5", false},
		{"one failed control", labtest.Collapsing, labtest.Sampled(ill, good, good, good, good), nil, lab.Confirmed, "4 of 5",
			false},
		{"one failed control, and one that opposes", labtest.Collapsing, labtest.Sampled(ill, bad, good, good, good), nil,
			lab.Inconclusive, "3 agree, 1 oppose, 1 say neither", false},
		{"a control that began as one point", nothing, labtest.Sampled([2]labtest.Ending{labtest.Point, labtest.Healthy},
			[2]labtest.Ending{labtest.Point, labtest.Healthy}), nil, lab.Inconclusive, "NOT_EXPANDED", true},
		{"a control without measurements", nothing, labtest.Sampled([2]labtest.Ending{labtest.Unseen, labtest.Healthy},
			[2]labtest.Ending{labtest.Unseen, labtest.Healthy}), nil, lab.Inconclusive, "UNKNOWN", true},
		{"a control that has learnt nothing yet", labtest.Collapsing,
			labtest.Sampled([2]labtest.Ending{labtest.Unlearnt, labtest.Complete},
				[2]labtest.Ending{labtest.Unlearnt, labtest.Complete}), nil, lab.Confirmed, "2 of 2", true},
		{"divergence is no collapse", labtest.Collapsing, labtest.Seeds(5, labtest.Exploded), nil, lab.Inconclusive,
			"5 say neither", false},
		{"nor its absence", nothing, labtest.Seeds(5, labtest.Exploded), nil, lab.Inconclusive, "5 say neither", false},
		{"one point from the start is no collapse", labtest.Collapsing, labtest.Seeds(5, labtest.Point), nil,
			lab.Inconclusive, "5 say neither", false},
		{"nor its absence", nothing, labtest.Seeds(5, labtest.Point), nil, lab.Inconclusive, "5 say neither", false},
		{"not measured", labtest.Collapsing, labtest.Seeds(5, labtest.Unseen), nil, lab.Inconclusive, "5 say neither", false},
		{"nothing happens", nothing, labtest.Seeds(5, labtest.Healthy), nil, lab.Confirmed, "5 of 5", false},
		{"something happens", nothing, labtest.Seeds(5, labtest.Flat), nil, lab.NotReproduced, "5 of 5", false},
		{"untestable", lab.Experiment{Untestable: "it needs a cluster"}, nil, nil, lab.NotTestable, "it needs a cluster",
			false},
		{"closed form", closed, value(0.05), nil, lab.Confirmed, "2 of 2", true},
		{"closed form, wrong", closed, value(0.5), nil, lab.Refuted, "closed form", true},
		{"closed form, not a number", closed, value(math.NaN()), nil, lab.Inconclusive, "2 say neither", true},
	} {
		f := c.of.Judge(c.short, c.long)
		if f.Verdict != c.want || !strings.Contains(f.Why, c.why) || f.Preliminary != c.preliminary {
			t.Errorf("%s: %s, preliminary %v (%s), want %s, %v, %q", c.name, f.Verdict, f.Preliminary, f.Why, c.want,
				c.preliminary, c.why)
		}
		if _, err := json.Marshal(f); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestEffects(t *testing.T) {
	with := func(values ...float64) []lab.Sample { // of knn in the other arm; the control's is 0.70 and 0.72 in turn
		var pairs [][2]labtest.Ending
		for i, v := range values {
			control, other := labtest.Healthy, labtest.Complete
			control.KNN, other.KNN = 0.70+0.02*float64(i%2), v
			pairs = append(pairs, [2]labtest.Ending{control, other})
		}
		return labtest.Sampled(pairs...)
	}
	of := func(effect lab.Effect) lab.Experiment {
		e := labtest.Collapsing
		e.Effect = &effect
		return e
	}
	knn := of(lab.Effect{Metric: lab.KNN, Arm: "control", Of: "other"})
	for _, c := range []struct {
		name   string
		of     lab.Experiment
		short  []lab.Sample
		effect float64
		want   lab.Verdict
	}{
		// Means 0.71 and 0.61, both with a variance of 0.0002: 0.1/√0.0002.
		{"large", knn, with(0.60, 0.62), 0.1 / math.Sqrt(0.0002), lab.Confirmed},
		{"small", knn, with(0.66, 0.68), 0.04 / math.Sqrt(0.0002), lab.Inconclusive},
		{"the wrong way", knn, with(0.80, 0.82), -0.1 / math.Sqrt(0.0002), lab.Inconclusive},
		{"unbounded", of(lab.Effect{Metric: lab.Loss, Arm: "control", Of: "other"}), with(0.6, 0.6), lab.LargestEffect,
			lab.Confirmed},
		{"of the same arm twice", of(lab.Effect{Metric: lab.Loss, Arm: "other", Of: "other"}), with(0.6, 0.6), 0,
			lab.Inconclusive},
		{"not measured", of(lab.Effect{Metric: lab.Uniformity, Arm: "control", Of: "other"}), with(0.6, 0.6), 0,
			lab.Inconclusive},
		{"on a log scale", of(lab.Effect{Metric: lab.EffectiveRank, Arm: "control", Of: "other", LogScale: true}),
			with(0.6, 0.6), lab.LargestEffect, lab.Confirmed},
		{"of two metrics", of(lab.Effect{Metric: lab.KNN, Arm: "control", Of: "control", Than: lab.MeanCosine}),
			with(0.6, 0.6), 0.66 / math.Sqrt(0.0001), lab.Confirmed},
	} {
		f := c.of.Judge(c.short, nil)
		if math.Abs(f.Effect-c.effect) > 1e-6 || f.Verdict != c.want {
			t.Errorf("%s: an effect of %g, %s (%s); want %g, %s", c.name, f.Effect, f.Verdict, f.Why, c.effect, c.want)
		}
		if _, err := json.Marshal(f); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	equal := labtest.Seeds(2, labtest.Complete)
	for _, s := range equal { // all rows equal, so that the rank is 0
		last := &s.Traces["other"].Events[len(s.Traces["other"].Events)-1]
		last.Set(run.EffectiveRank, run.Num(0))
	}
	if f := of(lab.Effect{Metric: lab.EffectiveRank, Arm: "control", Of: "other", LogScale: true}).Judge(equal,
		nil); f.Verdict != lab.Confirmed {
		t.Errorf("a rank of 0 on a log scale: %s (%s)", f.Verdict, f.Why)
	}
}

// A refutation needs the longer runs, and what seeds leave open without opposing; nothing else does.
func TestWhatLongerRunsAreWantedFor(t *testing.T) {
	closed := labtest.Collapsing
	closed.Closed = func(uint64) (lab.Sample, error) { return lab.Sample{}, nil }
	for _, c := range []struct {
		name        string
		of          lab.Experiment
		short, long []lab.Sample
		want        bool
	}{
		{"confirmed", labtest.Collapsing, labtest.Seeds(5, labtest.Complete), nil, false},
		{"opposed", labtest.Collapsing, labtest.Seeds(5, labtest.Healthy), nil, true},
		{"opposed, and trained longer", labtest.Collapsing, labtest.Seeds(5, labtest.Healthy),
			labtest.Seeds(5, labtest.Healthy), false},
		{"unclear", labtest.Collapsing, labtest.Seeds(5, labtest.Point), nil, true},
		{"unclear, and trained longer", labtest.Collapsing, labtest.Seeds(5, labtest.Point), labtest.Seeds(5, labtest.Point),
			false},
		{"unclear and opposed", labtest.Collapsing, labtest.Together(labtest.Seeds(3, labtest.Point),
			labtest.Seeds(2, labtest.Healthy)), nil, false},
		{"one seed", labtest.Collapsing, labtest.Seeds(1, labtest.Point), nil, false},
		{"closed form", closed, labtest.Seeds(5, labtest.Healthy), nil, false},
	} {
		if got := c.of.WantsLonger(c.short, c.long); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
