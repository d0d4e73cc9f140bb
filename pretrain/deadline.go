// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// A deadline is the hook that ends a run in time. It follows all other hooks, so it sees what they take. At the end of
// a stage it plans the rest of the run anew; within a stage it only ends a run that would be late.
type deadline struct {
	limit time.Time        // when the process must be done
	whole float64          // seconds from the beginning to the limit
	after float64          // seconds that are kept for the report
	now   func() time.Time // the clock

	config     *config.Config // of the run
	pace       []float64      // seconds of a step in each stage, as far as is known
	evaluation float64        // seconds of an evaluation
	last       time.Time      // the end of the call before
	seconds    float64        // of the stage's steps so far, without those with an evaluation
	steps      int            // how many these are
	slow       float64        // how much slower than its pace a step was lately
}

// The parts of the time that are not for steps.
const (
	evaluating = 0.06 // share of the time for evaluations between the first and the last
	ending     = 0.01 // share of the time that is kept for the last checkpoint and the export
	reporting  = 0.01 // share that is kept for the report, but not more than mostReport
	mostReport = 4.   // seconds
	mostEvals  = 10   // between the first and the last
	recent     = 0.3  // weight of a step in how slow steps are lately
	tolerance  = 0.05 // a plan stands if the rest of the run would be longer or shorter by less
)

// left is how many seconds there are until the limit, without those for the end.
func (d *deadline) left() float64 { return d.limit.Sub(d.now()).Seconds() - ending*d.whole - d.after }

// fit returns the steps of a run that fits, and the steps between its evaluations. The first evaluation takes longer
// than was rehearsed, since it decodes the images.
func (d *deadline) fit() (steps, every int) {
	left := d.left() - 3*d.evaluation
	between := min(mostEvals, max(0, int(evaluating*d.whole/max(d.evaluation, 1e-3))))
	left -= float64(between) * d.evaluation
	steps = int(min(left/mean(d.pace), config.MaxSteps))
	return steps, max(1, (steps+between)/(between+1))
}

// Name is "deadline".
func (*deadline) Name() string { return "deadline" }

// Blind is true: the deadline looks at the clock.
func (*deadline) Blind() bool { return true }

// watch starts the clock when training starts, or goes on after a change. The first step is not counted: libtorch
// chooses kernels in it. It comes before or after the first evaluation, see train.Trainer.Copied.
func (d *deadline) watch(e run.Event) {
	switch e.Event {
	case run.Start, run.Rewound, run.Replanned:
		d.last, d.seconds, d.steps, d.slow = d.now(), 0, 0, 1
	case run.StepEnd:
		if e.Step == 1 {
			d.last = d.now()
		}
	}
}

// After measures the step, or the evaluation that it had, and plans anew where a stage has ended.
func (d *deadline) After(p *train.Progress) (train.Decision, error) {
	now := d.now()
	spent := now.Sub(d.last).Seconds()
	d.last = now
	if p.Step == 0 {
		d.evaluation = spent
		return nil, nil
	}
	ends := append(slices.Clone(d.config.Stages.Ends), p.Of)
	stage := 0
	for ends[stage] < p.Step {
		stage++
	}
	switch {
	case p.Due:
		d.evaluation = max(0, spent-d.pace[stage])
	case p.Step > 1:
		d.seconds, d.steps = d.seconds+spent, d.steps+1
		d.slow += recent * (spent/d.pace[stage] - d.slow)
	}
	if p.Step+1 >= p.Of {
		return nil, nil
	}
	evaluations := 1.
	if (p.Step+1)%d.config.Train.EvalEvery == 0 { // or the step after that would be the last, with one of its own
		evaluations = 2
	}
	if d.left() < evaluations*max(1, d.slow)*(d.evaluation+d.pace[stage]) {
		for i := range ends {
			ends[i] = min(ends[i], p.Step+1)
		}
		return train.Replan{Steps: p.Step + 1, Ends: ends[:len(ends)-1], Why: "the time is up"}, nil
	}
	if p.Step < ends[stage] {
		return nil, nil
	}
	if d.steps > 0 { // later stages are as much slower or faster than was known
		ratio := d.seconds / float64(d.steps) / d.pace[stage]
		if ratio < 1 { // a fast stage may be luck, and a run that is late cannot be helped
			ratio = math.Sqrt(ratio)
		}
		for s := stage; s < len(d.pace); s++ {
			d.pace[s] *= ratio
		}
		d.seconds, d.steps = 0, 0
	}
	return d.again(p, ends, stage), nil
}

// again plans the stages after one that has just ended: as many steps in each as the time allows.
func (d *deadline) again(p *train.Progress, ends []int, stage int) train.Decision {
	evaluations := 1 + (p.Of-p.Step-1)/d.config.Train.EvalEvery
	left := d.left() - float64(evaluations)*d.evaluation
	after := len(ends) - 1 - stage
	each := max(0, left) / (mean(d.pace[stage+1:]) * float64(after))
	planned := float64(p.Of-p.Step) / float64(after)
	if math.Abs(each/planned-1) < tolerance {
		return nil
	}
	for i := 1; i <= after; i++ {
		ends[stage+i] = p.Step + int(min(math.Round(float64(i)*each), config.MaxSteps/2))
	}
	steps := max(p.Step+1, ends[len(ends)-1])
	why := fmt.Sprintf("%d steps, not %d: steps are faster than planned", steps, p.Of)
	if steps < p.Of {
		why = fmt.Sprintf("%d steps, not %d: steps are slower than planned", steps, p.Of)
	}
	return train.Replan{Steps: steps, Ends: ends[:len(ends)-1], Why: why}
}
