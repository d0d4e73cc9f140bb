// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"parallax/collapse"
)

// lost are the classes of an embedding that has collapsed, in whatever way.
var lost = []collapse.Class{collapse.Complete, collapse.Collapsing, collapse.Dimensional}

// collapses expects the arm to end in one of the classes, any kind of collapse when none is named. A healthy arm opposes.
func collapses(arm string, classes ...collapse.Class) Expectation {
	if len(classes) == 0 {
		classes = lost
	}
	return Expectation{
		Text: fmt.Sprintf("%q ends as %s", arm, join(classes)),
		Judge: func(e Experiment, s Sample) Outcome {
			d := s.Diagnosis(e, arm)
			switch {
			case slices.Contains(classes, d.Class) || d.Clusters != nil && slices.Contains(classes, d.Clusters.Class):
				return Agrees
			case !d.Worst().Class.Alarming() || d.Worst().Class == collapse.Uninformative:
				return Opposes
			}
			return Unclear
		},
	}
}

// survives expects the arm not to have collapsed. One that has opposes.
func survives(arm string) Expectation {
	return Expectation{
		Text: fmt.Sprintf("%q ends in no kind of collapse", arm),
		Judge: func(e Experiment, s Sample) Outcome {
			switch f := s.Diagnosis(e, arm).Worst(); {
			case f.Class == collapse.Diverged || f.Class == collapse.Unknown || f.Class == collapse.NotExpanded:
				return Unclear
			case f.Class.Alarming() && f.Class != collapse.Uninformative:
				return Opposes
			}
			return Agrees
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

// times expects the metric of one arm to be more than factor times the other's; less than the other's opposes.
func times(m Metric, arm, than string, factor float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q is more than %g times that of %q", m, arm, factor, than), Judge: func(_ Experiment, s Sample) Outcome {
		switch ratio := s.value(arm, m) / s.value(than, m); {
		case ratio > factor:
			return Agrees
		case ratio < 1:
			return Opposes
		}
		return Unclear
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

// gains expects training to have raised the arm's kNN accuracy above the untrained network's, by more than by.
func gains(arm string, by float64) Expectation {
	return Expectation{Text: fmt.Sprintf("%s of %q is above that of the untrained network by more than %g", KNN, arm, by), Judge: func(_ Experiment, s Sample) Outcome {
		return sign(s.Traces[arm].Last(KNN)-s.Traces[arm].First(KNN), by)
	}}
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
