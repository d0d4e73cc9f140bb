// SPDX-License-Identifier: Apache-2.0

package train

import (
	"cmp"
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/run"
)

// stages are the stages of a run, as functions of the step alone.
type stages struct {
	planned int                // steps of the schedule
	ends    []int              // the steps after which the stages end; the last is the run's length
	until   []int              // the steps of the schedule that are done by then
	recipes [][]augment.Recipe // of the views, by stage
}

// newStages returns the stages of a run of so many steps with the recipes of full-size views; nil if there is one.
func newStages(c *config.Layered, steps int, full []augment.Recipe) *stages {
	s := &c.Stages
	if s.Number() == 1 && len(s.Sizes)+len(s.Strength) == 0 {
		return nil
	}
	ends := s.Ends
	if len(ends) == 0 {
		ends = s.EndsOf(steps)
	}
	p := &stages{planned: cmp.Or(s.Planned, steps)}
	p.until = append(s.EndsOf(p.planned), p.planned)
	for stage := range s.Number() {
		end := steps
		if stage < len(ends) {
			end = min(ends[stage], steps)
		}
		p.ends = append(p.ends, end)
		p.recipes = append(p.recipes, c.Staged(stage, full))
	}
	return p
}

// at returns the stage to which a step belongs. Steps past the end belong to the last stage.
func (p *stages) at(step int) int {
	for stage, end := range p.ends {
		if step < end {
			return stage
		}
	}
	return len(p.ends) - 1
}

// of returns the step of the schedule that belongs to a step of the run: the same one, unless the stages differ in
// length.
func (p *stages) of(step int) int {
	stage := p.at(step)
	from, scheduled := 0, 0
	if stage > 0 {
		from, scheduled = p.ends[stage-1], p.until[stage-1]
	}
	taken, whole := p.ends[stage]-from, p.until[stage]-scheduled
	if taken <= 0 || taken == whole {
		return scheduled + step - from
	}
	return scheduled + int(math.Round(float64(step-from)*float64(whole)/float64(taken)))
}

// pace returns a schedule that advances with the stages.
func (p *stages) pace(s optim.Schedule) optim.Schedule { return paced{s, p} }

type paced struct {
	optim.Schedule
	stages *stages
}

// At returns the value at a step of the run.
func (s paced) At(step int) float64 { return s.Schedule.At(s.stages.of(step)) }

// replan gives the run the length and the stages that a hook has decided. The step's checkpoint follows if it is due.
func (t *Trainer) replan(r Replan) error {
	if r.Steps <= t.step {
		return fmt.Errorf("a plan of %d steps was made after step %d", r.Steps, t.step)
	}
	t.Config.Replan(t.Steps, r.Steps, r.Ends, fmt.Sprintf("planned anew at step %d", t.step))
	if !t.follows() {
		if err := t.Dir.SaveConfig(t.Config); err != nil {
			return err
		}
	}
	t.Steps, t.back = r.Steps, true
	t.schedules()
	if err := t.emit(run.Event{Event: run.Replanned, Steps: r.Steps, Message: r.Why}); err != nil {
		return err
	}
	if t.step%t.Config.Train.SaveEvery == 0 {
		return t.save()
	}
	return nil
}
