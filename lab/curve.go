// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab/internal/moments"
	"github.com/parallax-ssl/parallax/run"
)

// Curve is the metric over the steps at which it was measured.
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
			return run.Number{Value: 1 - e.Metrics[run.Alignment].Value/2, Known: e.Metrics[run.Alignment].Known}
		})
	case m == AlignmentUniformity:
		return t.evaluated(m.Of(), func(e run.Event) run.Number {
			return run.Number{Value: e.Metrics[run.Alignment].Value + e.Metrics[run.Uniformity].Value, Known: e.Metrics[run.Alignment].Known && e.Metrics[run.Uniformity].Known}
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
			return run.Number{Value: e.Metrics[run.EffectiveRank].Value / float64(e.Dims), Known: e.Metrics[run.EffectiveRank].Known && e.Dims > 0}
		})
	}
	return t.evaluated(m.Of(), func(e run.Event) run.Number {
		v, known := e.Numbers()[m.Name()]
		return run.Number{Value: v, Known: known}
	})
}

// evaluated is a number of the evaluations on the first probe.
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

// between gathers a number of the logged steps from one evaluation to the next, and makes one of them.
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

// ofSpectrum computes a metric of the singular values, largest first, of which the first is above 0, of rows of dims
// columns. It is NaN where there are too few for it.
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

// average is NaN of nothing.
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

// noise is the standard deviation of what remains when a slow trend is taken away: of differences of neighbours, over
// √2. NaN Of fewer than ten values, which say little.
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
