// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/summary"
)

// Errors of a run that did not reach its end.
var (
	ErrCollapsed = errors.New("the guard stopped the run because it had collapsed")
	ErrStopped   = errors.New("the run was stopped")
	ErrStale     = errors.New("the run's process is gone, and did not say why")
)

// lookTime is the time between two looks at a run.
const lookTime = time.Second

// Lines prints a line when the run in dir has been evaluated, raised an alarm, saved a checkpoint or ended, and a line
// of how it stands at most once in every. It returns when the run has ended, nil if it reached its end, or when ctx
// ends.
func Lines(ctx context.Context, w io.Writer, dir string, every time.Duration) error {
	f := follow(dir)
	var said time.Time
	marks, evaluations, step, gone := 0, 0, -1, 0
	for {
		more := f.look()
		if f.err != nil {
			return f.err
		}
		var failed error
		say := func(text string) {
			_, err := fmt.Fprintln(w, text)
			failed = errors.Join(failed, err)
		}
		if !more {
			all := f.log.Marks()
			for _, e := range all[min(marks, len(all)):] {
				say(event(e))
			}
			marks = len(all)
			evals := f.log.Evaluations()
			if n := len(evals); n > evaluations && evals[n-1].Probe != run.GuardProbe || f.run.Step > step &&
				time.Since(said) >= every {
				say(f.facts())
				said, step = time.Now(), f.run.Step
			}
			evaluations = len(evals)
		}
		if failed != nil {
			return failed
		}
		switch f.run.State {
		case summary.Finished:
			return nil
		case summary.Collapsed:
			return ErrCollapsed
		case summary.Stopped:
			return fmt.Errorf("%w at step %d: parallax pretrain --resume %s goes on", ErrStopped, f.run.Step,
				printable.Name(dir))
		case summary.Stale: // between its last line and the end of its process a run is neither
			if gone++; gone > 3 {
				return fmt.Errorf("%w; its last step is %d: parallax pretrain --resume %s goes on", ErrStale,
					f.run.Step,
					printable.Name(dir))
			}
		default:
			gone = 0
		}
		wait := lookTime
		if more {
			wait = 0
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// Once prints how the run in dir stands, with its curves, in lines of width characters.
func Once(w io.Writer, dir string, width int) error {
	f := follow(dir)
	for f.look() {
	}
	if f.err != nil {
		return f.err
	}
	s := screen{run: f, width: max(40, width), height: everything}
	_, err := fmt.Fprintln(w, ansi.Strip(s.text()))
	return err
}
