// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/run"
)

// An ending is what a run of 200 steps came to. Between its start and its end everything goes along a straight line.
type ending struct {
	loss, cosine, rank, participation, knn float64
	firstLoss, firstCosine                 float64
	nan                                    bool // the numbers are not measured
}

// Endings as short runs have them.
var (
	healthy  = ending{loss: -0.83, cosine: 0.05, rank: 38, participation: 3.2, knn: 0.74}
	complete = ending{loss: -0.999, cosine: 0.99, rank: 30, participation: 9, knn: 0.65}   // a rank as if nothing had happened
	flat     = ending{loss: -0.95, cosine: 0.07, rank: 6.5, participation: 1.4, knn: 0.73} // a spread as if nothing had happened
	stalled  = ending{loss: -0.18, cosine: 0.04, rank: 43, participation: 3.3, knn: 0.73}
	point    = ending{loss: -0.999, cosine: 0.998, rank: 40, participation: 8, knn: 0.63, firstCosine: 0.94, firstLoss: -0.5}
	exploded = ending{loss: math.NaN(), cosine: 0.1, rank: 30, participation: 3, knn: 0.7}
	unlearnt = ending{loss: -0.8, cosine: 0.05, rank: 38, participation: 3.2, knn: 0.65}
	unseen   = ending{loss: -0.8, nan: true}
)

// trace is a run that ends so.
func (e ending) trace(steps int) *Trace {
	start := ending{loss: e.firstLoss, cosine: e.firstCosine, rank: 90, participation: 12, knn: 0.65}
	if e.firstCosine == 0 {
		start.cosine = 0.25
	}
	at := func(share float64, from, to float64) run.Number {
		if e.nan {
			return run.Number{}
		}
		return run.Num(from + share*(to-from))
	}
	t := &Trace{Events: []run.Event{{Event: run.Start, Steps: steps, Constant: &run.ConstantLoss{Value: run.Num(-1), Minimum: true}}}}
	for i := range 11 {
		step, share := i*steps/10, float64(i)/10
		loss := start.loss + share*(e.loss-start.loss)
		if i > 0 && math.IsNaN(e.loss) {
			loss = e.loss
		}
		logged := run.Event{Event: run.StepEnd, Step: max(1, step), Loss: run.Num(loss)}
		evaluated := []run.Event{
			{Event: run.Eval, Step: step, Probe: "p", Of: run.OfBackbone, KNN: at(share, start.knn, e.knn)},
			{Event: run.Eval, Step: step, Probe: "p", Of: run.OfEmbedding, Rows: 2000, Dims: 128, MeanCosine: at(share, start.cosine, e.cosine),
				Std: at(share, 0.9, math.Sqrt(1-e.cosine)), EffectiveRank: at(share, start.rank, e.rank), ParticipationRatio: at(share, start.participation, e.participation)},
		}
		if i == 0 { // the first loss is logged after the untrained network was evaluated
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

// sampled are samples of an experiment with the arms control and other, one for each pair of endings.
func sampled(pairs ...[2]ending) []Sample {
	var all []Sample
	for i, p := range pairs {
		all = append(all, Sample{Seed: i + 1, Traces: map[string]*Trace{"control": p[0].trace(200), "other": p[1].trace(200)}})
	}
	return all
}

// seeds are that many samples with a healthy control and this other arm.
func seeds(n int, other ending) []Sample {
	var pairs [][2]ending
	for range n {
		pairs = append(pairs, [2]ending{healthy, other})
	}
	return sampled(pairs...)
}

func together(parts ...[]Sample) []Sample {
	var all []Sample
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// collapsing is the claim that the other arm collapses.
var collapsing = Experiment{
	ID: "X-01", Method: "simsiam", Arms: []Arm{{Name: "control", Method: "simsiam"}, {Name: "other", Method: "simsiam", Set: []string{"a.b=c"}}},
	Expect: []Expectation{collapses("other")},
}

func TestVerdicts(t *testing.T) {
	ill := [2]ending{complete, complete}
	good, bad := [2]ending{healthy, complete}, [2]ending{healthy, healthy}
	nothing := collapsing
	nothing.Expect = []Expectation{survives("other")}
	closed := Experiment{Closed: func(uint64) (Sample, error) { return Sample{}, nil }, Expect: []Expectation{holds("x.error", 0, 0.1)}}
	value := func(v float64) []Sample {
		return []Sample{{Values: map[Metric]float64{"x.error": v}}, {Values: map[Metric]float64{"x.error": v}}}
	}
	for _, c := range []struct {
		name        string
		of          Experiment
		short, long []Sample
		want        Verdict
		why         string
		preliminary bool
	}{
		{"all agree", collapsing, seeds(5, complete), nil, Confirmed, "5 of 5", false},
		{"one of five opposes", collapsing, together(seeds(4, flat), seeds(1, healthy)), nil, Confirmed, "4 of 5", false},
		{"two of five oppose", collapsing, together(seeds(3, complete), seeds(2, healthy)), nil, Inconclusive, "3 agree, 2 oppose, 0 say neither", false},
		{"one of three opposes", collapsing, together(seeds(2, complete), seeds(1, healthy)), nil, Inconclusive, "do not decide", true},
		{"three agree", collapsing, seeds(3, complete), nil, Confirmed, "3 of 3", true},
		{"one seed", collapsing, seeds(1, complete), nil, Inconclusive, "1 seed", true},
		{"no seed", collapsing, nil, nil, Inconclusive, "0 seed", true},
		{"the opposite at one length", collapsing, seeds(5, healthy), nil, NotReproduced, "at this length", false},
		{"the opposite at two lengths", collapsing, seeds(5, healthy), seeds(5, healthy), Refuted, "5 times as long", false},
		{"the opposite at two lengths, four of five", collapsing, together(seeds(1, flat), seeds(4, healthy)), together(seeds(1, flat), seeds(4, healthy)), Refuted, "4 of 5", false},
		{"only slower", collapsing, seeds(5, healthy), seeds(5, complete), Inconclusive, "only 0 of 5", false},
		{"one long seed", collapsing, seeds(5, healthy), seeds(1, healthy), NotReproduced, "at this length", false},
		{"long runs whose control failed", collapsing, seeds(5, healthy), sampled(ill, ill, ill, ill, ill), Inconclusive, "only 0 of 5", false},
		{"unclear, and decided later", collapsing, together(seeds(3, point), seeds(2, complete)), seeds(5, complete), Confirmed, "3 of 5 seeds say neither at this length; trained 5 times as long, 5 of 5 agree", false},
		{"unclear, and opposed later", collapsing, seeds(5, point), seeds(5, healthy), NotReproduced, "5 of 5 show the opposite", false},
		{"unclear at both lengths", collapsing, seeds(5, point), seeds(5, point), Inconclusive, "0 agree, 0 oppose, 5 say neither", false},
		{"unclear, and two long seeds", collapsing, seeds(5, point), seeds(2, complete), Confirmed, "2 of 2 agree", true},
		{"opposed too often to be unclear", collapsing, together(seeds(3, point), seeds(2, healthy)), seeds(5, complete), Inconclusive, "0 agree, 2 oppose, 3 say neither", false},
		{"a failed control", collapsing, sampled(ill, ill, good, good, good), nil, Inconclusive, "control itself failed in 2 of 5", false},
		{"one failed control", collapsing, sampled(ill, good, good, good, good), nil, Confirmed, "4 of 5", false},
		{"one failed control, and one that opposes", collapsing, sampled(ill, bad, good, good, good), nil, Inconclusive, "3 agree, 1 oppose, 1 say neither", false},
		{"a control that began as one point", nothing, sampled([2]ending{point, healthy}, [2]ending{point, healthy}), nil, Inconclusive, "NOT_EXPANDED", true},
		{"a control without measurements", nothing, sampled([2]ending{unseen, healthy}, [2]ending{unseen, healthy}), nil, Inconclusive, "UNKNOWN", true},
		{"a control that has learnt nothing yet", collapsing, sampled([2]ending{unlearnt, complete}, [2]ending{unlearnt, complete}), nil, Confirmed, "2 of 2", true},
		{"divergence is no collapse", collapsing, seeds(5, exploded), nil, Inconclusive, "5 say neither", false},
		{"nor its absence", nothing, seeds(5, exploded), nil, Inconclusive, "5 say neither", false},
		{"one point from the start is no collapse", collapsing, seeds(5, point), nil, Inconclusive, "5 say neither", false},
		{"nor its absence", nothing, seeds(5, point), nil, Inconclusive, "5 say neither", false},
		{"not measured", collapsing, seeds(5, unseen), nil, Inconclusive, "5 say neither", false},
		{"nothing happens", nothing, seeds(5, healthy), nil, Confirmed, "5 of 5", false},
		{"something happens", nothing, seeds(5, flat), nil, NotReproduced, "5 of 5", false},
		{"untestable", Experiment{Untestable: "it needs a cluster"}, nil, nil, NotTestable, "it needs a cluster", false},
		{"closed form", closed, value(0.05), nil, Confirmed, "2 of 2", true},
		{"closed form, wrong", closed, value(0.5), nil, Refuted, "closed form", true},
		{"closed form, not a number", closed, value(math.NaN()), nil, Inconclusive, "2 say neither", true},
	} {
		f := c.of.Judge(c.short, c.long)
		if f.Verdict != c.want || !strings.Contains(f.Why, c.why) || f.Preliminary != c.preliminary {
			t.Errorf("%s: %s, preliminary %v (%s), want %s, %v, %q", c.name, f.Verdict, f.Preliminary, f.Why, c.want, c.preliminary, c.why)
		}
		if _, err := json.Marshal(f); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Every expectation must hold in a seed for the seed to agree; one that is unclear makes it unclear.
func TestSeedsAgreeWhenEveryExpectationHolds(t *testing.T) {
	says := func(o Outcome) Expectation { return Expectation{Judge: func(Experiment, Sample) Outcome { return o }} }
	for _, c := range []struct {
		of   []Outcome
		want Outcome
	}{
		{[]Outcome{Agrees}, Agrees},
		{[]Outcome{Agrees, Agrees}, Agrees},
		{[]Outcome{Agrees, Opposes}, Opposes},
		{[]Outcome{Opposes, Agrees}, Opposes},
		{[]Outcome{Opposes, Unclear}, Unclear},
		{[]Outcome{Agrees, Unclear}, Unclear},
	} {
		e := collapsing
		e.Expect = nil
		for _, o := range c.of {
			e.Expect = append(e.Expect, says(o))
		}
		if got := e.outcome(Sample{}); got != c.want {
			t.Errorf("%v is %v, want %v", c.of, got, c.want)
		}
	}
}

func TestEffects(t *testing.T) {
	with := func(values ...float64) []Sample { // of knn in the other arm; the control's is 0.70 and 0.72 in turn
		var pairs [][2]ending
		for i, v := range values {
			control, other := healthy, complete
			control.knn, other.knn = 0.70+0.02*float64(i%2), v
			pairs = append(pairs, [2]ending{control, other})
		}
		return sampled(pairs...)
	}
	of := func(effect Effect) Experiment {
		e := collapsing
		e.Effect = &effect
		return e
	}
	knn := of(Effect{Metric: KNN, Arm: "control", Of: "other"})
	for _, c := range []struct {
		name   string
		of     Experiment
		short  []Sample
		effect float64
		want   Verdict
	}{
		// Means 0.71 and 0.61, both with a variance of 0.0002: 0.1/√0.0002.
		{"large", knn, with(0.60, 0.62), 0.1 / math.Sqrt(0.0002), Confirmed},
		{"small", knn, with(0.66, 0.68), 0.04 / math.Sqrt(0.0002), Inconclusive},
		{"the wrong way", knn, with(0.80, 0.82), -0.1 / math.Sqrt(0.0002), Inconclusive},
		{"unbounded", of(Effect{Metric: Loss, Arm: "control", Of: "other"}), with(0.6, 0.6), largestEffect, Confirmed},
		{"of the same arm twice", of(Effect{Metric: Loss, Arm: "other", Of: "other"}), with(0.6, 0.6), 0, Inconclusive},
		{"not measured", of(Effect{Metric: Uniformity, Arm: "control", Of: "other"}), with(0.6, 0.6), 0, Inconclusive},
		{"on a log scale", of(Effect{Metric: EffectiveRank, Arm: "control", Of: "other", LogScale: true}), with(0.6, 0.6), largestEffect, Confirmed},
		{"of two metrics", of(Effect{Metric: KNN, Arm: "control", Of: "control", Than: MeanCosine}), with(0.6, 0.6), 0.66 / math.Sqrt(0.0001), Confirmed},
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
		last.EffectiveRank = run.Num(0)
	}
	if f := of(Effect{Metric: EffectiveRank, Arm: "control", Of: "other", LogScale: true}).Judge(equal, nil); f.Verdict != Confirmed {
		t.Errorf("a rank of 0 on a log scale: %s (%s)", f.Verdict, f.Why)
	}
}

// A refutation needs the longer runs, and what seeds leave open without opposing; nothing else does.
func TestWhatLongerRunsAreWantedFor(t *testing.T) {
	closed := collapsing
	closed.Closed = func(uint64) (Sample, error) { return Sample{}, nil }
	for _, c := range []struct {
		name        string
		of          Experiment
		short, long []Sample
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
		if got := c.of.wantsLonger(c.short, c.long); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestMoments(t *testing.T) {
	for _, c := range []struct {
		of             []float64
		mean, variance float64
	}{{[]float64{3}, 3, 0}, {[]float64{1, 3}, 2, 2}, {[]float64{1, 2, 3, 4}, 2.5, 5. / 3}} {
		if mean, variance := moments(c.of); math.Abs(mean-c.mean) > 1e-12 || math.Abs(variance-c.variance) > 1e-12 {
			t.Errorf("%v: %g and %g", c.of, mean, variance)
		}
	}
	for of, want := range map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 10: 8, 15: 12} { // 4 of 5, and no fewer of less
		if !most(want, of) || most(want-1, of) {
			t.Errorf("of %d seeds %d are enough, not %d", of, want, want-1)
		}
	}
}
