// SPDX-License-Identifier: Apache-2.0

package train

import (
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/run"
)

// rewind loads the checkpoint, forgets what came after it, and halves the rate where that was decided. When a crash
// interrupts this, a resume goes on from a later checkpoint, and the next evaluation decides again.
func (t *Trainer) rewind(r Rewind) error {
	from, name := t.step, t.sound
	if name == "" {
		return fmt.Errorf("%w: there is no checkpoint from before to go back to; set train.on_collapse to rewind when the run begins", ErrCollapsed)
	}
	m, err := t.load(name)
	if err != nil {
		return fmt.Errorf("going back to checkpoint %s: %w", name, err)
	}
	if err := checkpoint.Forget(t.Dir.Path(), name); err != nil {
		return err
	}
	t.step, t.saved, t.back, t.doubted, t.rating, t.part = m.Step, m.Step, true, false, rating{}, 0
	if t.best.Step > t.step {
		t.best = checkpoint.Best{}
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

// logged is the step up to which events stay when the log is opened, -1 for a run that begins anew, with a new start line.
func (t *Trainer) logged() int {
	if t.step == 0 {
		return -1
	}
	return t.saved
}

// findSound looks for the newest of the named checkpoints, up to this step, that was not doubted.
func (t *Trainer) findSound(names []string) {
	for _, name := range slices.Backward(names) {
		m, err := checkpoint.ReadManifest(checkpoint.Path(t.Dir.Path(), name))
		if err == nil && m.Step <= t.step && !m.Doubt {
			t.sound = name
			return
		}
	}
}
