// SPDX-License-Identifier: Apache-2.0

package train

import (
	"context"
	"time"
)

// Rehearse makes optimiser steps without a run directory, to see how long they take and what they need. It logs
// nothing and calls no hook. Its first step has the images and the stage of step from. each gets the time of every
// step, the wait for its images included, and ends the rehearsal when it returns false. The steps change the weights,
// so a Trainer that has rehearsed is good for nothing but Close.
func (t *Trainer) Rehearse(ctx context.Context, from int, each func(step time.Duration) bool) error {
	t.Hooks, t.Watch, t.log, t.step = nil, nil, nil, from
	if err := t.shareNorms(); err != nil {
		return err
	}
	stop := t.openSupports(ctx)
	defer stop()
	began := time.Now()
	for batch, err := range t.batches(ctx) {
		if err != nil {
			return err
		}
		support, err := t.support()
		if err != nil {
			return err
		}
		if _, _, err := t.advance(ctx, batch, support); err != nil {
			return err
		}
		if t.part > 0 {
			continue
		}
		if !each(time.Since(began)) {
			return nil
		}
		began = time.Now()
	}
	return nil
}
