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
	Refuted       Verdict = "refuted"                      // the opposite was seen at two lengths of training
	NotReproduced Verdict = "not reproduced at this scale" // the opposite was seen at one length
	Inconclusive  Verdict = "inconclusive"                 // seeds do not decide, the control failed, or a small effect
	NotTestable   Verdict = "not testable here"
)

// The requirements of a verdict. A change of one, or of an experiment's rule, is a new [RuleVersion].
const (
	// RuleVersion 2: longer runs decide what seeds leave open, and DIN-02 requires an effect on the entropy that its
	// claim is about. 3: only HEALTHY is the absence of collapse, in controls and arms, and SIM-01 and BYO-09 require
	// the deviations that their claims are about.
	RuleVersion   = 3
	agreement     = 0.8 // share of the seeds that must agree: 4 of 5
	effectSize    = 3   // required effect on the deciding metric, in pooled standard deviations
	FullSeeds     = 5   // with fewer, a verdict is preliminary
	LeastSeeds    = 2   // with fewer, there is no verdict
	LargestEffect = 100 // largest effect that is reported; it has no bound when all seeds are equal
	LongerLength  = 5   // the longer length, which a refutation requires, over the usual one
)

// An Outcome is what one seed says about an expectation.
type Outcome int

// The outcomes: the claim holds in this seed, the opposite does, or neither can be said.
const (
	Unclear Outcome = iota
	Agrees
	Opposes
)

// An Expectation is one prediction of a claim. Every seed is judged on its own.
type Expectation struct {
	Text   string // the rule as it is printed
	Judge  func(e Experiment, s Sample) Outcome
	Spread string // the arm that is expected not to collapse, for [Experiment.Distances]; "" for other expectations
}

// An Effect is a difference between two arms that must be large.
type Effect struct {
	Metric   Metric
	Arm, Of  string // the difference is Arm minus Of
	LogScale bool   // compare logarithms, as is right for ranks
	Than     Metric // the metric of Of; "" means Metric
}

// than returns the other arm's metric.
func (e *Effect) than() Metric { return cmp.Or(e.Than, e.Metric) }

// A Finding is a verdict and what it rests on.
type Finding struct {
	ID          string  `json:"id"`
	Verdict     Verdict `json:"verdict"`
	Preliminary bool    `json:"preliminary"` // from fewer than FullSeeds seeds
	Seeds       int     `json:"seeds"`
	Agree       int     `json:"agree"`
	Oppose      int     `json:"oppose"`
	Effect      float64 `json:"effect,omitempty"` // in pooled standard deviations
	// P is the probability that at least so many seeds agree by chance, and Adjusted what [Adjust] makes of it. Both
	// are 0 if nothing was tested, or if the claim is computed in closed form.
	P           float64    `json:"p,omitempty"`
	Adjusted    float64    `json:"p_adjusted,omitempty"`
	Distances   []Distance `json:"distances,omitempty"`
	Why         string     `json:"why"`
	RuleVersion int        `json:"rule_version"`
	Fixed       Fixed      `json:"rule_fixed"`
	After       bool       `json:"after_rule"` // all runs began after the rule was fixed
}

// Judge gives the verdict on e from the samples of its seeds, at the usual length and, if those runs were made, at the
// longer one. A seed agrees if every expectation holds in it. It opposes if no expectation is unclear and at least one
// is opposed.
//
// The first of [verdictRules] that applies gives the verdict. A claim is confirmed if the control is healthy, four of
// five seeds agree, and the effect is at least three pooled standard deviations. It is refuted if four of five seeds
// oppose it at both lengths. If unclear seeds could still make four of five agree, the longer runs alone decide.
func (e Experiment) Judge(short, long []Sample) Finding {
	c := evidence{Experiment: e}
	if e.Untestable == "" {
		c.short, c.long = e.tally(short), e.tally(long)
	}
	f := Finding{ID: e.ID, Seeds: len(short), RuleVersion: RuleVersion, Fixed: e.RuleFixed(),
		After: e.after(short, long), Distances: e.Distances(short)}
	for _, r := range verdictRules {
		if !r.when(c) {
			continue
		}
		f.Verdict, f.Why = r.verdict, r.why(c)
		if r.from == nil { // no seed counts
			break
		}
		from := r.from(c)
		f.Preliminary, f.Agree, f.Oppose = from.seeds() < FullSeeds, from.agree, from.oppose
		if r.sized {
			f.Effect = from.effect
		}
		if e.Closed == nil && from.enough() {
			f.P = chance(from.agree, from.seeds())
		}
		break
	}
	return f
}

// A tally counts what the seeds of one length say.
type tally struct {
	agree, oppose, unclear, failed int
	control                        string  // why the control failed, in the last seed that it failed in
	effect                         float64 // see EffectSize
}

func (t tally) seeds() int    { return t.agree + t.oppose + t.unclear + t.failed }
func (t tally) enough() bool  { return t.seeds() >= LeastSeeds }
func (t tally) agrees() bool  { return most(t.agree, t.seeds()) }
func (t tally) opposes() bool { return most(t.oppose, t.seeds()) }

// ill says whether the control failed in too many seeds.
func (t tally) ill() bool { return t.failed > 0 && !most(t.seeds()-t.failed, t.seeds()) }

// neither returns the number of seeds that do not decide: unclear ones, and those whose control failed.
func (t tally) neither() int { return t.seeds() - t.agree - t.oppose }

// undecided says whether enough seeds would agree if the unclear ones did.
func (t tally) undecided() bool { return !t.agrees() && most(t.agree+t.unclear, t.seeds()) }

// evidence holds what a verdict rests on.
type evidence struct {
	Experiment
	short, long tally
}

// small says whether the experiment requires a larger effect than t has.
func (c evidence) small(t tally) bool { return c.Effect != nil && !(t.effect >= effectSize) }

// waited says whether the seeds leave the claim open and the longer runs can decide it.
func (c evidence) waited() bool { return c.short.undecided() && c.long.enough() }

// A verdictRule is a verdict, the condition for it, and its explanation.
type verdictRule struct {
	verdict Verdict
	when    func(c evidence) bool
	why     func(c evidence) string
	from    func(c evidence) tally // the source of the finding's numbers; nil for none
	sized   bool                   // the finding has the size of the effect
}

func ofShort(c evidence) tally { return c.short }
func ofLong(c evidence) tally  { return c.long }

// verdictRules decide the verdict. The first that applies counts.
var verdictRules = []verdictRule{
	// No seed counts, or too many controls failed.
	{NotTestable, func(c evidence) bool { return c.Untestable != "" },
		func(c evidence) string { return c.Untestable }, nil, false},
	{Inconclusive, func(c evidence) bool { return !c.short.enough() },
		func(c evidence) string {
			return fmt.Sprintf("a verdict needs at least %d seeds: %d complete", LeastSeeds, c.short.seeds())
		}, ofShort, false},
	{Inconclusive, func(c evidence) bool { return c.short.ill() },
		func(c evidence) string {
			return fmt.Sprintf("the control itself failed in %d of %d seeds: %s",
				c.short.failed, c.short.seeds(), c.short.control)
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
			return fmt.Sprintf("%d of %d seeds show the opposite, in closed form", c.short.oppose, c.short.seeds())
		}, ofShort, true},
	{Refuted, func(c evidence) bool { return c.short.opposes() && c.long.enough() && c.long.opposes() },
		func(c evidence) string {
			return fmt.Sprintf("%d of %d seeds show the opposite, and %d of %d when trained %d times as long",
				c.short.oppose, c.short.seeds(), c.long.oppose, c.long.seeds(), LongerLength)
		}, ofShort, true},
	{Inconclusive, func(c evidence) bool { return c.short.opposes() && c.long.enough() },
		func(c evidence) string {
			return fmt.Sprintf("%d of %d seeds show the opposite, but only %d of %d when trained %d times as long",
				c.short.oppose, c.short.seeds(), c.long.oppose, c.long.seeds(), LongerLength)
		}, ofShort, true},
	{NotReproduced, func(c evidence) bool { return c.short.opposes() },
		func(c evidence) string {
			return fmt.Sprintf("%d of %d seeds show the opposite at this length", c.short.oppose, c.short.seeds())
		}, ofShort, true},

	// The seeds leave the claim open, and the longer runs decide.
	{Inconclusive, func(c evidence) bool { return c.waited() && c.long.agrees() && c.small(c.long) },
		func(c evidence) string {
			return fmt.Sprintf("%s, %d of %d agree, but %s", c.openText(),
				c.long.agree, c.long.seeds(), c.smallText(c.long))
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
			return fmt.Sprintf("%s, %s", c.openText(), c.long.openText())
		}, ofLong, true},

	// Nothing decides.
	{Inconclusive, func(evidence) bool { return true },
		func(c evidence) string { return "the seeds do not decide: " + c.short.openText() }, ofShort, true},
}

// openText counts the seeds of one length, which do not decide.
func (t tally) openText() string {
	return fmt.Sprintf("%d agree, %d oppose, %d unclear", t.agree, t.oppose, t.neither())
}

// openText says that the seeds of the usual length leave the claim open.
func (c evidence) openText() string {
	return fmt.Sprintf("%d of %d seeds are unclear at this length; trained %d times as long",
		c.short.unclear, c.short.seeds(), LongerLength)
}

// smallText says that the effect is smaller than required.
func (c evidence) smallText(t tally) string {
	return fmt.Sprintf("the effect on %s is %.1f pooled standard deviations, of the %d required",
		c.Effect.Metric, t.effect, effectSize)
}

// effectText gives the size of the effect if the experiment requires one.
func (c evidence) effectText(t tally) string {
	if c.Effect == nil {
		return ""
	}
	if t.effect == LargestEffect {
		return fmt.Sprintf("; %s differs by %d pooled standard deviations or more", c.Effect.Metric, LargestEffect)
	}
	return fmt.Sprintf("; %s differs by %.1f pooled standard deviations", c.Effect.Metric, t.effect)
}

// WantsLonger says whether the verdict depends on runs of the longer length that have not been made.
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

// Outcome returns what a sample says about all expectations of the experiment together.
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

// most says whether n of the seeds are enough.
func most(n, of int) bool { return float64(n) >= agreement*float64(of) }

// EffectSize returns the mean difference between the two arms over the root of their mean variance over seeds. It is
// positive in the direction of the claim, at most LargestEffect, and 0 if a seed was not measured.
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
