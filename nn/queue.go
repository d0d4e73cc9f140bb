// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/torch"
)

// Queue holds the newest rows of many batches, l2-normalised: MoCo's dictionary of keys (He et al., arXiv:1911.05722,
// section 3.2) or NNCLR's support set. It is a ring of any size, a multiple of the batch or not, and begins with random
// unit rows, as in MoCo's official code. All of it is buffers, so that a checkpoint holds it.
//
// A loss must not see the rows of its own batch. So a method offers rows in Forward and enqueues them in Update.
type Queue struct {
	rows, next               torch.Tensor // size x width; batch x width, offered but not enqueued
	pointer, filled, offered torch.Tensor // scalars, int64
}

// NewQueue makes a queue of size rows of the given width; at most batch rows are offered at a time. Its buffers are
// rows, next, pointer, filled and offered. The first content of rows depends on the seed and the name alone.
func NewQueue(p *Params, size, width, batch int) *Queue {
	zero := func() torch.Tensor { return torch.Zeros(torch.I64) }
	return &Queue{
		rows: p.Buffer("rows", Init(normal).tensor(p.tree.seed, p.prefix+"rows", p.DType(),
			[]int{size, width}).Normalize(1)),
		next:    p.Buffer("next", torch.Zeros(p.DType(), batch, width)),
		pointer: p.Buffer("pointer", zero()),
		filled:  p.Buffer("filled", zero()),
		offered: p.Buffer("offered", zero()),
	}
}

// normal draws from N(0, 1).
func normal(r *rand.Rand, _ []int, values []float64) {
	for i := range values {
		values[i] = r.NormFloat64()
	}
}

// Rows returns the queue's rows, size x width, in no meaningful order. Do not change them.
func (q *Queue) Rows() torch.Tensor { return q.rows }

// Pointer returns the number of the row that is overwritten next: the oldest.
func (q *Queue) Pointer() int { return int(q.pointer.Item()) }

// Filled returns how many rows were enqueued, at most the queue's size: the others are still the initial ones.
func (q *Queue) Filled() int { return int(q.filled.Item()) }

// Offer keeps rows, N x width, for the next Enqueue and replaces those offered before: if a step accumulates several
// batches, the rows of the last one are enqueued.
func (q *Queue) Offer(rows torch.Tensor) {
	n := rows.Size(0)
	if most := q.next.Size(0); n > most {
		torch.Fail("Queue", "%d rows are offered to a queue made for %d at a time", n, most)
	}
	rows.Detach().To(q.rows.DType()).Normalize(1).CopyInto(q.next.Narrow(0, 0, n))
	set(q.offered, n)
}

// Enqueue overwrites the oldest rows with the offered ones. The first offered row is the newest and stays longest; if
// more are offered than the queue holds, the last ones do not enter.
func (q *Queue) Enqueue() {
	size, at := q.rows.Size(0), q.Pointer()
	n := min(size, int(q.offered.Item()))
	index := make([]int, n)
	for i := range index {
		index[i] = (at + n - 1 - i) % size
	}
	q.next.Narrow(0, 0, n).IndexCopyInto(q.rows, torch.FromInts(index, n))
	set(q.pointer, (at+n)%size)
	set(q.filled, min(size, q.Filled()+n))
	set(q.offered, 0)
}

func set(scalar torch.Tensor, v int) { torch.Full(float64(v), torch.I64).CopyInto(scalar) }
