// SPDX-License-Identifier: Apache-2.0

package train

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/torch"
)

// epoch yields the batches of an epoch from number at on. A Starter starts the epoch before batch 0. A run resumed at
// batch 0 starts the epoch again; a run resumed later has the result of Start in its checkpoint.
func (t *Trainer) epoch(ctx context.Context, epoch, at int) iter.Seq2[*dataset.Batch, error] {
	return func(yield func(*dataset.Batch, error) bool) {
		if s, ok := parallax.As[parallax.Starter](t.Method); ok && at == 0 {
			if err := t.start(ctx, s, epoch); err != nil {
				yield(nil, err)
				return
			}
		}
		t.Loader.Epoch(ctx, epoch, at)(yield)
	}
}

func (t *Trainer) start(ctx context.Context, m parallax.Starter, epoch int) error {
	began := time.Now()
	defer func() { t.clock.mark = t.clock.mark.Add(time.Since(began)) }() // like an evaluation, not training time
	return torch.Scope(func() error {
		return m.Start(&parallax.Epoch{
			Number: epoch,
			Rand:   rand.New(rand.NewPCG(t.Config.Seed, math.MaxUint64-uint64(epoch))), // steps use 0, 1, 2, ...
			Visit: func(f func(s *parallax.Step)) error {
				for b, err := range t.Loader.Epoch(ctx, epoch, 0) {
					if err != nil {
						return err
					}
					err := torch.Scope(func() error {
						s := t.state()
						s.Epoch, s.Index, s.Labels, s.Views = b.Epoch, b.Index, b.Labels, tensors(b)
						bf16 := t.Config.Train.Precision == config.BF16
						torch.NoGrad(func() { torch.Autocast(bf16, func() { f(s) }) })
						return nil
					})
					b.Release()
					if err != nil {
						return err
					}
				}
				return nil
			},
		})
	})
}
