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
	Inconclusive  Verdict = "inconclusive"                 // seeds do not decide, or the control failed, or the effect is small
	NotTestable   Verdict = "not testable here"
)

// What the rule for a verdict asks for (versioned with [RuleVersion]).
const (
	RuleVersion   = 2   // since 1, what seeds do not decide is looked at in longer runs, and DIN-02's size is of the entropy that its claim is of
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

// Judge gives the verdict on e from the samples of its seeds, at the usual length and, if the runs were made, at the longer
// one. Every expectation must hold in a seed for the seed to agree; one opposed and none unclear makes it oppose.
//
// A claim is confirmed when the control is healthy and four seeds of five agree and the effect is at least three pooled
// standard deviations; the opposite in four of five seeds refutes it if it was seen at both lengths. Where four of five do not
// oppose, but too many of them say neither, the longer runs decide alone. With the sign test, five seeds of five have p = 0.03
// one-sided.
func (e Experiment) Judge(short, long []Sample) Finding {
	f := Finding{ID: e.ID, Seeds: len(short), Preliminary: len(short) < FullSeeds, RuleVersion: RuleVersion}
	say := func(v Verdict, why string, args ...any) Finding {
		f.Verdict, f.Why = v, fmt.Sprintf(why, args...)
		return f
	}
	if e.Untestable != "" {
		f.Preliminary = false
		return say(NotTestable, "%s", e.Untestable)
	}
	count := e.count(short)
	f.Agree, f.Oppose = count.agree, count.oppose
	if len(short) < LeastSeeds {
		return say(Inconclusive, "%d seed is not enough for a verdict", len(short))
	}
	if count.failed > 0 && !most(len(short)-count.failed, len(short)) {
		return say(Inconclusive, "the control itself failed in %d of %d seeds: %s", count.failed, len(short), count.control)
	}
	f.Effect = e.EffectSize(short)
	switch {
	case most(count.agree, len(short)) && e.Effect != nil && !(f.Effect >= effectSize):
		return say(Inconclusive, "%d of %d seeds agree, but the effect on %s is %.1f pooled standard deviations and %d are asked for", count.agree, len(short), e.Effect.Metric, f.Effect, effectSize)
	case most(count.agree, len(short)):
		return say(Confirmed, "%d of %d seeds agree%s", count.agree, len(short), e.effectText(f.Effect))
	case most(count.oppose, len(short)) && e.Closed != nil:
		return say(Refuted, "the opposite in %d of %d seeds, in closed form", count.oppose, len(short))
	case most(count.oppose, len(short)) && len(long) >= LeastSeeds && most(e.count(long).oppose, len(long)):
		return say(Refuted, "the opposite in %d of %d seeds, and in %d of %d when trained %d times as long", count.oppose, len(short), e.count(long).oppose, len(long), LongerLength)
	case most(count.oppose, len(short)) && len(long) >= LeastSeeds:
		return say(Inconclusive, "the opposite in %d of %d seeds, but in only %d of %d when trained %d times as long", count.oppose, len(short), e.count(long).oppose, len(long), LongerLength)
	case most(count.oppose, len(short)):
		return say(NotReproduced, "the opposite in %d of %d seeds at this length", count.oppose, len(short))
	case count.undecided() && len(long) >= LeastSeeds:
		f.Preliminary = len(long) < FullSeeds
		later, effect := e.count(long), e.EffectSize(long)
		f.Agree, f.Oppose, f.Effect = later.agree, later.oppose, effect
		before := fmt.Sprintf("%d of %d seeds say neither at this length; trained %d times as long", count.unclear, len(short), LongerLength)
		switch {
		case most(later.agree, len(long)) && e.Effect != nil && !(effect >= effectSize):
			return say(Inconclusive, "%s, %d of %d agree, but the effect on %s is %.1f pooled standard deviations and %d are asked for", before, later.agree, len(long), e.Effect.Metric, effect, effectSize)
		case most(later.agree, len(long)):
			return say(Confirmed, "%s, %d of %d agree%s", before, later.agree, len(long), e.effectText(effect))
		case most(later.oppose, len(long)):
			return say(NotReproduced, "%s, %d of %d show the opposite", before, later.oppose, len(long))
		}
		return say(Inconclusive, "%s, %d agree, %d oppose, %d say neither", before, later.agree, later.oppose, len(long)-later.agree-later.oppose)
	}
	return say(Inconclusive, "seeds do not decide: %d agree, %d oppose, %d say neither", count.agree, count.oppose, len(short)-count.agree-count.oppose)
}

// WantsLonger says whether the verdict depends on runs at the longer length that have not been made.
func (e Experiment) WantsLonger(short, long []Sample) bool {
	return len(long) == 0 && e.Closed == nil && len(short) >= LeastSeeds && (e.Judge(short, nil).Verdict == NotReproduced || e.count(short).undecided())
}

type counts struct {
	agree, oppose, unclear, failed int
	control                        string // why it failed, in the last seed that it did
}

// Undecided says whether enough of the seeds would agree if those that say neither did.
func (c counts) undecided() bool {
	of := c.agree + c.oppose + c.unclear + c.failed
	return !most(c.agree, of) && most(c.agree+c.unclear, of)
}

func (e Experiment) count(samples []Sample) (c counts) {
	for _, s := range samples {
		if why := s.ControlFailed(e); why != "" {
			c.failed, c.control = c.failed+1, why
			continue
		}
		switch e.Outcome(s) {
		case Agrees:
			c.agree++
		case Opposes:
			c.oppose++
		default:
			c.unclear++
		}
	}
	return c
}

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

// EffectSize is the mean difference between the two arms over the root of their mean variance over seeds, signed so that
// positive is what the claim says; at most largestEffect, 0 when it was not measured in every seed.
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

func (e Experiment) effectText(effect float64) string {
	if e.Effect == nil {
		return ""
	}
	if effect == LargestEffect {
		return fmt.Sprintf("; %s differs by %d pooled standard deviations or more", e.Effect.Metric, LargestEffect)
	}
	return fmt.Sprintf("; %s differs by %.1f pooled standard deviations", e.Effect.Metric, effect)
}
