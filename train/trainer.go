// SPDX-License-Identifier: Apache-2.0

package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/trace"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Trainer trains one method on one data set. Make it with [New]; to continue a run, call [Trainer.Resume]. Then call
// [Trainer.Run] once and [Trainer.Close].
type Trainer struct {
	Options
	Steps int // optimiser steps of the whole run

	params    *nn.Params
	encoder   parallax.Encoder
	tap       *tap
	tape      *torch.Tape // nil: the whole batch has one graph
	optimizer *optim.Optimizer
	schedule  optim.Schedule                 // of the learning rate
	decay     optim.Schedule                 // of the weight decay
	stages    *stages                        // of the schedules and the views; nil: one
	rule      func(decay float64) optim.Rule // of the optimiser
	log       *run.Log
	supports  *dataset.Balanced // labelled batches, for a parallax.Supporter
	spec      parallax.SupportSpec
	support   func() (*dataset.Batch, error) // returns the labelled batch for the next batch

	step    int     // optimiser steps done
	part    int     // batches done of the next step, below train.accumulate
	loss    float64 // of the next step, summed over those batches so far
	saved   int     // the step of the newest checkpoint, -1 for none
	asked   bool    // the next checkpoint is one that was asked for
	rating  rating
	doubted bool     // a hook doubts the weights
	pending *pending // a hook's call that a signal ended; nil for none
	// The networks of step 0, until the hooks have seen them after the first step; nil at any other time.
	untrained []nn.Named
	average   *average
	asks      asks         // of the processes, in the running step
	shown     bool         // the processes gather what the hooks are shown of a batch
	quit      func(error)  // ends the run in this process
	badTold   map[int]bool // images that some process could not read, as all know

	history run.History
	back    bool   // the run has just gone back
	sound   string // the newest checkpoint that was not doubted
	best    checkpoint.Best
	clock   clock
	trace   *trace.Recorder // what the steps do, and when; nil without a profile
	profile profiler
	// unprofiled is why the profile could not be made.
	unprofiled error
}

// clock measures the speed for the step lines.
type clock struct {
	mark   time.Time     // when training continued after an evaluation or a checkpoint
	busy   time.Duration // training since the last step line, waiting for data included
	waits  time.Duration // waiting for data since the last step line
	logged int           // the step of the last step line
}

// Options are the parts that make a Trainer.
type Options struct {
	Config   *config.Layered
	Method   parallax.Method
	Backbone parallax.Backbone
	Loader   *dataset.Loader
	Dir      *run.Dir
	Init     []nn.State // starting weights of the backbone, see nn.Params.Adopt; nil: random ones
	Start    []nn.State // starting weights of other parts, by full name
	Redo     string     // the hook whose call after the last step a resume makes again; "" for none
	Data     string     // digest of the images' content, for the checkpoints; "" if it is not known
	Hooks    []Hook
	Watch    []func(run.Event) // called with every event, after the event was written
	Save     <-chan struct{}   // a value asks for a checkpoint after the current step
	Profile  int               // steps whose time is measured, after [ProfileWarmUp] others; 0: none
	Profiled func(*Profile)    // called with what they took, when they are over
	// Together are the processes that share each batch; nil for one. The chief has Dir, Hooks, Watch, Init and Start;
	// the others train with it and write nothing.
	Together *dist.Processes
}

// ErrCollapsed is wrapped by the error of a run that a Hook has stopped.
var ErrCollapsed = errors.New("the run has collapsed")

// New builds the networks and the optimiser. It fails when the batch is larger than the data set, or when the backbone
// and the method do not fit together.
func New(o Options) (*Trainer, error) {
	t := &Trainer{Options: o, Steps: Steps(&o.Config.Train, o.Loader.Steps()), saved: -1}
	t.Loader.Share = t.share()
	if err := o.Loader.Check(); err != nil {
		return nil, err
	}
	if n := t.Together.Processes(); o.Config.Train.Processes != n {
		return nil, fmt.Errorf("train.processes is %d, and there are %d", o.Config.Train.Processes, n)
	}
	err := errors.Join(t.prepareProfile(), t.prepareData())
	if err != nil {
		return nil, err
	}
	err = torch.Scope(func() error {
		torch.SetThreads(t.threads())
		t.params = nn.NewParams(o.Config.Seed, torch.F32)
		t.params.Fuse(t.fused())
		t.tap = &tap{Backbone: o.Backbone, init: o.Init, trace: t.trace}
		t.encoder = o.Method.Build(&parallax.Build{
			Params: t.params, Backbone: t.tap, Size: o.Config.Data.Size,
			Batch: o.Config.Train.Batch, Images: o.Loader.Data.Len(), Steps: t.Steps,
		})
		t.tap.watched = t.encoder.Params.Prefix()
		err := errors.Join(t.tap.err, t.startFrom(o.Start))
		if err == nil {
			t.tape, t.average = t.newTape(), t.newAverage()
			err = t.prepare()
		}
		if err != nil {
			t.params.Free()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("building the networks: %w", err)
	}
	return t, nil
}

// Steps returns the number of optimiser steps of a run: max_steps if it is set, else epochs x batchesPerEpoch /
// accumulate, at least 1.
func Steps(c *config.Train, batchesPerEpoch int) int {
	if c.MaxSteps > 0 {
		return c.MaxSteps
	}
	return max(1, c.Epochs*batchesPerEpoch/c.Accumulate)
}

// Done reports whether the run has made all its steps, and whatever belongs to the last one.
func (t *Trainer) Done() bool { return t.step >= t.Steps && t.pending == nil }

// InitPrefix returns what stood before the names of the backbone's starting weights, such as "module.encoder_q.".
func (t *Trainer) InitPrefix() string { return t.tap.prefix }

// Step returns how many optimiser steps are done.
func (t *Trainer) Step() int { return t.step }

// Close frees the networks and the optimiser's state.
func (t *Trainer) Close() error {
	_, _, err := t.stopOperators() // of a profile that the end of the run has cut short
	return errors.Join(err, torch.Scope(func() error {
		t.tape.Free()
		t.freeUntrained()
		t.average.free()
		t.optimizer.Free()
		t.params.Free()
		return nil
	}))
}

// Run trains until the last step, until ctx ends or until a hook stops the run. In each case it writes a checkpoint and
// the encoder. When ctx ends the run, the error is context.Cause(ctx). A failure leaves the last checkpoint as it is.
//
// Of several processes each calls Run, and each ends at the same step: also when ctx ends in one of them alone.
func (t *Trainer) Run(ctx context.Context) error {
	ctx, quit := context.WithCancelCause(ctx)
	defer quit(nil)
	t.quit = quit
	if err := t.shareNorms(); err != nil {
		return err
	}
	if t.follows() {
		return t.follow(ctx)
	}
	err := t.checkProfile()
	if err != nil {
		return err
	}
	if t.log, err = t.Dir.OpenLog(t.logged(), t.Watch...); err != nil {
		return err
	}
	if _, err = t.settle(); err == nil {
		err = t.announce()
	}
	if err == nil {
		err = t.loops(ctx)
	}
	interrupted := err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx))
	collapsed := errors.Is(err, ErrCollapsed)
	if interrupted && t.pending != nil && t.pending.mark != nil {
		// What the hook emitted before the signal ended its call, it will emit again.
		if failed := t.log.Back(*t.pending.mark); failed != nil {
			err, interrupted = failed, false
		}
	}
	// Before its first step a run has nothing to save: a resume begins anew, with the first epoch's start, too.
	began := t.step > 0 || t.Done()
	if err == nil || interrupted && began || collapsed {
		failed := t.save()
		if failed == nil {
			failed = t.export()
		}
		if failed != nil {
			err, interrupted, collapsed = failed, false, false
		}
	}
	end := run.Event{Event: run.End, Reason: run.Finished}
	if err != nil {
		end.Reason, end.Message = run.Failed, err.Error()
	}
	switch {
	case interrupted:
		end.Reason = run.Interrupted
	case collapsed:
		end.Reason = run.Collapsed
	}
	closing := t.emit(end)
	if failed := t.log.Close(); closing == nil {
		closing = failed
	}
	if end.Reason == run.Failed {
		return err // on a full disk closing fails, too, with the same message
	}
	return errors.Join(err, closing)
}

// loops trains to the end. Whenever a hook sends the run back, training continues from an earlier checkpoint.
func (t *Trainer) loops(ctx context.Context) error {
	for {
		by, decision, err := t.loop(ctx)
		if err != nil {
			return err
		}
		switch d := decision.(type) {
		case nil:
			return nil
		case Stop:
			return fmt.Errorf("%s: %w at step %d: %s", by, ErrCollapsed, t.step, d.Why)
		case Rewind:
			if err := t.rewind(d); err != nil {
				return err
			}
		case Replan:
			if err := t.replan(d); err != nil {
				return err
			}
		}
	}
}

// loop trains until the last step, or until a hook decides something; by is the hook's name.
func (t *Trainer) loop(ctx context.Context) (by string, d Decision, err error) {
	if err := t.hand(); err != nil {
		return "", nil, err
	}
	if by, d, err = t.begin(ctx); d != nil || err != nil {
		return by, d, err
	}
	if t.saved < 0 && t.Config.Train.OnCollapse == config.Rewind {
		if err := t.save(); err != nil { // a run that collapses before a later checkpoint goes back to this one
			return "", nil, err
		}
	}
	if by, d, err := t.hooked(ctx, t.makeUp); d != nil || err != nil {
		return by, d, err
	}
	if t.Done() {
		return "", nil, nil
	}
	t.clock.mark = time.Now()
	stop := t.openSupports(ctx)
	defer stop()
	for batch, err := range t.profiled(t.batches(ctx)) {
		if err != nil {
			return "", nil, err
		}
		support, err := t.support()
		if err != nil {
			return "", nil, err
		}
		t.clock.waits += batch.Wait
		if by, d, err := t.advance(ctx, batch, support); d != nil || err != nil {
			return by, d, err
		}
		if t.part > 0 {
			continue
		}
		if t.Done() {
			break
		}
		if t.asked = t.saves(); t.asked || t.step%t.Config.Train.SaveEvery == 0 {
			if err := t.save(); err != nil {
				return "", nil, err
			}
			t.clock.mark = time.Now()
		}
		if t.stops(ctx) {
			t.quit(ErrStopped) // unless this process has a cause of its own
			return "", nil, context.Cause(ctx)
		}
	}
	return "", nil, t.unprofiled
}

// isAsked reports whether somebody has asked for a checkpoint since the last one.
func (t *Trainer) isAsked() bool {
	select {
	case <-t.Save:
		return true
	default:
		return false
	}
}

// begin announces the run and, before the first step, shows the untrained networks to the hooks, or copies them to be
// shown after it: an evaluation takes many times as long as a step, and whoever waits for it does not see whether the
// run trains.
func (t *Trainer) begin(ctx context.Context) (by string, d Decision, err error) {
	t.clock.logged = t.step
	e := run.Event{
		Event: run.Start, Method: t.Config.Method.Name, Steps: t.Steps,
		Warm: t.Config.Backbone.Init != "" || len(t.Start) > 0,
	}
	if m, ok := parallax.As[parallax.Collapser](t.Method); ok {
		c := m.Collapsed(t.Config.Train.Batch)
		if e.Causes, e.FewDirections = c.Causes, c.FewDirections; c.Value.Known {
			e.Constant = &c.ConstantLoss
		}
	}
	if t.step > 0 {
		e = run.Event{Event: run.Resumed, Method: e.Method, Steps: e.Steps}
	}
	if back := t.back && t.step > 0; !back { // the rewound event has announced this
		if err := t.emit(e); err != nil {
			return "", nil, err
		}
	}
	if t.back = false; t.step > 0 {
		return "", nil, nil
	}
	t.rating = rating{}
	copied, err := t.Copied()
	if err != nil {
		return "", nil, err
	}
	err = torch.Scope(func() (err error) {
		if copied > 0 {
			if !t.follows() {
				t.copyUntrained()
			}
			return nil
		}
		by, d, err = t.hooked(ctx, func() (string, Decision, error) { return t.callHooks(t.Hooks, call{}) })
		return err
	})
	return by, d, err
}

// batches yields the batches from the current step on, epoch after epoch. When ctx ends within a step, batches yields
// the rest of that step first: the step's first batches have changed the batch-norm statistics already.
func (t *Trainer) batches(ctx context.Context) iter.Seq2[*dataset.Batch, error] {
	if t.group() != nil { // the processes agree at the end of a step, see asks
		ctx = context.WithoutCancel(ctx)
	}
	return func(yield func(*dataset.Batch, error) bool) {
		for epoch, at := t.position(t.step); ; epoch, at = epoch+at/t.Loader.Steps(), at%t.Loader.Steps() {
			for batch, err := range t.epoch(ctx, epoch, at) {
				if err != nil && ctx.Err() != nil {
					break
				}
				if !yield(batch, err) || err != nil {
					return
				}
				at++
			}
			switch {
			case ctx.Err() == nil:
			case t.part > 0:
				ctx = context.WithoutCancel(ctx)
			default:
				yield(nil, context.Cause(ctx))
				return
			}
		}
	}
}

// position returns the epoch, and the batch within the epoch, at which a step begins.
func (t *Trainer) position(step int) (epoch, batch int) {
	at := step * t.Config.Train.Accumulate
	return at / t.Loader.Steps(), at % t.Loader.Steps()
}

// emit writes an event after setting its step and epoch. A rehearsal has no log.
func (t *Trainer) emit(e run.Event) error {
	if t.log == nil {
		return nil
	}
	e.Step = t.step
	e.Epoch, _ = t.position(max(0, t.step-1))
	return t.log.Write(e)
}

// early reports whether step is 1, 2 or 5 times a power of ten.
func early(step int) bool {
	for step >= 10 && step%10 == 0 {
		step /= 10
	}
	return step == 1 || step == 2 || step == 5
}
