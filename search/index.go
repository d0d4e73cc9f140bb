// SPDX-License-Identifier: Apache-2.0

package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// An Index answers approximately, and faster than [Nearest]: an inverted file (Sivic & Zisserman 2003; Jégou et al.
// 2011, section IV-A, without their quantiser). Rows lie in lists, each around a centroid of k-means, and a query is
// compared only with the rows of some lists. What it finds has its exact similarity; it may miss rows.
type Index struct {
	rows      *Rows // sorted by list
	numbers   []int32
	ends      []int32 // list i is rows ends[i-1] to ends[i]
	centroids *Rows
}

// NewIndex sorts rows into lists, 2√N of them if lists is 0. It writes a copy of the rows to a temporary file and holds
// 8 bytes a row while it does so, and a sample of 64 rows a list. Equal seeds give equal indexes for an equal number of
// threads. rows may be closed after it.
func NewIndex(ctx context.Context, rows *Rows, lists int, seed uint64) (*Index, error) {
	if lists == 0 {
		lists = max(1, min(rows.n, int(2*math.Sqrt(float64(rows.n)))))
	}
	if rows.n == 0 {
		return nil, errors.New("an index of no rows: there is nothing to find")
	}
	c, err := rows.centroids(ctx, lists, 64, rand.New(rand.NewPCG(seed, 0x1df)))
	if err != nil {
		return nil, err
	}
	of, err := rows.nearestOf(ctx, c)
	if err != nil {
		return nil, err
	}
	x := &Index{centroids: c, numbers: make([]int32, rows.n), ends: make([]int32, lists)}
	for i := range x.numbers {
		x.numbers[i] = int32(i)
	}
	slices.SortStableFunc(x.numbers, func(a, b int32) int { return cmp.Compare(of[a], of[b]) })
	for _, list := range of {
		x.ends[list]++
	}
	for i := 1; i < lists; i++ {
		x.ends[i] += x.ends[i-1]
	}
	x.rows, err = rows.subset(ctx, x.numbers, false)
	return x, err
}

// Lists returns the number of lists.
func (x *Index) Lists() int { return len(x.ends) }

// Close gives the index's file and memory back.
func (x *Index) Close() error { return x.rows.Close() }

// Nearest returns what [Nearest] does, of the rows in the lists whose centroids are the most similar to a query.
// probes, 1 to [Index.Lists], is the number of lists for each query: more find more. Fewer than k rows come back if the
// lists hold fewer.
func (x *Index) Nearest(ctx context.Context, queries *Rows, k, probes int, progress Progress) ([][]Match, error) {
	return gathered(queries.n, func(each func(int, [][]Match)) error {
		return x.nearest(ctx, queries, k, probes, false, progress, each)
	})
}

// nearest is the function nearest with an index.
func (x *Index) nearest(ctx context.Context, queries *Rows, k, probes int, others bool, progress Progress,
	each func(from int, matches [][]Match),
) error {
	if err := checkNearest(x.rows, queries, k); err != nil {
		return err
	}
	if probes < 1 || probes > len(x.ends) {
		return fmt.Errorf("%d probes of an index of %d lists: want 1 to as many as there are lists", probes,
			len(x.ends))
	}
	return scoped(func() error {
		keys := torch.FromFloat32(x.centroids.memory, x.centroids.n, x.centroids.d).T()
		// Many queries at a time: those that probe the same list share its reading and its product.
		return queries.blocks(ctx, 0, queries.n, 8*queryBlock, func(q *block) error {
			_, lists := q.rows.Narrow(0, 0, q.n).MatMul(keys).TopK(probes, 1)
			best := newTops(q.n, k, slack(x.rows.d))
			for list, asking := range inverted(lists.Ints(), probes, len(x.ends)) {
				for part := range slices.Chunk(asking, queryBlock) {
					if err := x.probe(ctx, list, q, part, others, best); err != nil {
						return err
					}
				}
			}
			each(q.from, best.sorted())
			progress.report(int64(q.from+q.n), int64(queries.n))
			return nil
		})
	})
}

// inverted gives each list that is probed, in order, with the numbers of the queries that probe it.
func inverted(lists []int, probes, of int) iter.Seq2[int, []int32] {
	asking := make([][]int32, of)
	for i, list := range lists {
		asking[list] = append(asking[list], int32(i/probes))
	}
	return func(yield func(int, []int32) bool) {
		for list, queries := range asking {
			if len(queries) > 0 && !yield(list, queries) {
				return
			}
		}
	}
}

// probe compares the asking queries of the block q with the rows of a list. With others, row i is no match of query i.
func (x *Index) probe(ctx context.Context, list int, q *block, asking []int32, others bool, best *tops,
) error {
	dim, from := x.rows.d, 0
	if list > 0 {
		from = int(x.ends[list-1])
	}
	part := &block{n: len(asking), values: make([]float32, 0, len(asking)*dim)}
	those := &tops{k: best.k, slack: best.slack, heaps: make([][]Match, len(asking))}
	for i, query := range asking {
		part.values = append(part.values, q.row(int(query), dim)...)
		those.heaps[i] = best.heaps[query]
	}
	err := scoped(func() error {
		part.rows = tensor(part.values, dim)
		return x.rows.blocks(ctx, from, int(x.ends[list]), rowBlock, func(b *block) error {
			number := func(j int) int { return int(x.numbers[b.from+j]) }
			skip := func(i, j int) bool { return others && q.from+int(asking[i]) == number(j) }
			return those.scan(part, b, dim, skip, number)
		})
	})
	for i, query := range asking {
		best.heaps[query] = those.heaps[i]
	}
	return err
}

// Recall returns the share of the k exact neighbours of queries that the index finds with the given number of probes,
// from 0 to 1: recall@k. rows are those that the index was made of.
func (x *Index) Recall(ctx context.Context, rows, queries *Rows, k, probes int) (float64, error) {
	exact, err := Nearest(ctx, rows, queries, k, nil)
	if err != nil {
		return 0, err
	}
	found, err := x.Nearest(ctx, queries, k, probes, nil)
	if err != nil {
		return 0, err
	}
	return recall(exact, found), nil
}

// recall counts a match as found if its row or an equally similar one was.
func recall(exact, found [][]Match) float64 {
	hits, of := 0, 0
	for i, matches := range exact {
		for j, m := range matches {
			of++
			if j < len(found[i]) && (found[i][j].Row == m.Row || found[i][j].Cosine == m.Cosine) ||
				slices.Contains(found[i], m) {
				hits++
			}
		}
	}
	if of == 0 {
		return 1
	}
	return float64(hits) / float64(of)
}
