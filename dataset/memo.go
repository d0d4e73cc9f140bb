// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"iter"
	"sync"
)

// memo keeps a whole pass of Sequential, whose batches are the same in every pass.
type memo struct {
	mu      sync.Mutex
	batches []*Batch // nil until a pass has come to its end
}

// again yields the kept batches if there are any. Otherwise it yields those of pass, and keeps them if their pixels
// take at most most bytes. The batches are lent: releasing them does nothing.
func (m *memo) again(ctx context.Context, most int, pass iter.Seq2[*Batch, error]) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		m.mu.Lock()
		batches := m.batches
		m.mu.Unlock()
		for _, b := range batches {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			if !yield(b.lend(), nil) {
				return
			}
		}
		if batches != nil {
			return
		}
		size := 0
		for b, err := range pass {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, v := range b.Views {
				size += 4 * len(v.Data)
			}
			if size > most {
				batches = nil
			} else {
				batches = append(batches, b)
				b = b.lend()
			}
			if !yield(b, nil) {
				return
			}
		}
		if size <= most {
			m.mu.Lock()
			m.batches = batches
			m.mu.Unlock()
		}
	}
}

// lend is b for a receiver whose Release does not change b.
func (b *Batch) lend() *Batch {
	return &Batch{Epoch: b.Epoch, At: b.At, Index: b.Index, Labels: b.Labels, Views: b.Views, Wait: b.Wait}
}
