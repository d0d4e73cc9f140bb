// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab/internal/moments"
)

// chance returns the probability that at least so many of the seeds agree if each agrees with a probability of a half:
// the one-sided sign test. It is 0.03 for five of five, and 0.19 for four of five.
func chance(agree, seeds int) float64 {
	return distuv.Binomial{N: float64(seeds), P: 0.5}.Survival(float64(agree) - 1)
}

// Adjust sets what remains of each finding's P among all of them, by Benjamini & Hochberg 1995 (J. R. Stat. Soc. B 57,
// 289-300). If the claims with an adjusted P of at most q count as confirmed, a share of at most q of them is expected
// to be there by chance. This holds if tests are independent or positively dependent (Benjamini & Yekutieli 2001, Ann.
// Stat. 29, 1165-1188). Claims share seeds and arms.
func Adjust(all []Finding) {
	var tested []int // largest P first
	for i, f := range all {
		if f.P > 0 {
			tested = append(tested, i)
		}
	}
	slices.SortStableFunc(tested, func(i, k int) int { return cmp.Compare(all[k].P, all[i].P) })
	least := 1.0
	for i, at := range tested {
		rank := len(tested) - i
		least = math.Min(least, all[at].P*float64(len(tested))/float64(rank))
		all[at].Adjusted = least
	}
}

// A Distance is the size of an arm's difference from its control, for an arm that should not collapse.
type Distance struct {
	Arm    string `json:"arm"`
	Of     string `json:"of"`
	Metric Metric `json:"metric"`
	// Mean is the mean difference over seeds, arm minus control. Low and High are the limits of its 95 % interval by
	// Student's t, over the pairs of runs with the same seed.
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Deviation is the pooled standard deviation of both arms over seeds.
	Deviation float64 `json:"deviation"`
	// Limit is the difference from which on a diagnosis can speak of a collapse.
	Limit float64 `json:"limit"`
}

// Distances returns how far each arm that should not collapse is from its control, in the mean cosine and in the log of
// the effective rank. A verdict that nothing collapsed has no effect that must be large, so these are its effects.
// Arms with fewer than two seeds and controls have none.
func (e Experiment) Distances(samples []Sample) []Distance {
	t := collapse.DefaultThresholds()
	var all []Distance
	for _, x := range e.Expect {
		of := e.reference(x.Spread)
		if x.Spread == "" || of == x.Spread {
			continue
		}
		for _, d := range []Distance{
			{Arm: x.Spread, Of: of, Metric: MeanCosine, Limit: t.CosineMore},
			{Arm: x.Spread, Of: of, Metric: EffectiveRank, Limit: math.Log(t.RankRatio)},
		} {
			if d.measure(samples) {
				all = append(all, d)
			}
		}
	}
	return all
}

// measure fills in the difference. It returns false if fewer than two seeds were measured.
func (d *Distance) measure(samples []Sample) bool {
	var arm, of, pairs []float64
	for _, s := range samples {
		x, y := s.Value(d.Arm, d.Metric), s.Value(d.Of, d.Metric)
		if d.Metric == EffectiveRank {
			x, y = math.Log(math.Max(x, 1)), math.Log(math.Max(y, 1))
		}
		if !math.IsNaN(x) && !math.IsNaN(y) {
			arm, of, pairs = append(arm, x), append(of, y), append(pairs, x-y)
		}
	}
	n := float64(len(pairs))
	if n < LeastSeeds {
		return false
	}
	mean, variance := moments.Of(pairs)
	_, ofArm := moments.Of(arm)
	_, ofOther := moments.Of(of)
	half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * math.Sqrt(variance/n)
	d.Mean, d.Low, d.High, d.Deviation = mean, mean-half, mean+half, math.Sqrt((ofArm+ofOther)/2)
	return true
}
