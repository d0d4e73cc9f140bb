// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/train"
)

// due notes the steps at which an evaluation was due.
type due struct{ at []int }

func (*due) Name() string { return "due" }
func (d *due) After(p *train.Progress) (train.Decision, error) {
	if p.Due {
		d.at = append(d.at, p.Step)
	}
	return nil, nil
}

func TestEarlyEvaluations(t *testing.T) {
	for early, want := range map[bool][]int{false: {0, 8, 12}, true: {0, 1, 2, 5, 8, 10, 12}} {
		var d due
		job{hooks: []train.Hook{&d}, set: func(c *config.Config) {
			c.Train.MaxSteps, c.Train.EvalEvery, c.Train.EvalEarly = 12, 8, early
		}}.whole(t)
		if !slices.Equal(d.at, want) {
			t.Errorf("train.eval_early %v: evaluations after %v steps, want %v", early, d.at, want)
		}
	}
}
