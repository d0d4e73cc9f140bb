// SPDX-License-Identifier: Apache-2.0

package train

import (
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/run"
)

// rewind loads the newest sound checkpoint, removes later ones, and halves the learning rate if the hook decided so.
// After a crash in between, a resume continues from a later checkpoint and the next evaluation decides again.
func (t *Trainer) rewind(r Rewind) error {
	if t.follows() {
		t.back, t.part = true, 0 // the chief hands over the rest
		if r.Halve != "" {
			t.Config.HalveRate(r.Halve)
			t.schedules()
		}
		return nil
	}
	from, name := t.step, t.sound
	if name == "" {
		return fmt.Errorf("%w: there is no earlier checkpoint to go back to; "+
			"set train.on_collapse to rewind when the run begins", ErrCollapsed)
	}
	m, err := t.load(name)
	if err != nil {
		return fmt.Errorf("going back to checkpoint %s: %w", name, err)
	}
	if err := checkpoint.Forget(t.Dir.Path(), name); err != nil {
		return err
	}
	t.step, t.saved, t.back, t.doubted, t.rating, t.part = m.Step, m.Step, true, false, rating{}, 0
	if err := t.findBest(m); err != nil {
		return err
	}
	if _, err := t.best.Publish(t.Dir.Path()); err != nil {
		return err
	}
	if r.Halve != "" {
		t.Config.HalveRate(r.Halve)
		if err := t.Dir.SaveConfig(t.Config); err != nil {
			return err
		}
		t.schedules()
	}
	if err := t.log.Close(); err != nil {
		return err
	}
	if t.log, err = t.Dir.OpenLog(t.logged(), t.Watch...); err != nil {
		return err
	}
	return t.emit(run.Event{Event: run.Rewound, From: from, Rewinds: r.Times, Message: r.Why})
}

// logged is the last step whose events are kept when the log is opened; -1 at step 0, where a new start line follows.
func (t *Trainer) logged() int {
	if t.step == 0 {
		return -1
	}
	return t.saved
}

// findSound finds the newest of the named checkpoints that is not newer than the current step and was not doubted.
func (t *Trainer) findSound(names []string) {
	for _, name := range slices.Backward(names) {
		m, err := checkpoint.ReadManifest(checkpoint.Path(t.Dir.Path(), name))
		if err == nil && m.Step <= t.step && !m.Doubt {
			t.sound = name
			return
		}
	}
}
