// SPDX-License-Identifier: Apache-2.0

package train

import (
	"fmt"
	"os"
	"slices"

	"github.com/parallax-ssl/parallax/run"
)

// Rewind is the error of a Hook that sends the run back to the newest checkpoint that no hook had a doubt about. With
// train.on_collapse rewind there always is one: the untrained network is the first.
type Rewind struct {
	Times int // how often the run has gone back, this time included
	// Before is called before the run goes on from that step. It may change the config's rates, and keeps the change.
	Before func(step int) error
	Why    string
}

func (r *Rewind) Error() string { return "going back to an earlier checkpoint: " + r.Why }

// rewind loads the checkpoint, forgets what came after it, and takes the rates that the config now has. What a crash interrupts
// here a resume finds at a later checkpoint, and at its next evaluation as it was.
func (t *Trainer) rewind(r *Rewind) error {
	from, name := t.step, t.sound
	if name == "" {
		return fmt.Errorf("%w: there is no checkpoint from before to go back to; set train.on_collapse to rewind when the run begins", ErrCollapsed)
	}
	m, err := t.load(name)
	if err != nil {
		return fmt.Errorf("going back to checkpoint %s: %w", name, err)
	}
	if err := t.forget(name); err != nil {
		return err
	}
	t.step, t.saved, t.back, t.doubted, t.rating, t.part = m.Step, m.Step, true, false, rating{}, 0
	if t.best.Step > t.step {
		t.best = bestCheckpoint{}
	}
	if err := r.Before(t.step); err != nil {
		return err
	}
	t.schedules()
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

// forget removes the checkpoints from after the named one, newest first: what a crash leaves can be resumed.
func (t *Trainer) forget(name string) error {
	all, err := checkpoints(t.Dir)
	if err != nil {
		return err
	}
	for _, later := range slices.Backward(all) {
		if later > name {
			if err := os.RemoveAll(t.Dir.Path(run.CheckpointsDir, later)); err != nil {
				return fmt.Errorf("removing a checkpoint from after %s: %w", name, err)
			}
		}
	}
	return nil
}

// findSound looks for the newest of the named checkpoints, up to this step, that was not doubted.
func (t *Trainer) findSound(names []string) {
	for _, name := range slices.Backward(names) {
		m, err := readManifest(t.Dir.Path(run.CheckpointsDir, name))
		if err == nil && m.Step <= t.step && !m.Doubt {
			t.sound = name
			return
		}
	}
}
