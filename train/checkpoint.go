// SPDX-License-Identifier: Apache-2.0

package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// rating is a hook's rating of the weights of a step; see Progress.Score.
type rating struct {
	score, slack float64
	known        bool
}

// save writes a checkpoint of the current step, unless there is one, and what follows from the checkpoint: best.json,
// the removal of old checkpoints, and the line "saved". The checkpoint is the commit. After a crash, settle writes what
// is missing of the rest.
func (t *Trainer) save() error {
	if t.saved == t.step {
		return nil
	}
	if t.follows() {
		t.saved, t.asked = t.step, false
		return nil
	}
	defer t.span("checkpoint").End()
	if err := t.checkWeights(); err != nil {
		return err
	}
	if err := t.Dir.Check(); err != nil {
		return err
	}
	if err := t.log.Sync(); err != nil {
		return err
	}
	// A resumed run has an encoder that its earlier end exported, with the weights of a checkpoint that is there. From
	// the next checkpoint on it would be older than the weights that the run shows.
	if err := os.Remove(t.Dir.Path(run.EncoderFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the encoder of an earlier step: %w", err)
	}
	name := checkpoint.Name(t.step)
	if t.isBest() {
		t.best = t.best.Next(name, t.step, t.rating.score)
	}
	if err := t.write(); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	t.saved = t.step
	if !t.doubted {
		t.sound = name
	}
	if _, err := t.best.Publish(t.Dir.Path()); err != nil {
		return err
	}
	if err := t.prune(); err != nil {
		return err
	}
	e := t.savedEvent()
	if t.asked {
		e.Message, t.asked = "asked for", false
	}
	return t.emit(e)
}

// isBest reports whether the checkpoint of the current step will be the best. A step at which only a signal made the
// run write a checkpoint has none, or the best checkpoint would depend on the signal.
func (t *Trainer) isBest() bool {
	regular := t.step%t.Config.Train.SaveEvery == 0 || t.step == t.Steps
	return regular && !t.doubted && t.pending == nil && t.step > 0 && t.rating.known &&
		t.best.BeatenBy(t.rating.score, t.rating.slack)
}

// savedEvent is the event of the current step's checkpoint.
func (t *Trainer) savedEvent() run.Event {
	name := checkpoint.Name(t.step)
	return run.Event{Event: run.Saved, File: filepath.Join(run.CheckpointsDir, name), Best: name == t.best.Checkpoint}
}

// prune removes old checkpoints, but neither the best one nor one to which the run may go back.
func (t *Trainer) prune() error {
	kept := []string{t.best.Checkpoint}
	if t.Config.Train.OnCollapse == config.Rewind {
		kept = append(kept, t.sound)
	}
	return checkpoint.Prune(t.Dir.Path(), t.step, t.Config.Train.Keep, kept...)
}

// write makes the checkpoint of the current step.
func (t *Trainer) write() error {
	c := &checkpoint.Checkpoint{}
	c.Manifest = checkpoint.Manifest{
		Method: t.Config.Method.Name, Step: t.step, Doubt: t.doubted, Best: &t.best, Data: t.Data,
	}
	var err error
	if c.Config, err = config.Record(t.Config.Config); err != nil {
		return err
	}
	if t.rating.known {
		c.Score, c.Slack = &t.rating.score, t.rating.slack
	}
	if t.pending != nil {
		c.Pending, c.Hooks = t.pending.hook, slices.Clone(t.pending.args)
	}
	return torch.Scope(func() error {
		c.Networks, c.Optimizer, c.Average = t.params.Lend(), t.optimizer.Lend(), t.average.lend()
		for _, h := range t.Hooks {
			if k, ok := h.(Keeper); ok {
				states := renamed(k.State(), func(name string) string { return h.Name() + "/" + name })
				c.Hooks = append(c.Hooks, states...)
			}
		}
		_, err := checkpoint.Write(t.Dir.Path(), c)
		return err
	})
}

// Resume loads the newest undamaged checkpoint and cuts the log to it. It reports each damaged checkpoint, and damage
// of the log, through warn. Without any checkpoint the run starts at step 0. Resume fails when every checkpoint is
// damaged, or when the newest undamaged one is of another run or a newer program.
func (t *Trainer) Resume(warn func(string)) error {
	if err := checkpoint.Recover(t.Dir.Path()); err != nil {
		return err
	}
	names, err := checkpoint.List(t.Dir.Path())
	if err != nil {
		return err
	}
	for _, name := range slices.Backward(names) {
		m, err := t.load(name)
		if err == nil {
			t.step, t.saved, t.doubted = m.Step, m.Step, m.Doubt
			t.findSound(names)
			if err := t.resume(m, warn); err != nil {
				return err
			}
			if t.step == 0 {
				t.saved = -1 // the log begins anew, and this step with it
			}
			return nil
		}
		if errors.Is(err, checkpoint.ErrMisfit) {
			return err
		}
		warn(fmt.Sprintf("checkpoint %s is damaged (%v): going back to the one before", name, err))
	}
	if len(names) > 0 {
		return fmt.Errorf("none of the %d checkpoints in %s can be read: start again with another --out",
			len(names), t.Dir.Path(run.CheckpointsDir))
	}
	return t.begun()
}

// resume takes up the rest of the state that belongs to a loaded checkpoint.
func (t *Trainer) resume(m checkpoint.Manifest, warn func(string)) (err error) {
	if t.Redo != "" && t.Done() {
		t.pending = &pending{hook: t.Redo}
	}
	if m.Score != nil {
		t.rating = rating{*m.Score, m.Slack, true}
	}
	if t.history, err = t.Dir.ResumeLog(t.logged(), t.pending != nil); err != nil {
		return err
	}
	for _, damage := range t.history.Damaged {
		warn(fmt.Sprintf("%s is damaged, in %v: the line stays, and nothing reads it", run.MetricsFile, damage))
	}
	return t.findBest(m)
}

// load puts a checkpoint into the networks, the optimiser and the hooks.
func (t *Trainer) load(name string) (m checkpoint.Manifest, err error) {
	c, err := checkpoint.Read(checkpoint.Path(t.Dir.Path(), name), t.Config.Method.Name)
	if err != nil {
		return m, err
	}
	t.pending = nil
	if c.Pending != "" {
		t.pending = &pending{hook: c.Pending, args: slices.DeleteFunc(slices.Clone(c.Hooks), func(s nn.State) bool {
			return !isArgument(s)
		})}
	}
	return c.Manifest, torch.Scope(func() error {
		if err := t.params.Load(c.Networks); err != nil {
			return fmt.Errorf("%w: %w", checkpoint.ErrMisfit, err)
		}
		if err := t.optimizer.Load(c.Optimizer); err != nil {
			return fmt.Errorf("%w: %w", checkpoint.ErrMisfit, err)
		}
		if err := t.average.load(c.Average); err != nil {
			return err
		}
		for _, h := range t.Hooks {
			k, ok := h.(Keeper)
			if !ok {
				continue
			}
			prefix := h.Name() + "/"
			var own []nn.State
			for _, s := range c.Hooks {
				if strings.HasPrefix(s.Name, prefix) {
					own = append(own, s)
				}
			}
			local := renamed(own, func(name string) string { return strings.TrimPrefix(name, prefix) })
			if err := k.Load(local); err != nil {
				return fmt.Errorf("%w: %s: %w", checkpoint.ErrMisfit, h.Name(), err)
			}
		}
		return nil
	})
}

// findBest finds the best checkpoint at the current step, whose manifest is m.
func (t *Trainer) findBest(m checkpoint.Manifest) error {
	best, known, err := checkpoint.BestUpTo(t.Dir.Path(), t.step)
	if err != nil || known {
		t.best = best
		return err
	}
	// No manifest names the best: an earlier Parallax wrote them all. Then best.json counts, unless the process died
	// before it had written the newest checkpoint into it. A damaged file is as good as none.
	best, err = checkpoint.ReadBest(t.Dir.Path())
	if unreadable := (*fs.PathError)(nil); errors.As(err, &unreadable) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, gone := os.Stat(checkpoint.Path(t.Dir.Path(), best.Checkpoint)); err == nil && gone == nil &&
		best.Step <= t.step {
		t.best = best
	}
	if m.Score != nil && !m.Doubt && m.Step > t.best.Step && t.best.BeatenBy(*m.Score, 0) {
		t.best = t.best.Next(checkpoint.Name(m.Step), m.Step, *m.Score)
	}
	return nil
}

func renamed(states []nn.State, rename func(string) string) []nn.State {
	out := slices.Clone(states)
	for i := range out {
		out[i].Name = rename(out[i].Name)
	}
	return out
}
