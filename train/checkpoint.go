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

// save writes a checkpoint of the current step, unless there is one. It removes old checkpoints, and an exported
// encoder that is older than the new one.
func (t *Trainer) save() error {
	if t.saved == t.step {
		return nil
	}
	if err := t.checkWeights(); err != nil {
		return err
	}
	if err := t.log.Sync(); err != nil {
		return err
	}
	name, err := t.write()
	if err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	t.saved = t.step
	if !t.doubted {
		t.sound = name
	}
	// A resumed run has an encoder that its earlier end exported. From here on it would be older than the checkpoint.
	old := t.Dir.Path(run.EncoderFile)
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the encoder of an earlier step: %w", err)
	}
	isBest := !t.doubted && t.step > 0 && t.rating.known && t.best.BeatenBy(t.rating.score, t.rating.slack)
	if isBest {
		t.best = t.best.Next(name, t.step, t.rating.score)
		if err := t.best.Write(t.Dir.Path()); err != nil {
			return err
		}
	}
	kept := []string{t.best.Checkpoint}
	if t.Config.Train.OnCollapse == config.Rewind {
		kept = append(kept, t.sound) // the run may go back to it
	}
	if err := checkpoint.Prune(t.Dir.Path(), t.step, t.Config.Train.Keep, kept...); err != nil {
		return err
	}
	e := run.Event{Event: run.Saved, File: filepath.Join(run.CheckpointsDir, name), Best: isBest}
	if t.asked {
		e.Message, t.asked = "asked for", false
	}
	return t.emit(e)
}

// write makes the checkpoint of the current step and returns its name.
func (t *Trainer) write() (string, error) {
	c := &checkpoint.Checkpoint{}
	c.Manifest = checkpoint.Manifest{Method: t.Config.Method.Name, Step: t.step, Doubt: t.doubted}
	if t.rating.known {
		c.Score = &t.rating.score
	}
	if err := torch.Scope(func() error {
		c.Networks, c.Optimizer = t.params.State(), t.optimizer.State()
		for _, h := range t.Hooks {
			if k, ok := h.(Keeper); ok {
				states := renamed(k.State(), func(name string) string { return h.Name() + "/" + name })
				c.Hooks = append(c.Hooks, states...)
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	return checkpoint.Write(t.Dir.Path(), c)
}

// Resume loads the newest undamaged checkpoint. It reports each damaged one through warn. Without any checkpoint the
// run starts at step 0. Resume fails when every checkpoint is damaged, or when the newest undamaged one is of another
// run or a newer program.
func (t *Trainer) Resume(warn func(string)) error {
	names, err := checkpoint.List(t.Dir.Path())
	if err != nil {
		return err
	}
	for _, name := range slices.Backward(names) {
		m, err := t.load(name)
		if err == nil {
			t.step, t.saved, t.doubted = m.Step, m.Step, m.Doubt
			t.findSound(names)
			return t.loadBest()
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
	return nil
}

// load puts a checkpoint into the networks, the optimiser and the hooks.
func (t *Trainer) load(name string) (m checkpoint.Manifest, err error) {
	c, err := checkpoint.Read(checkpoint.Path(t.Dir.Path(), name), t.Config.Method.Name)
	if err != nil {
		return m, err
	}
	return c.Manifest, torch.Scope(func() error {
		if err := t.params.Load(c.Networks); err != nil {
			return fmt.Errorf("%w: %w", checkpoint.ErrMisfit, err)
		}
		if err := t.optimizer.Load(c.Optimizer); err != nil {
			return fmt.Errorf("%w: %w", checkpoint.ErrMisfit, err)
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

// loadBest reads which checkpoint is the best. It ignores a checkpoint that no longer exists or is newer than the
// current step. It ignores a damaged file as well: the next save replaces it.
func (t *Trainer) loadBest() error {
	b, err := checkpoint.ReadBest(t.Dir.Path())
	if unreadable := (*fs.PathError)(nil); errors.As(err, &unreadable) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return nil
	}
	if _, err := os.Stat(checkpoint.Path(t.Dir.Path(), b.Checkpoint)); err == nil && b.Step <= t.step {
		t.best = b
	}
	return nil
}

// export writes the backbone alone, for other programs.
func (t *Trainer) export() error {
	var states []nn.State
	if err := torch.Scope(func() error {
		for _, n := range t.encoder.Params.All() {
			states = append(states, nn.StateOf(t.encoder.Params.Local(n), n.Tensor))
		}
		return nil
	}); err != nil {
		return err
	}
	c := t.Config
	return checkpoint.WriteEncoder(t.Dir.Path(), checkpoint.Encoder{
		Architecture: c.Backbone.Name, Width: c.Backbone.Width, Stem: c.Backbone.Stem, Norm: c.Backbone.Norm,
		Features: t.encoder.Features, Size: c.Data.Size, Method: c.Method.Name, Mean: c.Data.Mean, Std: c.Data.Std,
	}, states)
}

func renamed(states []nn.State, rename func(string) string) []nn.State {
	out := slices.Clone(states)
	for i := range out {
		out[i].Name = rename(out[i].Name)
	}
	return out
}
