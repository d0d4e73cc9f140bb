// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"cmp"
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/lab/internal/moments"
)

// A Verdict is the laboratory's answer to a claim: one of five, and no other.
type Verdict string

// The verdicts.
const (
	Confirmed     Verdict = "confirmed"
	Refuted       Verdict = "refuted"                      // the opposite was seen, at two lengths of training
	NotReproduced Verdict = "not reproduced at this scale" // the opposite was seen, at one length
	// seeds do not decide, or the control failed, or the effect is small
	Inconclusive Verdict = "inconclusive"
	NotTestable  Verdict = "not testable here"
)

// What the rule for a verdict asks for (versioned with [RuleVersion]).
const (
	// since 1, what seeds do not decide is looked at in longer runs, and DIN-02's size is of the entropy that its claim is
	// of
	RuleVersion   = 2
	agreement     = 0.8 // share of the seeds that must agree: 4 of 5
	effectSize    = 3   // pooled standard deviations of the deciding metric
	FullSeeds     = 5   // a verdict from fewer is marked preliminary
	LeastSeeds    = 2   // from fewer there is none
	LargestEffect = 100 // that is told: it has no bound when no seed differs from another
	LongerLength  = 5   // how many times as long the second length is, which a refutation asks for
)

// An Outcome is what one seed says of an expectation.
type Outcome int

// The outcomes: the claim holds in this seed, the opposite does, or neither can be said.
const (
	Unclear Outcome = iota
	Agrees
	Opposes
)

// An Expectation is one thing that the claim predicts, judged in every seed on its own.
type Expectation struct {
	Text  string // the rule as it is printed
	Judge func(e Experiment, s Sample) Outcome
}

// An Effect is the difference of a metric between two arms whose size is asked for.
type Effect struct {
	Metric   Metric
	Arm, Of  string // arm minus the other
	LogScale bool   // Of the metric's logarithm: for ranks
	Than     Metric // Of the other arm; "" is Metric
}

// than is the other arm's metric.
func (e *Effect) than() Metric { return cmp.Or(e.Than, e.Metric) }

// A Finding is the answer and what it rests on.
type Finding struct {
	ID          string  `json:"id"`
	Verdict     Verdict `json:"verdict"`
	Preliminary bool    `json:"preliminary"` // from fewer than five seeds
	Seeds       int     `json:"seeds"`
	Agree       int     `json:"agree"`
	Oppose      int     `json:"oppose"`
	Effect      float64 `json:"effect,omitempty"` // in pooled standard deviations
	Why         string  `json:"why"`
	RuleVersion int     `json:"rule_version"`
}

// Judge gives the verdict on e from the samples of its seeds, at the usual length and, if those runs were made, at the
// longer one. A seed agrees when every expectation holds in it. It opposes when none is unclear and at least one is
// opposed.
//
// The verdict is that of the first of the [verdictRules] that applies. A claim is confirmed when the control is
// healthy, four seeds of five agree, and the effect is at least three pooled standard deviations. The opposite in four
// of five seeds refutes it if it was seen at both lengths. Where too many seeds say neither, and four of five do not
// oppose, the longer runs decide alone. By the sign test, five seeds of five have p = 0.03, one-sided.
func (e Experiment) Judge(short, long []Sample) Finding {
	c := evidence{Experiment: e}
	if e.Untestable == "" {
		c.short, c.long = e.tally(short), e.tally(long)
	}
	f := Finding{ID: e.ID, Seeds: len(short), RuleVersion: RuleVersion}
	for _, r := range verdictRules {
		if !r.when(c) {
			continue
		}
		f.Verdict, f.Why = r.verdict, r.why(c)
		if r.from == nil { // no seed was looked at
			break
		}
		from := r.from(c)
		f.Preliminary, f.Agree, f.Oppose = from.seeds() < FullSeeds, from.agree, from.oppose
		if r.sized {
			f.Effect = from.effect
		}
		break
	}
	return f
}

// A tally is what the seeds of one length say.
type tally struct {
	agree, oppose, unclear, failed int
	control                        string  // why the control failed, in the last seed in which it did
	effect                         float64 // see EffectSize
}

func (t tally) seeds() int    { return t.agree + t.oppose + t.unclear + t.failed }
func (t tally) enough() bool  { return t.seeds() >= LeastSeeds }
func (t tally) agrees() bool  { return most(t.agree, t.seeds()) }
func (t tally) opposes() bool { return most(t.oppose, t.seeds()) }

// ill says whether the control failed in too many seeds.
func (t tally) ill() bool { return t.failed > 0 && !most(t.seeds()-t.failed, t.seeds()) }

// neither is how many seeds do not decide: the claim is unclear in them, or their control failed.
func (t tally) neither() int { return t.seeds() - t.agree - t.oppose }

// undecided says whether enough of the seeds would agree if those that say neither did.
func (t tally) undecided() bool { return !t.agrees() && most(t.agree+t.unclear, t.seeds()) }

// evidence is what a verdict rests on.
type evidence struct {
	Experiment
	short, long tally
}

// small says whether the experiment asks for a larger effect than t has.
func (c evidence) small(t tally) bool { return c.Effect != nil && !(t.effect >= effectSize) }

// waited says whether the seeds leave open what the longer runs decide.
func (c evidence) waited() bool { return c.short.undecided() && c.long.enough() }

// A verdictRule is a verdict, when it is given, and why.
type verdictRule struct {
	verdict Verdict
	when    func(c evidence) bool
	why     func(c evidence) string
	from    func(c evidence) tally // whose numbers the finding has; nil for none
	sized   bool                   // the size of the effect among them
}

func ofShort(c evidence) tally { return c.short }
func ofLong(c evidence) tally  { return c.long }

// verdictRules are all that a verdict depends on, in the order in which they are asked: the first that applies decides.
var verdictRules = []verdictRule{
	// What no seed decides.
	{NotTestable, func(c evidence) bool { return c.Untestable != "" },
		func(c evidence) string { return c.Untestable }, nil, false},
	{Inconclusive, func(c evidence) bool { return !c.short.enough() },
		func(c evidence) string {
			return fmt.Sprintf("%d seed is not enough for a verdict", c.short.seeds())
		}, ofShort, false},
	{Inconclusive, func(c evidence) bool { return c.short.ill() },
		func(c evidence) string {
			return fmt.Sprintf("the control itself failed in %d of %d seeds: %s", c.short.failed, c.short.seeds(),
				c.short.control)
		}, ofShort, false},

	// The seeds agree.
	{Inconclusive, func(c evidence) bool { return c.short.agrees() && c.small(c.short) },
		func(c evidence) string {
			return fmt.Sprintf("%d of %d seeds agree, but %s", c.short.agree, c.short.seeds(), c.smallText(c.short))
		}, ofShort, true},
	{Confirmed, func(c evidence) bool { return c.short.agrees() },
		func(c evidence) string {
			return fmt.Sprintf("%d of %d seeds agree%s", c.short.agree, c.short.seeds(), c.effectText(c.short))
		}, ofShort, true},

	// The seeds oppose.
	{Refuted, func(c evidence) bool { return c.short.opposes() && c.Closed != nil },
		func(c evidence) string {
			return fmt.Sprintf("the opposite in %d of %d seeds, in closed form", c.short.oppose, c.short.seeds())
		}, ofShort, true},
	{Refuted, func(c evidence) bool { return c.short.opposes() && c.long.enough() && c.long.opposes() },
		func(c evidence) string {
			return fmt.Sprintf("the opposite in %d of %d seeds, and in %d of %d when trained %d times as long",
				c.short.oppose, c.short.seeds(), c.long.oppose, c.long.seeds(), LongerLength)
		}, ofShort, true},
	{Inconclusive, func(c evidence) bool { return c.short.opposes() && c.long.enough() },
		func(c evidence) string {
			return fmt.Sprintf("the opposite in %d of %d seeds, but in only %d of %d when trained %d times as long",
				c.short.oppose, c.short.seeds(), c.long.oppose, c.long.seeds(), LongerLength)
		}, ofShort, true},
	{NotReproduced, func(c evidence) bool { return c.short.opposes() },
		func(c evidence) string {
			return fmt.Sprintf("the opposite in %d of %d seeds at this length", c.short.oppose, c.short.seeds())
		}, ofShort, true},

	// The seeds leave it open, and the longer runs decide.
	{Inconclusive, func(c evidence) bool { return c.waited() && c.long.agrees() && c.small(c.long) },
		func(c evidence) string {
			return fmt.Sprintf("%s, %d of %d agree, but %s", c.openText(), c.long.agree, c.long.seeds(), c.smallText(c.long))
		}, ofLong, true},
	{Confirmed, func(c evidence) bool { return c.waited() && c.long.agrees() },
		func(c evidence) string {
			return fmt.Sprintf("%s, %d of %d agree%s", c.openText(), c.long.agree, c.long.seeds(), c.effectText(c.long))
		}, ofLong, true},
	{NotReproduced, func(c evidence) bool { return c.waited() && c.long.opposes() },
		func(c evidence) string {
			return fmt.Sprintf("%s, %d of %d show the opposite", c.openText(), c.long.oppose, c.long.seeds())
		}, ofLong, true},
	{Inconclusive, func(c evidence) bool { return c.waited() },
		func(c evidence) string {
			return fmt.Sprintf("%s, %d agree, %d oppose, %d say neither", c.openText(), c.long.agree, c.long.oppose,
				c.long.neither())
		}, ofLong, true},

	// Nothing decides.
	{Inconclusive, func(evidence) bool { return true },
		func(c evidence) string {
			return fmt.Sprintf("seeds do not decide: %d agree, %d oppose, %d say neither", c.short.agree, c.short.oppose,
				c.short.neither())
		}, ofShort, true},
}

// openText says that the seeds of the usual length leave the claim open.
func (c evidence) openText() string {
	return fmt.Sprintf("%d of %d seeds say neither at this length; trained %d times as long", c.short.unclear,
		c.short.seeds(), LongerLength)
}

// smallText says that the effect is smaller than asked for.
func (c evidence) smallText(t tally) string {
	return fmt.Sprintf("the effect on %s is %.1f pooled standard deviations and %d are asked for", c.Effect.Metric,
		t.effect, effectSize)
}

// effectText says how large the effect is, where the experiment asks for one.
func (c evidence) effectText(t tally) string {
	if c.Effect == nil {
		return ""
	}
	if t.effect == LargestEffect {
		return fmt.Sprintf("; %s differs by %d pooled standard deviations or more", c.Effect.Metric, LargestEffect)
	}
	return fmt.Sprintf("; %s differs by %.1f pooled standard deviations", c.Effect.Metric, t.effect)
}

// WantsLonger says whether the verdict depends on runs at the longer length that have not been made.
func (e Experiment) WantsLonger(short, long []Sample) bool {
	if len(long) > 0 || e.Closed != nil || len(short) < LeastSeeds {
		return false
	}
	return e.Judge(short, nil).Verdict == NotReproduced || e.tally(short).undecided()
}

func (e Experiment) tally(samples []Sample) (t tally) {
	for _, s := range samples {
		if why := s.ControlFailed(e); why != "" {
			t.failed, t.control = t.failed+1, why
			continue
		}
		switch e.Outcome(s) {
		case Agrees:
			t.agree++
		case Opposes:
			t.oppose++
		default:
			t.unclear++
		}
	}
	t.effect = e.EffectSize(samples)
	return t
}

// Outcome is what one seed says of all expectations together.
// Outcome is what a sample says of the experiment's expectations, taken together.
func (e Experiment) Outcome(s Sample) Outcome {
	all := Agrees
	for _, x := range e.Expect {
		switch x.Judge(e, s) {
		case Unclear:
			return Unclear
		case Opposes:
			all = Opposes
		}
	}
	return all
}

// most says whether n of the seeds are enough of them.
func most(n, of int) bool { return float64(n) >= agreement*float64(of) }

// EffectSize is the mean difference between the two arms over the root of their mean variance over seeds, signed so
// that positive is what the claim says; at most largestEffect, 0 when it was not measured in every seed.
func (e Experiment) EffectSize(samples []Sample) float64 {
	if e.Effect == nil {
		return 0
	}
	var a, b []float64
	for _, s := range samples {
		x, y := s.Value(e.Effect.Arm, e.Effect.Metric), s.Value(e.Effect.Of, e.Effect.than())
		if e.Effect.LogScale {
			x, y = math.Log(math.Max(x, 1)), math.Log(math.Max(y, 1)) // 0 is the rank of rows that are all equal
		}
		a, b = append(a, x), append(b, y)
	}
	meanA, varA := moments.Of(a)
	meanB, varB := moments.Of(b)
	effect := (meanA - meanB) / math.Sqrt((varA+varB)/2)
	if math.IsNaN(effect) {
		return 0
	}
	return math.Max(-LargestEffect, math.Min(effect, LargestEffect))
}
