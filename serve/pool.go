// SPDX-License-Identifier: Apache-2.0

package serve

import "sync/atomic"

// pool is a number of places or bytes that requests share. Whoever finds too few is refused at once and waits for
// nothing.
type pool struct {
	size int64
	used atomic.Int64
}

func newPool(size int64) *pool { return &pool{size: size} }

// take reports whether n of the pool were free. Then they are the caller's.
func (p *pool) take(n int64) bool {
	for {
		used := p.used.Load()
		if n > p.size-used {
			return false
		}
		if p.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

func (p *pool) give(n int64) { p.used.Add(-n) }

// full reports whether nothing is free.
func (p *pool) full() bool { return p.used.Load() >= p.size }

// share is what one request holds of a pool.
type share struct {
	*pool
	held int64
}

func (s *share) take(n int64) bool {
	if !s.pool.take(n) {
		return false
	}
	s.held += n
	return true
}

func (s *share) give(n int64) {
	s.pool.give(n)
	s.held -= n
}

func (s *share) release() { s.give(s.held) }
