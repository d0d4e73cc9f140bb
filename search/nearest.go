// SPDX-License-Identifier: Apache-2.0

package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/internal/cosine"
	"github.com/parallax-ssl/parallax/torch"
)

// A Match is a row and its similarity to a query: the cosine, from -1 to 1.
type Match struct {
	Row    int
	Cosine float64
}

// MostNeighbours bounds the number of neighbours of a query.
const MostNeighbours = 10_000

// Nearest returns the k rows that are most similar to each query, the most similar first, and of equally similar ones
// the one with the smaller number. The result is exact: see the package's documentation. queries and rows are of one
// width; k is 1 to [MostNeighbours], and all rows if there are fewer. Memory is 16 bytes for each match and some tens
// of MiB. It reads rows once for each 1024 queries.
func Nearest(ctx context.Context, rows, queries *Rows, k int, progress Progress) ([][]Match, error) {
	return gathered(queries.n, func(each func(int, [][]Match)) error {
		return nearest(ctx, rows, queries, k, false, progress, each)
	})
}

// Neighbours is [Nearest] of each row among the other rows.
func Neighbours(ctx context.Context, rows *Rows, k int, progress Progress) ([][]Match, error) {
	return gathered(rows.n, func(each func(int, [][]Match)) error {
		return nearest(ctx, rows, rows, k, true, progress, each)
	})
}

// gathered returns all matches that find tells of.
func gathered(queries int, find func(each func(from int, matches [][]Match)) error) ([][]Match, error) {
	all := make([][]Match, 0, queries)
	err := find(func(_ int, matches [][]Match) { all = append(all, matches...) })
	if err != nil {
		return nil, err
	}
	return all, nil
}

// nearest calls each with the matches of the queries from query from on, block by block. With others, row i is no match
// of query i.
func nearest(ctx context.Context, rows, queries *Rows, k int, others bool, progress Progress,
	each func(from int, matches [][]Match),
) error {
	if err := checkNearest(rows, queries, k); err != nil {
		return err
	}
	total := int64(rows.n) * int64(queries.n)
	done := int64(0)
	return queries.held(ctx, queryBlock, func(q *block) error {
		best := newTops(q.n, k, slack(rows.d))
		err := rows.blocks(ctx, 0, rows.n, rowBlock, func(b *block) error {
			skip := func(i, j int) bool { return others && q.from+i == b.from+j }
			err := best.scan(q, b, rows.d, skip, func(j int) int { return b.from + j })
			done += int64(q.n) * int64(b.n)
			progress.report(done, total)
			return err
		})
		each(q.from, best.sorted())
		return err
	})
}

func checkNearest(rows, queries *Rows, k int) error {
	if rows.d != queries.d {
		return fmt.Errorf("the queries are %d wide and the rows %d: embed both with one encoder", queries.d, rows.d)
	}
	if k < 1 || k > MostNeighbours {
		return fmt.Errorf("%d neighbours: want 1 to %d", k, MostNeighbours)
	}
	return nil
}

// tops are the best matches of each query so far: a heap for each, with the worst match first.
type tops struct {
	k     int
	slack float64
	heaps [][]Match
}

func newTops(queries, k int, slack float64) *tops {
	return &tops{k: k, slack: slack, heaps: make([][]Match, queries)}
}

// worse reports whether a comes after b in a result.
func worse(a, b Match) bool { return compare(a, b) > 0 }

func compare(a, b Match) int {
	return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.Row, b.Row))
}

// floor is the smallest float32 product of a row that could be among the best of query i.
func (t *tops) floor(i int) float64 {
	if h := t.heaps[i]; len(h) >= t.k {
		return h[0].Cosine - t.slack
	}
	return math.Inf(-1)
}

// scan looks for better matches of the block's queries among the rows of b. Row j of b has the number number(j).
func (t *tops) scan(q, b *block, dim int, skip func(i, j int) bool, number func(j int) int) error {
	first := t.first(q, b)
	floor := t.floor
	if first != nil {
		floor = func(i int) float64 { return max(t.floor(i), first[i]) }
	}
	return above(q.rows, q.n, b.rows, b.n, floor, func(i, j int, _ float64) error {
		if !skip(i, j) {
			t.push(i, Match{number(j), cosine.Of(q.row(i, dim), b.row(j, dim))})
		}
		return nil
	})
}

// first returns a floor for each query whose heap is not full yet, or nil if all are full. The best k+1 products of
// this block, one of which may be of the query itself, are found by libtorch; nothing that is smaller than the least of
// them, by more than rounding, is among the best.
func (t *tops) first(q, b *block) []float64 {
	full := !slices.ContainsFunc(t.heaps, func(h []Match) bool { return len(h) < t.k })
	if full || b.n < t.k+1 {
		return nil
	}
	least := make([]float64, q.n)
	if scoped(func() error {
		values, _ := q.rows.Narrow(0, 0, q.n).RowProducts(b.rows.Narrow(0, 0, b.n)).TopK(t.k+1, 1)
		for i, v := range values.Narrow(1, t.k, 1).Reshape(-1).Float32s() {
			least[i] = float64(v) - 2*t.slack
		}
		return nil
	}) != nil {
		return nil // the scan that follows meets the same error
	}
	return least
}

func (t *tops) push(i int, m Match) {
	h := t.heaps[i]
	if len(h) < t.k {
		if h == nil {
			h = make([]Match, 0, min(t.k, 64))
		}
		h = append(h, m)
		for at := len(h) - 1; at > 0; { // up
			parent := (at - 1) / 2
			if !worse(h[at], h[parent]) {
				break
			}
			h[at], h[parent] = h[parent], h[at]
			at = parent
		}
		t.heaps[i] = h
		return
	}
	if !worse(h[0], m) {
		return
	}
	h[0] = m
	for at := 0; ; { // down
		child := 2*at + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && worse(h[child+1], h[child]) {
			child++
		}
		if !worse(h[child], h[at]) {
			break
		}
		h[at], h[child] = h[child], h[at]
		at = child
	}
}

// sorted returns the matches of each query, the best first.
func (t *tops) sorted() [][]Match {
	for i, h := range t.heaps {
		if h == nil {
			t.heaps[i] = []Match{}
		}
		slices.SortFunc(h, compare)
	}
	return t.heaps
}

// tensor copies rows into a tensor.
func tensor(values []float32, dim int) torch.Tensor {
	return torch.FromFloat32(values, len(values)/dim, dim)
}
