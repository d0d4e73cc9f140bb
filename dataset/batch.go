// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/parallax-ssl/parallax/augment"
)

// Pixels are the images of one view: N x C x H x W float32, normalised, row-major.
type Pixels struct {
	Data       []float32 // len N*C*H*W
	N, C, H, W int
}

// A Batch is a few images and their views. It belongs to the receiver until Release.
type Batch struct {
	Epoch, At int           // the epoch, and the number of the batch in it
	Index     []int         // one per row: its image in the data set
	Labels    []int         // one per row: its label, -1 = unknown
	Views     []Pixels      // one per recipe, rows as in Index
	Wait      time.Duration // how long the receiver waited for this batch

	images  []int // one per row, before bad ones were replaced
	recipes []augment.Recipe
	home    *shelf
	spare   int           // most memories of batches on that shelf
	pending atomic.Int64  // rows that are not ready
	done    chan struct{} // closed when none is
}

// Release returns the batch's memory for a later batch and empties b. Do not use slices taken from b after it. The
// garbage collector takes care of a batch that is not released.
func (b *Batch) Release() {
	if b.home == nil {
		return
	}
	b.home.put(memory{b.Index, b.Labels, b.Views}, b.spare)
	b.home, b.Index, b.Labels, b.Views = nil, nil, nil, nil
}

// memory is the memory of a batch's slices.
type memory struct {
	index, labels []int
	views         []Pixels
}

// shelf holds the memory of released batches.
type shelf struct {
	mu   sync.Mutex
	free []memory
}

// put keeps the memory of a batch unless most are kept already.
func (s *shelf) put(m memory, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < most {
		s.free = append(s.free, m)
	}
}

// take returns a batch of n rows with a view of each of the sizes and of so many channels, in memory from the shelf if
// there is some.
func (s *shelf) take(n, channels int, sizes []size) *Batch {
	var m memory
	s.mu.Lock()
	if last := len(s.free) - 1; last >= 0 {
		m, s.free = s.free[last], s.free[:last]
	}
	s.mu.Unlock()
	b := &Batch{
		Index: resized(m.index, n), Labels: resized(m.labels, n), Views: resized(m.views, len(sizes)),
		home: s, done: make(chan struct{}),
	}
	for v, z := range sizes {
		b.Views[v] = Pixels{resized(b.Views[v].Data, n*channels*z.h*z.w), n, channels, z.h, z.w}
	}
	b.pending.Store(int64(n))
	return b
}

// clear frees what the shelf holds.
func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = nil
}

// resized is s with n elements, in the same memory if that is large enough.
func resized[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

// compact removes the rows whose index is negative.
func (b *Batch) compact() {
	n := 0
	for row, index := range b.Index {
		if index < 0 {
			continue
		}
		if n != row {
			b.Index[n], b.Labels[n] = index, b.Labels[row]
			for _, v := range b.Views {
				area := v.C * v.H * v.W
				copy(v.Data[n*area:(n+1)*area], v.Data[row*area:])
			}
		}
		n++
	}
	b.Index, b.Labels = b.Index[:n], b.Labels[:n]
	for i := range b.Views {
		v := &b.Views[i]
		v.N, v.Data = n, v.Data[:n*v.C*v.H*v.W]
	}
}
