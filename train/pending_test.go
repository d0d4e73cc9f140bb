// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// reader is a hook that reads images for an evaluation, as the probe does: it fails when a signal has come, after which
// it is as before the call.
type reader struct {
	average
	ctx   context.Context
	reads int
	read  func(n int) // called before each read
}

func (*reader) Name() string { return "reader" }

func (r *reader) After(p *train.Progress) (train.Decision, error) {
	before := r.average
	r.values = append([]float64(nil), r.values...)
	if err := r.evaluate(p); err != nil {
		r.average = before
		return nil, err
	}
	return nil, nil
}

func (r *reader) evaluate(p *train.Progress) error {
	if !p.Due {
		_, err := r.average.After(p)
		return err
	}
	for n := range 3 {
		if r.read != nil {
			r.read(r.reads)
		}
		r.reads++
		if r.ctx.Err() != nil {
			return fmt.Errorf("reading images: %w", context.Cause(r.ctx))
		}
		e := run.Event{Event: run.Eval, Probe: "reader", Of: fmt.Sprint("part ", n)}
		if err := p.Emit(e); err != nil {
			return err
		}
	}
	_, err := r.average.After(p)
	return err
}

// looker is a hook that comes after the reader and must get its look, too.
type looker struct{ seen []int }

func (*looker) Name() string { return "looker" }

func (l *looker) After(p *train.Progress) (train.Decision, error) {
	if !p.Due {
		return nil, nil
	}
	l.seen = append(l.seen, p.Step)
	return nil, p.Emit(run.Event{Event: run.Eval, Probe: "looker"})
}

// An evaluation that a signal ends at any read is made up when the run resumes. The run then ends as if it had never
// been stopped: weights, evaluations, best checkpoint, encoder.
func TestStoppedEvaluationIsMadeUp(t *testing.T) {
	job := func(ctx context.Context, saveEvery int, read func(int)) job {
		return job{
			set: func(c *config.Config) { c.Train.SaveEvery, c.Train.EvalEvery, c.Train.Keep = saveEvery, 3, 1 },
			hooks: []train.Hook{
				&reader{ctx: ctx, read: read}, &looker{},
			},
		}
	}
	for _, saveEvery := range []int{3, 4} { // evaluations at the steps of checkpoints, and at others
		want := job(t.Context(), saveEvery, nil).whole(t)
		const reads = 3 * 5 // at steps 0, 3, 6, 9, 10
		for stop := range reads {
			t.Run(fmt.Sprintf("a checkpoint every %d steps, read %d", saveEvery, stop), func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				got := filepath.Join(t.TempDir(), "run")
				first := job(ctx, saveEvery, func(n int) {
					if n == stop {
						cancel(errStop)
					}
				})
				if err := first.run(t, ctx, got, false); !errors.Is(err, errStop) {
					t.Fatalf("it ended with %v", err)
				}
				// The second process is stopped, too, while it makes the evaluation up.
				ctx, cancel = context.WithCancelCause(t.Context())
				second := job(ctx, saveEvery, func(n int) {
					if n == 1 {
						cancel(errStop)
					}
				})
				if err := second.run(t, ctx, got, true); !errors.Is(err, errStop) {
					t.Fatalf("then it ended with %v", err)
				}
				must(t, job(t.Context(), saveEvery, nil).run(t, t.Context(), got, true))
				same(t, want, got, 10)
				if hash(t, filepath.Join(want, run.BestFile)) != hash(t, filepath.Join(got, run.BestFile)) {
					t.Error("the best checkpoints differ")
				}
			})
		}
	}
}
