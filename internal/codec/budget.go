// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/dustin/go-humanize"
	"github.com/parallax-ssl/parallax/internal/machine"
)

// A Budget is a number of bytes that files and images share while they are decoded and made into views. What does not
// fit waits until others are done, so many workers with large images take longer rather than more memory. It is safe
// for concurrent use.
type Budget struct {
	most                   int64 // one image may take
	files, images, suspect share
}

// share is a part of a Budget.
type share struct {
	size int64
	free *semaphore.Weighted
}

func newShare(size int64) share { return share{size, semaphore.NewWeighted(size)} }

// take waits for n bytes of the share, or all of it if that is less, and returns how many it took. It does not end
// early: whoever holds a part gives it back without waiting for anything.
func (s *share) take(n int64) int64 {
	n = max(0, min(n, s.size))
	_ = s.free.Acquire(context.Background(), n) // fails only when its context ends
	return n
}

// ErrMemory is wrapped by the error of an image that needs more than the whole budget. Such an image is not a bad one:
// with more memory it can be read.
var ErrMemory = errors.New("not enough memory")

// NewBudget returns a budget of the given bytes, which no image may exceed.
func NewBudget(bytes int64) *Budget { return newBudget(bytes, bytes) }

// newBudget returns a budget in which an image that is larger than bytes waits until it is alone, up to most.
func newBudget(bytes, most int64) *Budget {
	return &Budget{most: most, files: newShare(max(1, bytes/4)), images: newShare(max(1, bytes-bytes/4)),
		suspect: newShare(min(suspectBytes, max(1, bytes)))}
}

// shared is the budget where none is given: a quarter of the memory that the process may use, and half of it for an
// image that is larger.
var shared = sync.OnceValue(func() *Budget {
	total, _ := machine.Memory()
	const known = 1 << 50
	if total > known {
		total = 8 << 30 // no limit is known
	}
	return newBudget(int64(total/4), int64(total/2))
})

// A Lease is what one file and its image hold of a budget. It belongs to one goroutine, which must not hold another
// one while it waits: two that did would wait for each other.
type Lease struct {
	budget                          *Budget
	asked, file, imageHeld, suspect int64
}

// File waits until a file of the given size fits into the budget, nil for the one of the process.
func (b *Budget) File(size int64) *Lease {
	if b == nil {
		b = shared()
	}
	return &Lease{budget: b, file: b.files.take(size)}
}

// Image waits until an image of the given bytes, which no file has to be read for, fits into the budget, nil for the
// one of the process.
func (b *Budget) Image(bytes int64) (*Lease, error) {
	l := b.File(0)
	return l, l.image(bytes, false)
}

// image waits until an image fits that takes peak bytes. What the lease holds of an image already counts.
func (l *Lease) image(peak int64, suspect bool) error {
	b := l.budget
	if peak > b.most {
		return fmt.Errorf("%w: decoding takes %s, and images may take %s: give --memory more, or leave the image out",
			ErrMemory, humanize.IBytes(uint64(peak)), humanize.IBytes(uint64(b.most)))
	}
	if peak <= l.asked {
		return nil
	}
	l.releaseImage()
	if suspect {
		l.suspect = b.suspect.take(peak)
	}
	l.imageHeld, l.asked = b.images.take(peak), peak
	return nil
}

// ReleaseFile gives back what the file held. The image that was decoded from it stays.
func (l *Lease) ReleaseFile() {
	l.budget.files.free.Release(l.file)
	l.file = 0
}

// Release gives back everything. It may be called again.
func (l *Lease) Release() {
	l.ReleaseFile()
	l.releaseImage()
}

// collected is the size from which the memory of a suspect image is collected before the next one is decoded: nobody
// can hurry the program into holding the garbage of several bombs.
const collected = 16 << 20

func (l *Lease) releaseImage() {
	if l.suspect > collected {
		runtime.GC()
	}
	l.budget.suspect.free.Release(l.suspect)
	l.budget.images.free.Release(l.imageHeld)
	l.suspect, l.imageHeld, l.asked = 0, 0, 0
}
