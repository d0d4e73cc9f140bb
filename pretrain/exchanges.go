// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/torch"
)

// Exchanges are what the processes of a run exchange, whatever their number.
type Exchanges struct {
	Batch int           // images of a step, of all processes
	Start torch.Traffic // of what the method does before the first step of an epoch
	Step  torch.Traffic // of a step
	State int           // bytes that the chief hands to the others at the start, and that a checkpoint has
}

// Exchanges makes a step of the job in a single process, which exchanges with itself what several would with one
// another, and counts; two steps if something comes before the first one. It writes nothing. Afterwards the job is good
// for nothing but Close.
func (j *Job) Exchanges(ctx context.Context) (e *Exchanges, err error) {
	alone, err := dist.Alone()
	if err != nil {
		return nil, err
	}
	defer alone.Close()
	s, err := j.prepare(ctx, "", &Options{together: alone})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.quarantine(""); err != nil {
		return nil, err
	}
	e = &Exchanges{Batch: j.Config.Train.Batch * j.Config.Train.Accumulate}
	if e.State, err = s.StateBytes(); err != nil {
		return nil, err
	}
	steps := 1
	if _, ok := parallax.As[parallax.Starter](j.Method); ok {
		steps = 2
	}
	var seen []torch.Traffic
	look := func() error {
		return torch.Scope(func() error { seen = append(seen, torch.Exchanged()); return nil })
	}
	failed := look()
	err = s.Rehearse(ctx, 0, func(time.Duration) bool {
		failed = errors.Join(failed, look())
		return len(seen) <= steps
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	if len(seen) <= steps {
		return nil, fmt.Errorf("%d steps were made, too few to count what a step exchanges", len(seen)-1)
	}
	e.Step = seen[steps].Since(seen[steps-1])
	if steps > 1 {
		e.Start = seen[1].Since(seen[0]).Since(e.Step)
	}
	return e, nil
}
