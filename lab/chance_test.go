// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"testing"
	"time"
)

func TestChance(t *testing.T) {
	for _, c := range []struct {
		agree, seeds int
		want         float64
	}{{5, 5, 1. / 32}, {4, 5, 6. / 32}, {2, 2, 1. / 4}, {0, 5, 1}, {8, 10, 56. / 1024}} {
		if got := chance(c.agree, c.seeds); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d of %d seeds: %g, want %g", c.agree, c.seeds, got, c.want)
		}
	}
}

// The example has the shape of Benjamini & Hochberg's: each P times the number of tests over its rank, and no more than
// the next one.
func TestAdjust(t *testing.T) {
	all := []Finding{{P: 0.04}, {}, {P: 0.01}, {P: 0.03}, {P: 1}}
	Adjust(all)
	for i, want := range []float64{0.16 / 3, 0, 0.04, 0.16 / 3, 1} {
		if math.Abs(all[i].Adjusted-want) > 1e-12 {
			t.Errorf("finding %d: %g, want %g", i, all[i].Adjusted, want)
		}
	}
}

// Three seeds differ by 0.1, 0.2 and 0.3. Student's t of two degrees of freedom is 4.303 at 97.5 %.
func TestDistances(t *testing.T) {
	var samples []Sample
	for i, cosine := range []float64{0.1, 0.2, 0.3} {
		at := func(cosine, rank float64) *Trace {
			return &Trace{Curves: map[Metric][]XY{MeanCosine: {{9, cosine}}, EffectiveRank: {{9, rank}}}}
		}
		samples = append(samples, Sample{Seed: i + 1, Traces: map[string]*Trace{"control": at(0.1, 40),
			"arm": at(0.1+cosine, 20)}})
	}
	e := Experiment{
		Arms:   []Arm{{Name: "control", Method: "byol"}, {Name: "arm", Method: "byol"}},
		Expect: []Expectation{{Spread: "arm"}, {Spread: "control"}, {}},
	}
	got := e.Distances(samples)
	if len(got) != 2 {
		t.Fatalf("%d distances, want the cosine and the rank of one arm", len(got))
	}
	half := 4.302653 * 0.1 / math.Sqrt(3)
	for _, c := range []struct{ got, want float64 }{
		{got[0].Mean, 0.2}, {got[0].Low, 0.2 - half}, {got[0].High, 0.2 + half},
		{got[0].Deviation, 0.1 / math.Sqrt2}, {got[0].Limit, 0.4},
		{got[1].Mean, -math.Ln2}, {got[1].Low, -math.Ln2}, {got[1].Deviation, 0}, {got[1].Limit, math.Log(0.4)},
	} {
		if math.Abs(c.got-c.want) > 1e-6 {
			t.Errorf("%+v: %g, want %g", got, c.got, c.want)
		}
	}
	if d := e.Distances(samples[:1]); d != nil {
		t.Errorf("one seed has the distances %v", d)
	}
}

// A verdict comes after its rule if every run began after it, and each began at a known time.
func TestAfterTheRule(t *testing.T) {
	e := Experiment{Arms: []Arm{{Name: "a"}}, Fixed: FixedAt("2030-01-01 00:00", "")}
	late, early := Sample{Begun: e.Fixed.Date.Add(time.Second)}, Sample{Begun: e.Fixed.Date}
	for _, c := range []struct {
		short, long []Sample
		want        bool
	}{
		{nil, nil, false}, {[]Sample{late, late}, nil, true}, {[]Sample{late, early}, nil, false},
		{[]Sample{late, {}}, nil, false}, {[]Sample{late}, []Sample{late}, true},
		{[]Sample{late}, []Sample{early}, false},
	} {
		if got := e.after(c.short, c.long); got != c.want {
			t.Errorf("%v and %v: %v", c.short, c.long, got)
		}
	}
}

// An experiment's rule is as young as the youngest of its parts. What is computed does not depend on what runs share.
func TestRulesAreAsYoungAsTheirParts(t *testing.T) {
	shared := Versions[len(Versions)-1]
	if shared.Number != RuleVersion {
		t.Errorf("version %d is the last one with a date, and the rules have version %d", shared.Number, RuleVersion)
	}
	old, young := FixedAt("2020-01-01 00:00", "old"), FixedAt("2030-01-01 00:00", "young")
	for _, c := range []struct {
		of   Experiment
		want Fixed
	}{
		{Experiment{Fixed: old, Arms: []Arm{{}}}, shared.Fixed}, {Experiment{Fixed: young, Arms: []Arm{{}}}, young},
		{Experiment{Fixed: old}, old},
	} {
		if got := c.of.RuleFixed(); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}
