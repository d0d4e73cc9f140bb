// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/eval"
)

func TestGrid(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		own    eval.Vote
		images int
		ks     []int
		ts     []float64
		want   eval.Vote
	}{
		{eval.Vote{K: 20, Temperature: 0.07}, 1000, []int{1, 5, 10, 20, 50, 100, 200}, []float64{0.07, 0.1, 0.2, inf},
			eval.Vote{K: 20, Temperature: 0.07}},
		{eval.Vote{K: 20, Temperature: 0.07}, 20, []int{1, 5, 10, 20}, []float64{0.07, 0.1, 0.2, inf},
			eval.Vote{K: 20, Temperature: 0.07}},
		{eval.Vote{K: 20, Temperature: 0.07}, 12, []int{1, 5, 10, 12}, []float64{0.07, 0.1, 0.2, inf},
			eval.Vote{K: 12, Temperature: 0.07}},
		{eval.Vote{K: 7, Temperature: 0.5}, 60, []int{1, 5, 7, 10, 20, 50}, []float64{0.07, 0.1, 0.2, 0.5, inf},
			eval.Vote{K: 7, Temperature: 0.5}},
		{eval.Vote{K: 500, Temperature: 0.02}, 1, []int{1}, []float64{0.02, 0.07, 0.1, 0.2, inf},
			eval.Vote{K: 1, Temperature: 0.02}},
	} {
		var want []eval.Vote
		for _, k := range c.ks {
			for _, temperature := range c.ts {
				want = append(want, eval.Vote{K: k, Temperature: temperature})
			}
		}
		got, own := grid(c.own, c.images)
		if !slices.Equal(got, want) || got[own] != c.want {
			t.Errorf("%+v of %d images: %v, its own %v", c.own, c.images, got, got[own])
		}
	}
}

// Accuracies and gains of two networks with two scores each, by hand; images without a label do not count.
func TestAccuracies(t *testing.T) {
	labels := []int{0, -1, 1, 1, -1, 0}
	predict := func(predictions ...int) []float64 {
		return hits(labels, func(i int) bool { return predictions[i] == labels[i] })
	}
	if got := predict(0, 0, 0, 1, 1, 1); !slices.Equal(got, []float64{1, 0, 1, 0}) {
		t.Errorf("hits %v, want 1 0 1 0", got)
	}
	e := &evaluating{Request: &Request{Resamples: 200, Seed: 3}, compared: make([]*embedded, 2)}
	right := [][]float64{predict(0, 0, 1, 1, 0, 0), predict(0, 0, 1, 1, 0, 1), predict(1, 0, 0, 0, 0, 1),
		predict(0, 0, 1, 0, 0, 1)}
	tops, gains := e.accuracies(right, 2, []int{1})
	for i, want := range []float64{1, 0.75, 0, 0.5} {
		if tops[i].Value != want || tops[i].Low > want || tops[i].High < want || tops[i].Low < 0 || tops[i].High > 1 {
			t.Errorf("score %d is %+v, want %g", i, tops[i], want)
		}
	}
	if len(gains) != 1 || gains[0].Value != 0.25 || gains[0].Low < -0.1 {
		t.Errorf("gains %+v: want 0.25, and hardly below 0, since no image became wrong", gains)
	}
	e.compared = e.compared[:1]
	if _, gains := e.accuracies(right[:2], 2, []int{1}); len(gains) != 0 {
		t.Errorf("one network gained %+v", gains)
	}
}

func TestScoreText(t *testing.T) {
	for s, want := range map[Score]string{
		{0.5, 0.25, 1}:              "0.500 [0.250, 1.000]",
		{-0.0001, -0.25, 0.1}:       "0.000 [-0.250, 0.100]",
		{-0.01, -0.0104, -0.000499}: "-0.010 [-0.010, 0.000]",
	} {
		if got := s.String(); got != want {
			t.Errorf("%#v is %s, want %s", s, got, want)
		}
	}
}
