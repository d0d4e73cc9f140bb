// SPDX-License-Identifier: Apache-2.0

package lab

import "testing"

// A seed agrees only if every expectation holds in it. One unclear expectation makes the seed unclear.
func TestSeedsAgreeWhenEveryExpectationHolds(t *testing.T) {
	says := func(o Outcome) Expectation { return Expectation{Judge: func(Experiment, Sample) Outcome { return o }} }
	for _, c := range []struct {
		of   []Outcome
		want Outcome
	}{
		{[]Outcome{Agrees}, Agrees},
		{[]Outcome{Agrees, Agrees}, Agrees},
		{[]Outcome{Agrees, Opposes}, Opposes},
		{[]Outcome{Opposes, Agrees}, Opposes},
		{[]Outcome{Opposes, Unclear}, Unclear},
		{[]Outcome{Agrees, Unclear}, Unclear},
	} {
		var e Experiment
		for _, o := range c.of {
			e.Expect = append(e.Expect, says(o))
		}
		if got := e.Outcome(Sample{}); got != c.want {
			t.Errorf("%v is %v, want %v", c.of, got, c.want)
		}
	}
}

func TestMostSeeds(t *testing.T) {
	for of, want := range map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 10: 8, 15: 12} { // 4 of 5, and no fewer of less
		if !most(want, of) || most(want-1, of) {
			t.Errorf("of %d seeds %d are enough, not %d", of, want, want-1)
		}
	}
}
