// SPDX-License-Identifier: Apache-2.0

package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// settle writes what follows from the checkpoint from which the run resumed and is missing, because the process before
// died after it had written the checkpoint: best.json, and the removal of old checkpoints. made names what was wrong.
func (t *Trainer) settle() (made []string, err error) {
	if t.saved != t.step {
		return nil, nil
	}
	changed, err := t.best.Publish(t.Dir.Path())
	if changed {
		made = append(made, run.BestFile)
	}
	if err == nil {
		err = t.prune()
	}
	return made, err
}

// announce emits the line "saved" of the checkpoint from which the run resumed if it is missing.
func (t *Trainer) announce() error {
	if !t.unannounced() {
		return nil
	}
	return t.emit(t.savedEvent())
}

func (t *Trainer) unannounced() bool {
	want := t.savedEvent()
	return t.saved == t.step && !slices.ContainsFunc(t.history.Saved, func(e run.Event) bool {
		return e.Step == t.step && e.File == want.File && e.Best == want.Best
	})
}

// Complete checks that a finished run has everything that a finished run has, and makes again what is missing or wrong:
// best.json, the exported encoder, the last lines of metrics.jsonl, TensorBoard's events. made names it. Complete takes
// the place of [Trainer.Run] after [Trainer.Resume].
func (t *Trainer) Complete() (made []string, err error) {
	if made, err = t.settle(); err != nil {
		return made, err
	}
	if err := t.exported(func(e checkpoint.Encoder, states []nn.State) error {
		whole, err := e.Exported(t.Dir.Path(), states)
		if err != nil || whole {
			return err
		}
		made = append(made, run.EncoderFile)
		return checkpoint.WriteEncoder(t.Dir.Path(), e, states)
	}); err != nil {
		return made, err
	}
	board, err := t.Dir.CompleteBoard()
	if err != nil {
		return made, err
	}
	if board {
		made = append(made, run.TensorBoardDir)
	}
	if last := t.history.Last; t.unannounced() || last.Event != run.End || last.Reason != run.Finished {
		made = append(made, run.MetricsFile)
		err = t.conclude()
	}
	return made, err
}

// conclude writes the last lines of a finished run's log.
func (t *Trainer) conclude() (err error) {
	if t.log, err = t.Dir.OpenLog(t.logged(), t.Watch...); err != nil {
		return err
	}
	if err = t.announce(); err == nil {
		err = t.emit(run.Event{Event: run.End, Reason: run.Finished})
	}
	return errors.Join(err, t.log.Close())
}

// begun returns an error if the log of a run without checkpoints says that it had some. To begin again would remove the
// log, and the encoder that the run may have exported.
func (t *Trainer) begun() error {
	h, err := t.Dir.ResumeLog(math.MaxInt, false)
	if err != nil || len(h.Saved) == 0 {
		return err
	}
	return fmt.Errorf("the run in %s has lost its checkpoints: its log says that step %d was saved; put %s back, or "+
		"begin a new run with --out", t.Dir, h.Saved[len(h.Saved)-1].Step, run.CheckpointsDir)
}

// export writes the backbone alone, for other programs.
func (t *Trainer) export() error {
	if err := t.Dir.Check(); err != nil {
		return err
	}
	return t.exported(func(e checkpoint.Encoder, states []nn.State) error {
		return checkpoint.WriteEncoder(t.Dir.Path(), e, states)
	})
}

// exported calls f with what an exported encoder holds.
func (t *Trainer) exported(f func(e checkpoint.Encoder, states []nn.State) error) error {
	c := t.Config
	kept := ""
	if c.Data.Kept() {
		kept = c.Data.Channels
	}
	e := checkpoint.Encoder{
		Architecture: c.Backbone.Name, Width: c.Backbone.Width, Stem: c.Backbone.Stem, Norm: c.Backbone.Norm,
		Features: t.encoder.Features, Size: c.Data.Size, Method: c.Method.Name, Mean: c.Data.Mean, Std: c.Data.Std,
		Kept: kept, Samples: c.Data.Samples,
	}
	return torch.Scope(func() error {
		defer t.average.show()()
		var states []nn.State
		for _, n := range t.encoder.Params.All() {
			states = append(states, nn.Lend(t.encoder.Params.Local(n), n.Tensor))
		}
		return f(e, states)
	})
}
