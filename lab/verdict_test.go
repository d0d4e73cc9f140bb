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

// Short names for the tables below.
type ending = labtest.Ending

var (
	healthy, complete, flat, point = labtest.Healthy, labtest.Complete, labtest.Flat, labtest.Point
	unseen, unlearnt, exploded     = labtest.Unseen, labtest.Unlearnt, labtest.Exploded
	seeds, sampled, together       = labtest.Seeds, labtest.Sampled, labtest.Together
	collapsing                     = labtest.Collapsing
)

func TestVerdicts(t *testing.T) {
	ill := [2]ending{complete, complete}
	good, bad := [2]ending{healthy, complete}, [2]ending{healthy, healthy}
	nothing := collapsing
	nothing.Expect = []lab.Expectation{expect.Survives("other")}
	closed := lab.Experiment{Closed: func(uint64) (lab.Sample, error) { return lab.Sample{}, nil },
		Expect: []lab.Expectation{expect.Holds("x.error", 0, 0.1)}}
	value := func(v float64) []lab.Sample {
		return []lab.Sample{{Values: map[lab.Metric]float64{"x.error": v}},
			{Values: map[lab.Metric]float64{"x.error": v}}}
	}
	for _, c := range []struct {
		name        string
		of          lab.Experiment
		short, long []lab.Sample
		want        lab.Verdict
		why         string
		preliminary bool
	}{
		{"all agree", collapsing, seeds(5, complete), nil, lab.Confirmed, "5 of 5", false},
		{"one of five opposes", collapsing, together(seeds(4, flat), seeds(1, healthy)), nil, lab.Confirmed, "4 of 5",
			false},
		{"two of five oppose", collapsing, together(seeds(3, complete), seeds(2, healthy)), nil, lab.Inconclusive,
			"3 agree, 2 oppose, 0 unclear", false},
		{"one of three opposes", collapsing, together(seeds(2, complete), seeds(1, healthy)), nil, lab.Inconclusive,
			"do not decide", true},
		{"three agree", collapsing, seeds(3, complete), nil, lab.Confirmed, "3 of 3", true},
		{"one seed", collapsing, seeds(1, complete), nil, lab.Inconclusive, "1 complete", true},
		{"no seed", collapsing, nil, nil, lab.Inconclusive, "0 complete", true},
		{"the opposite at one length", collapsing, seeds(5, healthy), nil, lab.NotReproduced, "at this length", false},
		{"the opposite at two lengths", collapsing, seeds(5, healthy), seeds(5, healthy), lab.Refuted,
			"5 times as long", false},
		{"the opposite at two lengths, four of five", collapsing, together(seeds(1, flat), seeds(4, healthy)),
			together(seeds(1, flat), seeds(4, healthy)), lab.Refuted, "4 of 5", false},
		{"only slower", collapsing, seeds(5, healthy), seeds(5, complete), lab.Inconclusive, "only 0 of 5", false},
		{"one long seed", collapsing, seeds(5, healthy), seeds(1, healthy), lab.NotReproduced, "at this length", false},
		{"long runs whose control failed", collapsing, seeds(5, healthy), sampled(ill, ill, ill, ill, ill),
			lab.Inconclusive, "only 0 of 5", false},
		{"unclear, and decided later", collapsing, together(seeds(3, point), seeds(2, complete)), seeds(5, complete),
			lab.Confirmed, "3 of 5 seeds are unclear at this length; trained 5 times as long, 5 of 5 agree", false},
		{"unclear, and opposed later", collapsing, seeds(5, point), seeds(5, healthy), lab.NotReproduced,
			"5 of 5 show the opposite", false},
		{"unclear at both lengths", collapsing, seeds(5, point), seeds(5, point), lab.Inconclusive,
			"0 agree, 0 oppose, 5 unclear", false},
		{"unclear, and two long seeds", collapsing, seeds(5, point), seeds(2, complete), lab.Confirmed, "2 of 2 agree",
			true},
		{"opposed too often to be unclear", collapsing, together(seeds(3, point), seeds(2, healthy)),
			seeds(5, complete), lab.Inconclusive, "0 agree, 2 oppose, 3 unclear", false},
		{"a failed control", collapsing, sampled(ill, ill, good, good, good), nil, lab.Inconclusive,
			"control itself failed in 2 of 5", false},
		{"one failed control", collapsing, sampled(ill, good, good, good, good), nil, lab.Confirmed, "4 of 5", false},
		{"one failed control, and one that opposes", collapsing, sampled(ill, bad, good, good, good), nil,
			lab.Inconclusive, "3 agree, 1 oppose, 1 unclear", false},
		{"a control that began as one point", nothing, sampled([2]ending{point, healthy}, [2]ending{point, healthy}),
			nil, lab.Inconclusive, "NOT_EXPANDED", true},
		{"a control without measurements", nothing, sampled([2]ending{unseen, healthy}, [2]ending{unseen, healthy}),
			nil, lab.Inconclusive, "UNKNOWN", true},
		{"a control that has learnt nothing yet", collapsing,
			sampled([2]ending{unlearnt, complete}, [2]ending{unlearnt, complete}), nil, lab.Inconclusive,
			"UNINFORMATIVE", true},
		{"one control that has learnt nothing yet", collapsing,
			sampled([2]ending{unlearnt, complete}, good, good, good, good), nil, lab.Confirmed, "4 of 5", false},
		{"an arm that has learnt nothing", collapsing, seeds(5, unlearnt), nil, lab.Inconclusive, "5 unclear", false},
		{"divergence is no collapse", collapsing, seeds(5, exploded), nil, lab.Inconclusive, "5 unclear", false},
		{"nor its absence", nothing, seeds(5, exploded), nil, lab.Inconclusive, "5 unclear", false},
		{"one point from the start is no collapse", collapsing, seeds(5, point), nil, lab.Inconclusive, "5 unclear",
			false},
		{"nor its absence", nothing, seeds(5, point), nil, lab.Inconclusive, "5 unclear", false},
		{"not measured", collapsing, seeds(5, unseen), nil, lab.Inconclusive, "5 unclear", false},
		{"nothing happens", nothing, seeds(5, healthy), nil, lab.Confirmed, "5 of 5", false},
		{"something happens", nothing, seeds(5, flat), nil, lab.NotReproduced, "5 of 5", false},
		{"untestable", lab.Experiment{Untestable: "it needs a cluster"}, nil, nil, lab.NotTestable,
			"it needs a cluster", false},
		{"closed form", closed, value(0.05), nil, lab.Confirmed, "2 of 2", true},
		{"closed form, wrong", closed, value(0.5), nil, lab.Refuted, "closed form", true},
		{"closed form, not a number", closed, value(math.NaN()), nil, lab.Inconclusive, "2 unclear", true},
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
		var pairs [][2]ending
		for i, v := range values {
			control, other := healthy, complete
			control.KNN, other.KNN = 0.70+0.02*float64(i%2), v
			pairs = append(pairs, [2]ending{control, other})
		}
		return sampled(pairs...)
	}
	of := func(effect lab.Effect) lab.Experiment {
		e := collapsing
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
		// The means are 0.71 and 0.61, both with a variance of 0.0002.
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
	equal := seeds(2, complete)
	for _, s := range equal { // all rows equal, so that the rank is 0
		last := &s.Traces["other"].Events[len(s.Traces["other"].Events)-1]
		last.Set(run.EffectiveRank, run.Num(0))
	}
	if f := of(lab.Effect{Metric: lab.EffectiveRank, Arm: "control", Of: "other", LogScale: true}).Judge(equal,
		nil); f.Verdict != lab.Confirmed {
		t.Errorf("a rank of 0 on a log scale: %s (%s)", f.Verdict, f.Why)
	}
}

// Longer runs are needed for a refutation, and if seeds leave a claim open without opposing it.
func TestWhatLongerRunsAreWantedFor(t *testing.T) {
	closed := collapsing
	closed.Closed = func(uint64) (lab.Sample, error) { return lab.Sample{}, nil }
	for _, c := range []struct {
		name        string
		of          lab.Experiment
		short, long []lab.Sample
		want        bool
	}{
		{"confirmed", collapsing, seeds(5, complete), nil, false},
		{"opposed", collapsing, seeds(5, healthy), nil, true},
		{"opposed, and trained longer", collapsing, seeds(5, healthy), seeds(5, healthy), false},
		{"unclear", collapsing, seeds(5, point), nil, true},
		{"unclear, and trained longer", collapsing, seeds(5, point), seeds(5, point), false},
		{"unclear and opposed", collapsing, together(seeds(3, point), seeds(2, healthy)), nil, false},
		{"one seed", collapsing, seeds(1, point), nil, false},
		{"closed form", closed, seeds(5, healthy), nil, false},
	} {
		if got := c.of.WantsLonger(c.short, c.long); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
