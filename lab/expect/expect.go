// SPDX-License-Identifier: Apache-2.0

package expect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
)

// lost are the classes of a collapsed embedding.
var lost = []collapse.Class{collapse.Complete, collapse.Collapsing, collapse.Dimensional}

// Collapses expects the arm to end in one of the classes, or in any kind of collapse if none is named. A healthy arm
// opposes. One that has not collapsed but has learnt nothing is unclear: training shows neither collapse nor its
// absence.
func Collapses(arm string, classes ...collapse.Class) lab.Expectation {
	if len(classes) == 0 {
		classes = lost
	}
	return lab.Expectation{
		Text: fmt.Sprintf("%q ends as %s", arm, join(classes)),
		Judge: func(e lab.Experiment, s lab.Sample) lab.Outcome {
			d := s.Diagnosis(e, arm)
			switch worst := d.Worst().Class; {
			case slices.Contains(classes, d.Class) || d.Clusters != nil && slices.Contains(classes, d.Clusters.Class):
				return lab.Agrees
			case worst != collapse.Healthy:
				return lab.Unclear
			case d.Clusters == nil && slices.ContainsFunc(classes, ofClusters):
				return lab.Unclear // the assignments were not measured
			}
			return lab.Opposes
		},
	}
}

// Survives expects the arm to end healthy: without collapse, and with better features than the untrained network's if
// there are labels. A collapse opposes. An arm that has learnt nothing is unclear.
func Survives(arm string) lab.Expectation {
	spread := StaysSpread(arm)
	return lab.Expectation{
		Text:   fmt.Sprintf("%q does not collapse, and ends as %s", arm, collapse.Healthy),
		Spread: arm,
		Judge: func(e lab.Experiment, s lab.Sample) lab.Outcome {
			outcome := spread.Judge(e, s)
			if outcome == lab.Agrees && s.Diagnosis(e, arm).Worst().Class != collapse.Healthy {
				return lab.Unclear
			}
			return outcome
		},
	}
}

// StaysSpread expects the arm not to end in one of the classes, or in any kind of collapse if none is named, whatever
// it has learnt: for claims that something fails without a collapse. An arm that ends in one opposes.
func StaysSpread(arm string, classes ...collapse.Class) lab.Expectation {
	text := fmt.Sprintf("%q does not collapse, whatever it has learnt", arm)
	if len(classes) > 0 {
		text = fmt.Sprintf("%q does not end as %s", arm, join(classes))
	}
	return lab.Expectation{
		Text:   text,
		Spread: arm,
		Judge: func(e lab.Experiment, s lab.Sample) lab.Outcome {
			d := s.Diagnosis(e, arm)
			switch worst := d.Worst().Class; {
			case worst == collapse.Diverged || d.Class == collapse.NotExpanded || d.Class == collapse.Unknown:
				return lab.Unclear
			case len(classes) > 0 && slices.Contains(classes, d.Class),
				len(classes) == 0 && worst.Alarming() && worst != collapse.Uninformative:
				return lab.Opposes
			}
			return lab.Agrees
		},
	}
}

// Vanishes expects the arm's standard deviation to end near 0, as that of one point. It is in units of 1/√d, the
// deviation of rows that spread evenly. Rows of length 1 with a mean cosine of c have a deviation of about √(1-c). So
// the limit is that of the mean cosine from which on a diagnosis speaks of one point. A deviation above that of the
// mean cosine from which on an embedding counts as spread opposes.
func Vanishes(std lab.Metric, arm string) lab.Expectation {
	t := collapse.DefaultThresholds()
	point, spread := math.Sqrt(1-t.CompleteCosine), math.Sqrt(1-t.SpreadCosine)
	return lab.Expectation{
		Text: fmt.Sprintf("%s of %q is below %.2f, that of a mean cosine of %g; 1 is rows that spread evenly", std, arm,
			point, t.CompleteCosine),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			switch v := s.Value(arm, std); {
			case v < point:
				return lab.Agrees
			case v > spread:
				return lab.Opposes
			}
			return lab.Unclear
		},
	}
}

// Visible expects an arm that is known to collapse to have done so. Only then does it mean something that other arms
// have not collapsed; otherwise the seed is unclear.
func Visible(arm string) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("collapse shows at this length: %q ends as %s", arm, join(lost)),
		Judge: func(e lab.Experiment, s lab.Sample) lab.Outcome {
			if slices.Contains(lost, s.Diagnosis(e, arm).Class) {
				return lab.Agrees
			}
			return lab.Unclear
		},
	}
}

// Fails expects the arm to have collapsed, or to have learnt nothing: its kNN accuracy is no better than that of the
// untrained network. An arm that has not collapsed and has better features opposes.
func Fails(arm string) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("%q ends as %s, or its %s is at most %g above that of the untrained network", arm,
			join(lost), lab.KNN, KNNGain),
		Judge: func(e lab.Experiment, s lab.Sample) lab.Outcome {
			d, gain := s.Diagnosis(e, arm), s.Gain(arm)
			switch {
			case slices.Contains(lost, d.Class) || gain <= KNNGain:
				return lab.Agrees
			case d.Class == collapse.Diverged || d.Class == collapse.Unknown || math.IsNaN(gain):
				return lab.Unclear
			}
			return lab.Opposes
		},
	}
}

// Stalls expects the arm's loss to have stayed near its start, relative to the way down to least, while the control's
// has fallen most of the way. An arm whose loss has fallen as far as the control's opposes.
func Stalls(arm string, least float64) lab.Expectation {
	t := collapse.DefaultThresholds()
	return lab.Expectation{
		Text: fmt.Sprintf("the loss of %q has fallen less than %.0f %% of the way from its start to %g, and the "+
			"control's more than %.0f %%", arm, 100*(1-t.HighFloor), least, 100*(1-t.LowFloor)),
		Judge: func(e lab.Experiment, s lab.Sample) lab.Outcome {
			left, control := s.Floor(arm, least), s.Floor(e.Arms[0].Name, least)
			switch {
			case left > t.HighFloor && control < t.LowFloor:
				return lab.Agrees
			case left < t.LowFloor:
				return lab.Opposes
			}
			return lab.Unclear
		},
	}
}

// Solves expects the arm's loss to have fallen to its minimum, that of a constant embedding. An arm that has a fifth of
// the way left opposes.
func Solves(arm string, least float64) lab.Expectation {
	t := collapse.DefaultThresholds()
	return lab.Expectation{
		Text: fmt.Sprintf("the loss of %q has fallen more than %.0f %% of the way from its start to %g, the loss of a "+
			"constant embedding", arm, 100*(1-t.TrivialFloor), least),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			switch left := s.Floor(arm, least); {
			case left < t.TrivialFloor:
				return lab.Agrees
			case left > t.CollapsingFloor:
				return lab.Opposes
			}
			return lab.Unclear
		},
	}
}

// More expects the metric of one arm to exceed the other's by more than by. It opposes if it is below by more than
// that.
func More(m lab.Metric, arm, than string, by float64) lab.Expectation {
	text := fmt.Sprintf("%s of %q is above that of %q", m, arm, than)
	if by > 0 {
		text += fmt.Sprintf(" by more than %g", by)
	}
	return lab.Expectation{Text: text, Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
		return sign(s.Value(arm, m)-s.Value(than, m), by)
	}}
}

// Near expects the metric of two arms to differ by less than within. A difference of more than twice that opposes.
func Near(m lab.Metric, arm, to string, within float64) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("%s of %q and of %q differ by less than %g", m, arm, to, within),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			switch off := math.Abs(s.Value(arm, m) - s.Value(to, m)); {
			case off < within:
				return lab.Agrees
			case off > 2*within:
				return lab.Opposes
			}
			return lab.Unclear
		}}
}

// NoLess expects the metric of one arm to be at most within below the other's. More than twice that opposes.
func NoLess(m lab.Metric, arm, than string, within float64) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("%s of %q is at most %g below that of %q", m, arm, within, than),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			switch lack := s.Value(than, m) - s.Value(arm, m); {
			case lack <= within:
				return lab.Agrees
			case lack > 2*within:
				return lab.Opposes
			}
			return lab.Unclear
		}}
}

// KNNGain is by how much the kNN accuracy must have grown to count: two standard errors of the laboratory's 2,000
// queries, as in a diagnosis.
var KNNGain = collapse.DefaultThresholds().KNNGain

// Gains expects training to have raised the arm's kNN accuracy above the untrained network's by more than by.
func Gains(arm string, by float64) lab.Expectation {
	return lab.Expectation{
		Text:  fmt.Sprintf("%s of %q is more than %g above that of the untrained network", lab.KNN, arm, by),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome { return sign(s.Gain(arm), by) }}
}

// Holds expects a number that was computed in closed form to be in [from, to]. A number outside opposes.
func Holds(m lab.Metric, from, to float64) lab.Expectation {
	text := fmt.Sprintf("%s is %g", m, from)
	if from != to {
		text = fmt.Sprintf("%s is between %g and %g", m, from, to)
	}
	return lab.Expectation{Text: text, Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
		switch v, known := s.Values[m]; {
		case !known || math.IsNaN(v):
			return lab.Unclear
		case from <= v && v <= to:
			return lab.Agrees
		}
		return lab.Opposes
	}}
}

// Above expects the metric of an arm to end above a limit. A metric below it opposes.
func Above(m lab.Metric, arm string, limit float64) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("%s of %q is above %g", m, arm, limit),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			return sign(s.Value(arm, m)-limit, 0)
		}}
}

// Below expects the metric of an arm to end below a limit. A metric above it opposes.
func Below(m lab.Metric, arm string, limit float64) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("%s of %q is below %g", m, arm, limit),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			return sign(limit-s.Value(arm, m), 0)
		}}
}

// Declines expects the metric of an arm to end below its value halfway through the run. A metric above it opposes.
func Declines(m lab.Metric, arm string) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("%s of %q ends below its value halfway through the run", m, arm),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			if s.Traces[arm] == nil {
				return lab.Unclear
			}
			return sign(s.Traces[arm].Half(m)-s.Value(arm, m), 0)
		}}
}

// Rises expects the metric of an arm to end more than by above its value before training. More than by below opposes.
func Rises(m lab.Metric, arm string, by float64) lab.Expectation {
	return lab.Expectation{
		Text: fmt.Sprintf("%s of %q ends more than %g above its value before training", m, arm, by),
		Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
			if s.Traces[arm] == nil {
				return lab.Unclear
			}
			return sign(s.Value(arm, m)-s.Traces[arm].First(m), by)
		}}
}

// Exceeds expects one metric of an arm to exceed another of the same arm by more than by. It opposes if it is below by
// more than that.
func Exceeds(m, than lab.Metric, arm string, by float64) lab.Expectation {
	text := fmt.Sprintf("%s of %q is above its %s", m, arm, than)
	if by > 0 {
		text += fmt.Sprintf(" by more than %g", by)
	}
	return lab.Expectation{Text: text, Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
		return sign(s.Value(arm, m)-s.Value(arm, than), by)
	}}
}

// Foretells expects a metric to order arms as their kNN accuracy does if better is 1, or in the opposite order if
// better is -1: Spearman's rank correlation is above a half in that direction. A correlation below 0 in that direction
// opposes.
func Foretells(m lab.Metric, better float64, arms ...string) lab.Expectation {
	const enough = 0.5
	what := "higher"
	if better < 0 {
		what = "lower"
	}
	text := fmt.Sprintf("Spearman's rank correlation of %s (%s is better) with %s is above %g over %q", m, what,
		lab.KNN, enough, arms)
	return lab.Expectation{Text: text, Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
		switch r := better * s.Foresight(m, arms); {
		case r > enough:
			return lab.Agrees
		case r < 0:
			return lab.Opposes
		}
		return lab.Unclear
	}}
}

// ForetellsBetter expects one metric to order arms more like their kNN accuracy than another metric does, by Spearman's
// rank correlation. A lower correlation opposes.
func ForetellsBetter(m, than lab.Metric, arms ...string) lab.Expectation {
	text := fmt.Sprintf("Spearman's rank correlation with %s over %q is higher for %s than for %s",
		lab.KNN, arms, m, than)
	return lab.Expectation{Text: text, Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
		return sign(s.Foresight(m, arms)-s.Foresight(than, arms), 0)
	}}
}

// A Step is from one arm to another.
type Step struct{ From, To string }

// Loses expects the metric to fall more from one arm to another than from a third to a fourth. A smaller fall opposes.
func Loses(m lab.Metric, more, less Step) lab.Expectation {
	text := fmt.Sprintf("%s falls more from %q to %q than from %q to %q", m, more.From, more.To, less.From, less.To)
	return lab.Expectation{Text: text, Judge: func(_ lab.Experiment, s lab.Sample) lab.Outcome {
		fall := func(x Step) float64 { return s.Value(x.From, m) - s.Value(x.To, m) }
		return sign(fall(more)-fall(less), 0)
	}}
}

// ofClusters says whether a class is one of a clustering.
func ofClusters(c collapse.Class) bool {
	switch c {
	case collapse.OneCluster, collapse.Uniform, collapse.FewClusters, collapse.Weak:
		return true
	}
	return false
}

// sign agrees above by, opposes below -by, and is unclear in between or if nothing was measured.
func sign(difference, by float64) lab.Outcome {
	switch {
	case difference > by:
		return lab.Agrees
	case difference < -by:
		return lab.Opposes
	}
	return lab.Unclear
}

func join(classes []collapse.Class) string {
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = string(c)
	}
	return strings.Join(names, " or ")
}
