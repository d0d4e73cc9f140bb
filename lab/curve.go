// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab/internal/moments"
	"github.com/parallax-ssl/parallax/run"
)

// Curve returns the metric at every step at which it was measured.
func (t *Trace) Curve(m Metric) []XY {
	if c, known := t.Curves[m]; known {
		return c
	}
	switch {
	case m == Loss:
		var curve []XY
		for _, r := range t.Run.History {
			if r.Loss.Known {
				curve = append(curve, XY{float64(r.Step), r.Loss.Value})
			}
		}
		return curve
	case m == LossNoise:
		return t.between(func(e run.Event) run.Number { return e.Metrics[run.Loss] }, noise)
	case m.Of() == "terms":
		return t.between(func(e run.Event) run.Number { return e.Terms[m.Name()] }, average)
	case m == PositiveCosine:
		return t.evaluated(Alignment.Of(), func(e run.Event) run.Number {
			a := e.Metrics[run.Alignment]
			return run.Number{Value: 1 - a.Value/2, Known: a.Known}
		})
	case m == AlignmentUniformity:
		return t.evaluated(m.Of(), func(e run.Event) run.Number {
			a, u := e.Metrics[run.Alignment], e.Metrics[run.Uniformity]
			return run.Number{Value: a.Value + u.Value, Known: a.Known && u.Known}
		})
	case m == ExplainedArea, m == Vanished, m == ExponentOff:
		return t.evaluated(m.Of(), func(e run.Event) run.Number {
			if len(e.Spectrum) == 0 || e.Spectrum[0] <= 0 {
				return run.Number{}
			}
			v := ofSpectrum(m, e.Spectrum, e.Dims)
			return run.Number{Value: v, Known: !math.IsNaN(v)}
		})
	case m == RankShare:
		return t.evaluated(RankShare.Of(), func(e run.Event) run.Number {
			r := e.Metrics[run.EffectiveRank]
			return run.Number{Value: r.Value / float64(e.Dims), Known: r.Known && e.Dims > 0}
		})
	}
	return t.evaluated(m.Of(), func(e run.Event) run.Number {
		v, known := e.Numbers()[m.Name()]
		return run.Number{Value: v, Known: known}
	})
}

// evaluated returns a number of every evaluation on the first probe.
func (t *Trace) evaluated(of string, number func(run.Event) run.Number) []XY {
	var curve []XY
	probe := ""
	for _, e := range t.Events {
		if e.Event != run.Eval || probe != "" && e.Probe != probe {
			continue
		}
		probe = e.Probe
		if v := number(e); v.Known && e.Of == of {
			curve = append(curve, XY{float64(e.Step), v.Value})
		}
	}
	return curve
}

// between reduces a number of the logged steps from one evaluation to the next to one value.
func (t *Trace) between(number func(run.Event) run.Number, of func([]float64) float64) []XY {
	var curve []XY
	var values []float64
	for _, e := range t.Events {
		switch e.Event {
		case run.StepEnd:
			if v := number(e); v.Known {
				values = append(values, v.Value)
			}
		case run.Eval:
			if v := of(values); !math.IsNaN(v) {
				curve = append(curve, XY{float64(e.Step), v})
			}
			values = nil
		}
	}
	return curve
}

// ofSpectrum computes a metric from the singular values, largest first, of rows of dims columns. The first must be
// above 0. The result is NaN if there are too few of them.
func ofSpectrum(m Metric, singular []float64, dims int) float64 {
	switch m {
	case ExplainedArea:
		return collapse.ExplainedArea(singular, dims)
	case ExponentOff:
		if fit := collapse.FitPowerLaw(singular, dims); fit != nil {
			return math.Abs(fit.Alpha - 1)
		}
		return math.NaN()
	}
	const lost = 1e-3 // a millionth of the variance
	vanished := dims
	for _, s := range singular {
		if s >= lost*singular[0] {
			vanished--
		}
	}
	return float64(vanished)
}

// average returns the mean, and NaN without values.
func average(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// noise returns the standard deviation without a slow trend: the standard deviation of the differences of neighbours,
// over √2. It is NaN with fewer than ten values, which say little.
func noise(values []float64) float64 {
	if len(values) < 10 {
		return math.NaN()
	}
	differences := make([]float64, len(values)-1)
	for i := range differences {
		differences[i] = values[i+1] - values[i]
	}
	_, variance := moments.Of(differences)
	return math.Sqrt(variance / 2)
}
