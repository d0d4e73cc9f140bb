// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// mean is a statistic like an accuracy.
func mean(values []float64) func(rows []int) []float64 {
	return func(rows []int) []float64 {
		sum := 0.0
		for _, row := range rows {
			sum += values[row]
		}
		return []float64{sum / float64(len(rows))}
	}
}

// For 400 samples of 150 coin tosses, about 95 of 100 intervals hold the coin's probability. Three standard errors of
// that share are 0.033, and the percentile interval is known to be a little too narrow.
func TestBootstrapCoversBernoulliMeans(t *testing.T) {
	r := rng()
	for _, p := range []float64{0.3, 0.5, 0.8} {
		held, samples, width := 0, 400, 0.0
		for range samples {
			throws := make([]float64, 150)
			for i := range throws {
				if r.Float64() < p {
					throws[i] = 1
				}
			}
			interval := Bootstrap(len(throws), 300, r, mean(throws))[0]
			if interval.Low <= p && p <= interval.High {
				held++
			}
			width += (interval.High - interval.Low) / float64(samples)
		}
		if share := float64(held) / float64(samples); share < 0.91 || share > 0.985 {
			t.Errorf("p %g: %.3f of the intervals hold it, want 0.95", p, share)
		}
		if want := 2 * 1.96 * math.Sqrt(p*(1-p)/150); math.Abs(width/want-1) > 0.05 {
			t.Errorf("p %g: they are %.4f wide in the mean, want %.4f, the normal approximation", p, width, want)
		}
	}
}

func TestBootstrapIsPairedAndSeeded(t *testing.T) {
	a := make([]float64, 60)
	for i := range a {
		a[i] = float64(i % 3)
	}
	stat := func(rows []int) []float64 {
		v := mean(a)(rows)[0]
		return []float64{v, v + 0.25, 0.25} // two networks, one always better by 0.25
	}
	got := Bootstrap(60, 200, rand.New(rand.NewPCG(1, 2)), stat)
	if got[0].Value != 1 || got[2] != (Interval{0.25, 0.25, 0.25}) {
		t.Errorf("the mean is %+v and the difference %+v, want 1 and 0.25 throughout", got[0], got[2])
	}
	if math.Abs(got[1].Low-got[0].Low-0.25) > 1e-12 || math.Abs(got[1].High-got[0].High-0.25) > 1e-12 {
		t.Errorf("the draws of two statistics differ: %+v and %+v", got[0], got[1])
	}
	if again := Bootstrap(60, 200, rand.New(rand.NewPCG(1, 2)), stat); !reflect.DeepEqual(got, again) {
		t.Errorf("the same seed gives %+v and %+v", got, again)
	}
	other := Bootstrap(60, 200, rand.New(rand.NewPCG(1, 3)), stat)
	if other[0].Low == got[0].Low && other[0].High == got[0].High {
		t.Error("another seed gives the same bounds")
	}
}

// A clustering's scores are higher on draws with repeated rows. The interval is nevertheless about the score.
func TestBootstrapTakesOutTheBiasOfDraws(t *testing.T) {
	r := rng()
	clusters, labels := make([]int, 150), make([]int, 150)
	for i := range clusters {
		clusters[i], labels[i] = r.IntN(10), r.IntN(10)
	}
	nmi := func(rows []int) []float64 {
		c, l := make([]int, len(rows)), make([]int, len(rows))
		for i, row := range rows {
			c[i], l[i] = clusters[row], labels[row]
		}
		scores, err := ScoreClusters(c, l)
		if err != nil {
			t.Fatal(err)
		}
		return []float64{scores.NMI}
	}
	drawn, all := 0.0, nmi(rng().Perm(150))[0]
	for range 100 {
		rows := make([]int, 150)
		for i := range rows {
			rows[i] = r.IntN(150)
		}
		drawn += nmi(rows)[0] / 100
	}
	if drawn-all < 0.05 {
		t.Fatalf("NMI of draws is %.3f in the mean and of all rows %.3f: this test wants a bias", drawn, all)
	}
	if got := Bootstrap(150, 200, r, nmi)[0]; math.Abs(got.Value-all) > 1e-12 || got.Low > all || got.High < all {
		t.Errorf("%+v does not hold the score of all rows, %.3f", got, all)
	}
}

func TestBootstrapOfOneDraw(t *testing.T) {
	if got := Bootstrap(1, 1, rng(), mean([]float64{0.5}))[0]; got != (Interval{0.5, 0.5, 0.5}) {
		t.Errorf("one row, one draw: %+v", got)
	}
}
