// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"context"
	"errors"
	"sync"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/torch"
)

// Checkpoints embeds images by the checkpoints of runs. It keeps the encoder that was used last, computes one request
// at a time, and on one thread, so that a training beside it goes on. The zero value is ready. Close it after use.
type Checkpoints struct {
	mu   sync.Mutex
	dir  string
	step int
	open *Encoder
}

// Ready returns why nothing can be embedded, or nil. It loads the engine.
func (c *Checkpoints) Ready() error { return torch.Load() }

// Embed returns the features of images by the encoder of the run in dir at its checkpoint of a step, as [Encoder.Embed]
// does.
func (c *Checkpoints) Embed(ctx context.Context, dir string, step int, images []*augment.Image) ([][]float32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if c.open == nil || c.dir != dir || c.step != step {
		if err := c.close(); err != nil {
			return nil, err
		}
		opened, err := Open(dir, Checkpoint(step), BatchSize(32))
		if err != nil {
			return nil, err
		}
		if err := torch.Scope(func() error { torch.SetThreads(1); return nil }); err != nil {
			return nil, errors.Join(err, opened.Close())
		}
		c.open, c.dir, c.step = opened, dir, step
	}
	return c.open.Embed(ctx, images)
}

// Close frees the encoder.
func (c *Checkpoints) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.close()
}

func (c *Checkpoints) close() error {
	if c.open == nil {
		return nil
	}
	err := c.open.Close()
	c.open = nil
	return err
}
