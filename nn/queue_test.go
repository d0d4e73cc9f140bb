// SPDX-License-Identifier: Apache-2.0

package nn_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// batch is n rows of width 2, each the unit vector of its own angle times any length.
func batch(first, n int) (rows torch.Tensor, angles []float64) {
	var values []float64
	for i := range n {
		angle := 0.01 * float64(first+i)
		angles = append(angles, angle)
		length := 1 + float64(i)
		values = append(values, length*math.Cos(angle), length*math.Sin(angle))
	}
	return torch.FromFloat64(values, n, 2), angles
}

// anglesOf takes rows of width 2 out of libtorch, as angles.
func anglesOf(rows torch.Tensor) []float64 {
	var angles []float64
	for xy := range slices.Chunk(rows.Float64s(), 2) {
		angles = append(angles, math.Atan2(xy[1], xy[0]))
	}
	return angles
}

// The queue is compared with the plainest one, a list with the newest row at the front, cut at its size. The batches
// divide the size or not, differ in size, and some are larger than the queue.
func TestQueueIsAList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 3, 7, 8, 24} {
		in(t, func(p *nn.Params) {
			q := nn.NewQueue(p, size, 2, 11)
			list := anglesOf(q.Rows())
			slices.Reverse(list) // of the initial rows, number 0 is the oldest
			total := 0
			for range 12 {
				n := 1 + r.IntN(11)
				rows, angles := batch(total, n)
				q.Offer(rows)
				if now := anglesOf(q.Rows()); !sameSet(now, list) {
					t.Errorf("size %d: offered rows are in it before they were enqueued", size)
				}
				q.Enqueue()
				list = append(angles, list...)[:size]
				total += n
				if now := anglesOf(q.Rows()); !sameSet(now, list) {
					t.Errorf("size %d, after %d rows: it has %v, want %v", size, total, now, list)
				}
				if q.Filled() != min(size, total) {
					t.Errorf("size %d, after %d rows: %d are filled", size, total, q.Filled())
				}
				if at := q.Pointer(); size > 1 && math.Abs(anglesOf(q.Rows())[at]-list[size-1]) > 1e-12 {
					t.Errorf("size %d: the pointer is at %d, which is not the oldest row", size, at)
				}
				q.Enqueue() // nothing was offered
				if now := anglesOf(q.Rows()); !sameSet(now, list) {
					t.Errorf("size %d: rows are enqueued twice", size)
				}
			}
		})
	}
}

// sameSet reports whether the two have the same numbers, within rounding, in any order.
func sameSet(a, b []float64) bool {
	return slices.EqualFunc(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)), func(x, y float64) bool {
		return math.Abs(x-y) < 1e-12
	})
}

func TestQueueBegins(t *testing.T) {
	in(t, func(p *nn.Params) {
		one, other := nn.NewQueue(p.Sub("a"), 500, 16, 4), nn.NewQueue(p.Sub("b"), 500, 16, 4)
		if one.Filled() != 0 || one.Pointer() != 0 {
			t.Errorf("it begins with %d rows filled and its pointer at %d", one.Filled(), one.Pointer())
		}
		lengths := one.Rows().Square().Sum(1)
		if far := lengths.Shift(-1).Abs().Max().Item(); far > 1e-12 {
			t.Errorf("the squared length of a row is %g from 1", far)
		}
		// The length of the mean of n random unit rows is about 1/√n = 0.045.
		if m := one.Rows().Mean(0).Norm(0).Item(); m > 0.1 {
			t.Errorf("the rows have a mean of length %g: they are not random directions", m)
		}
		if one.Rows().Sub(other.Rows()).Abs().Max().Item() == 0 {
			t.Error("two queues begin with the same rows")
		}
	})
}

// The tree's state holds the queue, so that a checkpoint restores it, offered rows too.
func TestQueueIsRestored(t *testing.T) {
	in(t, func(p *nn.Params) {
		other := nn.NewParams(2, torch.F64)
		defer other.Free()
		q, r := nn.NewQueue(p, 5, 2, 3), nn.NewQueue(other, 5, 2, 3)
		first, _ := batch(0, 3)
		second, _ := batch(3, 3)
		q.Offer(first)
		q.Enqueue()
		q.Offer(second)
		if err := other.Load(p.State()); err != nil {
			t.Error(err)
			return
		}
		for _, both := range []*nn.Queue{q, r} {
			both.Enqueue()
		}
		if !slices.Equal(q.Rows().Float64s(), r.Rows().Float64s()) || q.Pointer() != r.Pointer() ||
			q.Filled() != r.Filled() {
			t.Error("the restored queue goes on differently")
		}
	})
}

func TestQueueRefusesTooManyRows(t *testing.T) {
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F64)
		defer p.Free()
		rows, _ := batch(0, 4)
		nn.NewQueue(p, 5, 2, 3).Offer(rows)
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "4 rows are offered to a queue made for 3 at a time") {
		t.Errorf("got %v", err)
	}
}
