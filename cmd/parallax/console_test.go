// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
)

// What comes before the first step says nothing about the steps, and a run with a deadline ends by it.
func TestTimeLeft(t *testing.T) {
	near := func(got, want time.Duration) bool { return got > want-time.Minute && got < want+time.Minute }
	v := &console{steps: 3601, start: time.Now().Add(-time.Hour), last: map[string]run.Event{}}
	if got := v.left(1); got != 0 {
		t.Errorf("before any step: %v left", got)
	}
	v.remember(run.Event{Event: run.StepEnd, Step: 1})
	if got := v.left(1); got != 0 {
		t.Errorf("after the first step: %v left", got)
	}
	v.paced = v.paced.Add(-20 * time.Second) // ten steps of two seconds
	v.remember(run.Event{Event: run.StepEnd, Step: 11})
	if got := v.left(11); !near(got, 2*3590*time.Second) {
		t.Errorf("after ten steps of two seconds: %v left of 3,590 steps", got)
	}
	v.remember(run.Event{Event: run.Rewound, From: 11, Step: 6}) // five of them are done again
	if got := v.left(6); !near(got, 2*3595*time.Second) {
		t.Errorf("after a rewind: %v left of 3,595 steps", got)
	}
	if v.deadline = time.Now().Add(time.Hour); !near(v.left(11), time.Hour) {
		t.Errorf("an hour before the deadline: %v left", v.left(11))
	}
}
