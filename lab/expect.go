// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
)

// lost are the classes of an embedding that has collapsed, in whatever way.
var lost = []collapse.Class{collapse.Complete, collapse.Collapsing, collapse.Dimensional}

// collapses expects the arm to end in one of the classes, any kind of collapse when none is named. An arm that nothing has
// befallen opposes, also one that has only learnt nothing.
func collapses(arm string, classes ...collapse.Class) Expectation {
	if len(classes) == 0 {
		classes = lost
	}
	return Expectation{
		Text: fmt.Sprintf("%q ends as %s", arm, join(classes)),
		Judge: func(e Experiment, s Sample) Outcome {
			d := s.Diagnosis(e, arm)
			switch worst := d.Worst().Class; {
			case slices.Contains(classes, d.Class) || d.Clusters != nil && slices.Contains(classes, d.Clusters.Class):
				return Agrees
			case worst.Alarming() && worst != collapse.Uninformative, undecided(d):
				return Unclear
			case d.Clusters == nil && slices.ContainsFunc(classes, ofClusters):
				return Unclear // the assignments were not measured
			}
			return Opposes
		},
	}
}

// survives expects the arm not to have collapsed: not to end in one of the classes, in no kind of collapse when none is named.
// One that has opposes.
func survives(arm string, classes ...collapse.Class) Expectation {
	text := fmt.Sprintf("%q ends in no kind of collapse", arm)
	if len(classes) > 0 {
		text = fmt.Sprintf("%q does not end as %s", arm, join(classes))
	}
	return Expectation{
		Text: text,
		Judge: func(e Experiment, s Sample) Outcome {
			d := s.Diagnosis(e, arm)
			switch worst := d.Worst().Class; {
			case worst == collapse.Diverged || undecided(d):
				return Unclear
			case len(classes) > 0 && slices.Contains(classes, d.Class), len(classes) == 0 && worst.Alarming() && worst != collapse.Uninformative:
				return Opposes
			}
			return Agrees
		},
	}
}

// undecided says of an embedding that it was not measured, or is one point as the network started, so that neither collapse
// nor its absence can be laid to training.
func undecided(d collapse.Diagnosis) bool {
	return d.Class == collapse.NotExpanded || d.Class == collapse.Unknown
}

// visible expects an arm that is known to collapse to have done so: only then does it say something that others have not. When
// it has not, nothing can be said of the seed.
func visible(arm string) Expectation {
	return Expectation{
		Text: fmt.Sprintf("collapse shows at this length: %q ends as %s", arm, join(lost)),
		Judge: func(e Experiment, s Sample) Outcome {
			if slices.Contains(lost, s.Diagnosis(e, arm).Class) {
				return Agrees
			}
			return Unclear
		},
	}
}

// fails expects the arm to have collapsed, or to have learnt nothing: its features' neighbours are no better than those of the
// untrained network. Features that are better, of an embedding that has not collapsed, oppose.
func fails(arm string) Expectation {
	return Expectation{
		Text: fmt.Sprintf("%q ends as %s, or with %s not above that of the untrained network by more than %g", arm, join(lost), KNN, knnGain),
		Judge: func(e Experiment, s Sample) Outcome {
			d, gain := s.Diagnosis(e, arm), s.gain(arm)
			switch {
			case slices.Contains(lost, d.Class) || gain <= knnGain:
				return Agrees
			case d.Class == collapse.Diverged || d.Class == collapse.Unknown || math.IsNaN(gain):
				return Unclear
			}
			return Opposes
		},
	}
}

// stalls expects the arm's loss to have stayed near where it began, as a share of the way down to least, while the control's
// has gone down most of it. One that went down as far opposes.
func stalls(arm string, least float64) Expectation {
	t := collapse.DefaultThresholds()
	return Expectation{
		Text: fmt.Sprintf("the loss of %q has gone down less than %.0f %% of the way from its start to %g, and the control's more than %.0f %%", arm, 100*(1-t.HighFloor), least, 100*(1-t.LowFloor)),
		Judge: func(e Experiment, s Sample) Outcome {
			left, control := s.floor(arm, least), s.floor(e.Arms[0].Name, least)
			switch {
			case left > t.HighFloor && control < t.LowFloor:
				return Agrees
			case left < t.LowFloor:
				return Opposes
			}
			return Unclear
		},
	}
}

// solves expects the arm's loss to have come down to that of a constant embedding, which is the least there is. One that keeps
// a fifth of the way opposes.
func solves(arm string, least float64) Expectation {
	t := collapse.DefaultThresholds()
	return Expectation{
		Text: fmt.Sprintf("the loss of %q has gone down more than %.0f %% of the way from its start to %g, that of a constant embedding", arm, 100*(1-t.TrivialFloor), least),
		Judge: func(_ Experiment, s Sample) Outcome {
			switch left := s.floor(arm, least); {
			case left < t.TrivialFloor:
				return Agrees
			case left > t.CollapsingFloor:
				return Opposes
			}
			return Unclear
		},
	}
}

// more expects the metric of one arm to exceed the other's by more than by; less by as much opposes.
func more(m Metric, arm, than string, by float64) Expectation {
	text := fmt.Sprintf("%s of %q is above that of %q", m, arm, than)
	if by > 0 {
		text += fmt.Sprintf(" by more than %g", by)
	}
	return Expectation{Text: text, Judge: func(_ Experiment, s Sample) Outcome {
		return sign(s.value(arm, m)-s.value(than, m), by)
	}}
}

// near expects the metric of two arms to differ by less than within; twice as much opposes.
func near(m Metric, arm, to string, within float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q and of %q differ by less than %g", m, arm, to, within), Judge: func(_ Experiment, s Sample) Outcome {
		switch off := math.Abs(s.value(arm, m) - s.value(to, m)); {
		case off < within:
			return Agrees
		case off > 2*within:
			return Opposes
		}
		return Unclear
	}}
}

// noLess expects the metric of one arm not to be below the other's by more than within; by twice as much opposes.
func noLess(m Metric, arm, than string, within float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q is not below that of %q by more than %g", m, arm, than, within), Judge: func(_ Experiment, s Sample) Outcome {
		switch lack := s.value(than, m) - s.value(arm, m); {
		case lack <= within:
			return Agrees
		case lack > 2*within:
			return Opposes
		}
		return Unclear
	}}
}

// knnGain is how much the accuracy of neighbours must have grown to count: two standard errors of the laboratory's 2,000
// queries, as in a diagnosis.
var knnGain = collapse.DefaultThresholds().KNNGain

// gains expects training to have raised the arm's kNN accuracy above the untrained network's, by more than by.
func gains(arm string, by float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q is above that of the untrained network by more than %g", KNN, arm, by), Judge: func(_ Experiment, s Sample) Outcome {
		return sign(s.gain(arm), by)
	}}
}

// holds expects a number that was computed in closed form to be in [from, to]. It opposes when it is not.
func holds(m Metric, from, to float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s is from %g to %g", m, from, to), Judge: func(_ Experiment, s Sample) Outcome {
		switch v, known := s.Values[m]; {
		case !known || math.IsNaN(v):
			return Unclear
		case from <= v && v <= to:
			return Agrees
		}
		return Opposes
	}}
}

// above expects the metric of an arm to end above a limit; at or below it opposes.
func above(m Metric, arm string, limit float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q is above %g", m, arm, limit), Judge: func(_ Experiment, s Sample) Outcome {
		return sign(s.value(arm, m)-limit, 0)
	}}
}

// below expects the metric of an arm to end below a limit; above it opposes.
func below(m Metric, arm string, limit float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q is below %g", m, arm, limit), Judge: func(_ Experiment, s Sample) Outcome {
		return sign(limit-s.value(arm, m), 0)
	}}
}

// declines expects the metric of an arm to end below what it was at half of the run; above it opposes.
func declines(m Metric, arm string) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q ends below what it was at half of the run", m, arm), Judge: func(_ Experiment, s Sample) Outcome {
		if s.Traces[arm] == nil {
			return Unclear
		}
		return sign(s.Traces[arm].Half(m)-s.value(arm, m), 0)
	}}
}

// rises expects the metric of an arm to end above what it was before training by more than by; below by as much opposes.
func rises(m Metric, arm string, by float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q ends above what it was before training by more than %g", m, arm, by), Judge: func(_ Experiment, s Sample) Outcome {
		if s.Traces[arm] == nil {
			return Unclear
		}
		return sign(s.value(arm, m)-s.Traces[arm].First(m), by)
	}}
}

// exceeds expects one metric of an arm to exceed another of the same arm by more than by; less by as much opposes.
func exceeds(m, than Metric, arm string, by float64) Expectation {
	text := fmt.Sprintf("%s of %q is above its %s", m, arm, than)
	if by > 0 {
		text += fmt.Sprintf(" by more than %g", by)
	}
	return Expectation{Text: text, Judge: func(_ Experiment, s Sample) Outcome {
		return sign(s.value(arm, m)-s.value(arm, than), by)
	}}
}

// foretells expects the order of arms by a metric to be that by the accuracy of their features' neighbours, where better is 1,
// or the opposite, where it is -1: Spearman's rank correlation of both is then above a half. One below 0 opposes.
func foretells(m Metric, better float64, arms ...string) Expectation {
	const enough = 0.5
	what := "higher"
	if better < 0 {
		what = "lower"
	}
	text := fmt.Sprintf("Spearman's rank correlation of %s, the %s the better, with %s is above %g over %q", m, what, KNN, enough, arms)
	return Expectation{Text: text, Judge: func(_ Experiment, s Sample) Outcome {
		switch r := better * s.foresight(m, arms); {
		case r > enough:
			return Agrees
		case r < 0:
			return Opposes
		}
		return Unclear
	}}
}

// foretellsBetter expects the order of arms by a metric, the higher the better, to be nearer to that by the accuracy of their
// features' neighbours than the order by another metric is. One that is less near opposes.
func foretellsBetter(m, than Metric, arms ...string) Expectation {
	text := fmt.Sprintf("Spearman's rank correlation of %s with %s is above that of %s over %q", m, KNN, than, arms)
	return Expectation{Text: text, Judge: func(_ Experiment, s Sample) Outcome {
		return sign(s.foresight(m, arms)-s.foresight(than, arms), 0)
	}}
}

// A step is from one arm to another.
type step struct{ from, to string }

// loses expects the metric to fall by more from one arm to another than from a third to a fourth; by less opposes.
func loses(m Metric, more, less step) Expectation {
	text := fmt.Sprintf("%s falls by more from %q to %q than from %q to %q", m, more.from, more.to, less.from, less.to)
	return Expectation{Text: text, Judge: func(_ Experiment, s Sample) Outcome {
		fall := func(x step) float64 { return s.value(x.from, m) - s.value(x.to, m) }
		return sign(fall(more)-fall(less), 0)
	}}
}

// ofClusters says whether a class is one of a clustering.
func ofClusters(c collapse.Class) bool {
	return slices.Contains([]collapse.Class{collapse.OneCluster, collapse.Uniform, collapse.FewClusters, collapse.Weak}, c)
}

// sign agrees above by, opposes below -by, and is unclear between, or when nothing was measured.
func sign(difference, by float64) Outcome {
	switch {
	case difference > by:
		return Agrees
	case difference < -by:
		return Opposes
	}
	return Unclear
}

func join(classes []collapse.Class) string {
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = string(c)
	}
	return strings.Join(names, " or ")
}
