// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
)

// runSchedule runs the cases schedule/warmup_cosine (the learning rate) and schedule/byol_momentum (of the target).
func runSchedule(c *Case) error {
	steps := c.In("steps").Ints()
	got := make([]float64, len(steps))
	var want string
	switch {
	case c.Has("out.lr"):
		want = "lr"
		s := optim.WarmupCosine{
			Base: c.Number("base"), Start: c.NumberOr("warmup_start", 0), Final: c.NumberOr("final", 0),
			Warmup: int(c.NumberOr("warmup_steps", 0)), Total: c.Int("total_steps"),
		}
		for i, step := range steps {
			got[i] = s.At(step)
		}
	case c.Has("out.momentum"):
		want = "momentum"
		for i, step := range steps {
			got[i] = nn.Cosine(c.Number("base"), c.Number("final"), step, c.Int("total_steps"))
		}
	default:
		return skip("this schedule is neither of a rate (out.lr) nor of a momentum (out.momentum)")
	}
	return compareSlices(want, got, c.Out(want).Float64s(), c.RTol, c.ATol)
}
