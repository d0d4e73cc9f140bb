// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/torch"
)

// These embeddings are made so that a verdict by one number is wrong and [collapse.Diagnose] is right. Package collapse
// tests the same traps on the numbers of real runs.

// is fails the test unless a network that began with a healthy embedding and now has the metrics m is of the class.
func is(t *testing.T, what string, m collapse.Metrics, want collapse.Class) {
	t.Helper()
	began := collapse.Metrics{Dims: m.Dims, MeanCosine: 0.3, EffectiveRank: float64(m.Dims) / 4,
		ParticipationRatio: float64(m.Dims) / 8}
	run := collapse.Run{Steps: 200, History: []collapse.Reading{{KNN: collapse.Num(0.4), Embedding: &began}}}
	for _, step := range []int{50, 100, 200} {
		run.History = append(run.History, collapse.Reading{Step: step, KNN: collapse.Num(0.75), Embedding: &m})
	}
	if got := collapse.Diagnose(run, nil, collapse.Thresholds{}).Class; got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestRowsOnALineLookHealthyToStd(t *testing.T) {
	in(t, func() { // rows on a line through the origin
		const n, d = 1000, 128
		v := gaussian(rng(), n, 1)
		line := matrix(v, 1).MatMul(torch.Ones(torch.F64, 1, d))
		m := measure.Embedding(line.Add(matrix(gaussian(rng(), n, d), d).Scale(0.05)))
		between(t, "std", m.Std, 0.9, 1.01)
		between(t, "mean cosine", m.MeanCosine, -0.1, 0.1)
		is(t, "rows on a line", m, collapse.Dimensional)
	})
}

func TestNoiseAroundOnePointLooksHealthyToRank(t *testing.T) {
	in(t, func() { // one point with isotropic noise
		const n, d = 1000, 64
		m := measure.Embedding(matrix(gaussian(rng(), n, d), d).Scale(1e-3).Shift(1))
		between(t, "effective rank", m.EffectiveRank, 0.9*d, d)
		is(t, "noise around one point", m, collapse.Complete)
	})
}

// Before training, a head with batch norm gives one point with its initial running statistics, but not with the
// statistics of its images.
func TestUntrainedStatisticsMakeOnePoint(t *testing.T) {
	in(t, func() {
		const n, d = 512, 32
		r := rng()
		h := matrix(gaussian(r, n, d), d).Scale(0.1).Shift(2).To(torch.F32) // features after a ReLU: a large mean
		weight := matrix(gaussian(r, d, d), d).Scale(0.2).To(torch.F32)
		out := matrix(gaussian(r, d, d), d).Scale(0.2).To(torch.F32)
		one, zero := torch.Ones(torch.F32, d), torch.Zeros(torch.F32, d)
		head := func(training bool) collapse.Metrics {
			x := torch.Linear(h, weight, zero)
			x = torch.BatchNorm(x, one, zero, zero.Clone(), one.Clone(), training, 0.1, 1e-5)
			return measure.Embedding(torch.Linear(x.ReLU(), out, zero))
		}
		untrained, own := head(false), head(true)
		between(t, "mean cosine with untrained statistics", untrained.MeanCosine, 0.98, 1)
		between(t, "mean cosine with the images' statistics", own.MeanCosine, -0.1, 0.6)
	})
}
