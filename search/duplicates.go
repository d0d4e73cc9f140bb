// SPDX-License-Identifier: Apache-2.0

package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// A Linkage says which similar rows form a group.
type Linkage string

// The linkages.
const (
	// Components joins rows that a chain of similar rows connects. The ends of a chain may be less similar.
	Components Linkage = "components"
	// Complete joins rows only if each is similar to each other one in the group.
	Complete Linkage = "complete"
)

// Linkages are all of them.
var Linkages = []Linkage{Complete, Components}

// Similar says when rows are near-duplicates. Threshold, -1 to 1, is the least cosine of two similar rows. Linkage is
// empty for [Complete]. Same, if it is not nil, has a number for each row: rows of the same number that is not negative
// have the same content. They are in one group, as one row. Progress counts pairs.
type Similar struct {
	Threshold float64
	Linkage   Linkage
	Same      []int32
	Progress  Progress
}

// A Group is near-duplicates: at least two rows, sorted by their numbers. Least is the smallest cosine of any two of
// them; rows of the same content count as 1.
type Group struct {
	Rows  []int
	Least float64
}

// Duplicates returns the groups of near-duplicates, largest first, and of equal size the one with the smaller first
// row.
//
// It compares all pairs, in blocks, and stores none: memory is 8 bytes a row and some tens of MiB. For complete linkage
// the rows of a component are merged from the most similar pair on (agglomerative clustering, cut at the threshold),
// with at most 64 MiB of similarities. A component of more than 4096 different rows is first cut at higher thresholds,
// half of the way to 1 each time, and what is still larger by row numbers. Its groups hold what Complete promises, but
// some could have been joined.
func Duplicates(ctx context.Context, rows *Rows, s Similar) ([]Group, error) {
	if !(s.Threshold >= -1 && s.Threshold <= 1) {
		return nil, fmt.Errorf("a threshold of %g: want a cosine, -1 to 1", s.Threshold)
	}
	if s.Linkage = cmp.Or(s.Linkage, Complete); !slices.Contains(Linkages, s.Linkage) {
		return nil, fmt.Errorf("unknown linkage %q: want %s or %s", s.Linkage, Complete, Components)
	}
	if s.Same != nil && len(s.Same) != rows.n {
		return nil, fmt.Errorf("%d contents for %d rows", len(s.Same), rows.n)
	}
	first := firsts(s.Same, rows.n)
	f := newForest(rows.n)
	for i, j := range first {
		f.join(int32(i), j)
	}
	if err := f.connect(ctx, rows, s.Threshold, s.Progress); err != nil {
		return nil, err
	}
	var groups []Group
	for _, component := range f.groups() {
		originals := slices.DeleteFunc(slices.Clone(component), func(i int32) bool { return first[i] != i })
		parts := [][]int32{originals}
		if s.Linkage == Complete {
			var err error
			if parts, err = complete(ctx, rows, originals, s.Threshold); err != nil {
				return nil, err
			}
		}
		of := map[int32]int{} // the part of each original
		for p, part := range parts {
			for _, i := range part {
				of[i] = p
			}
		}
		members := make([][]int, len(parts))
		for _, i := range component {
			p := of[first[i]]
			members[p] = append(members[p], int(i))
		}
		for p, part := range parts {
			if len(members[p]) < 2 {
				continue
			}
			least, err := leastCosine(ctx, rows, part)
			if err != nil {
				return nil, err
			}
			groups = append(groups, Group{members[p], least})
		}
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(len(b.Rows), len(a.Rows)), cmp.Compare(a.Rows[0], b.Rows[0]))
	})
	return groups, nil
}

// firsts returns, for each row, the first row of the same content.
func firsts(same []int32, n int) []int32 {
	first := make([]int32, n)
	seen := map[int32]int32{}
	for i := range first {
		first[i] = int32(i)
		if same == nil || same[i] < 0 {
			continue
		}
		if before, ok := seen[same[i]]; ok {
			first[i] = before
		} else {
			seen[same[i]] = int32(i)
		}
	}
	return first
}

// A forest is a union-find structure: each row points to a row of the same component, and the first row to itself.
type forest []int32

func newForest(n int) forest {
	f := make(forest, n)
	for i := range f {
		f[i] = int32(i)
	}
	return f
}

func (f forest) root(i int32) int32 {
	for f[i] != i {
		f[i] = f[f[i]]
		i = f[i]
	}
	return i
}

func (f forest) join(i, j int32) {
	if i, j = f.root(i), f.root(j); i < j {
		f[j] = i
	} else {
		f[i] = j
	}
}

// groups returns the components of at least two rows, each sorted, by their first rows.
func (f forest) groups() [][]int32 {
	size := make([]int32, len(f))
	for i := range f {
		size[f.root(int32(i))]++
	}
	at := map[int32]int{}
	var groups [][]int32
	for i := range f {
		root := f.root(int32(i))
		if size[root] < 2 {
			continue
		}
		if _, ok := at[root]; !ok {
			at[root] = len(groups)
			groups = append(groups, make([]int32, 0, size[root]))
		}
		groups[at[root]] = append(groups[at[root]], int32(i))
	}
	return groups
}

// connect joins rows whose cosine is at least the threshold.
func (f forest) connect(ctx context.Context, rows *Rows, threshold float64, progress Progress) error {
	floor := threshold - slack(rows.d)
	done, total := int64(0), pairs(rows.n)
	return scoped(func() error {
		return rows.blocks(ctx, 0, rows.n, queryBlock, func(q *block) error {
			err := rows.blocks(ctx, q.from, rows.n, rowBlock, func(b *block) error {
				return above(q.rows, q.n, b.rows, b.n, func(int) float64 { return floor },
					func(i, j int, _ float64) error {
						one, other := int32(q.from+i), int32(b.from+j)
						if one < other && f.root(one) != f.root(other) &&
							cosine.Of(q.row(i, rows.d), b.row(j, rows.d)) >= threshold {
							f.join(one, other)
						}
						return nil
					})
			})
			done = total - pairs(rows.n-q.from-q.n)
			progress.report(done, total)
			return err
		})
	})
}

// pairs returns the number of pairs of n rows.
func pairs(n int) int64 { return int64(n) * int64(n-1) / 2 }

// leastCosine returns the smallest cosine of any two of the rows, 1 if there is only one.
func leastCosine(ctx context.Context, rows *Rows, members []int32) (float64, error) {
	if len(members) < 2 {
		return 1, nil
	}
	few := len(members) <= 64
	part, err := rows.subset(ctx, members, few)
	if err != nil {
		return 0, err
	}
	defer part.Close()
	least := math.Inf(1)
	if few {
		for i := range members {
			for j := range i {
				least = min(least, cosine.Of(part.at(i), part.at(j)))
			}
		}
		return least, nil
	}
	// The products with the negated rows are largest where the cosine is smallest.
	err = scoped(func() error {
		return part.blocks(ctx, 0, part.n, queryBlock, func(q *block) error {
			negated := q.rows.Neg()
			return part.blocks(ctx, q.from, part.n, rowBlock, func(b *block) error {
				return above(negated, q.n, b.rows, b.n, func(int) float64 { return -least - slack(rows.d) },
					func(i, j int, _ float64) error {
						if q.from+i != b.from+j {
							least = min(least, cosine.Of(q.row(i, rows.d), b.row(j, rows.d)))
						}
						return nil
					})
			})
		})
	})
	return least, err
}

// Pairs are how many pairs of rows have a cosine of at least Threshold, by an estimate.
type Pairs struct {
	Threshold float64
	Pairs     float64
}

// EstimatePairs estimates how many pairs have at least each of the cosines. It compares at most sample rows, drawn with
// the seed, with all others, so it takes a small part of the time of [Duplicates]. With as many rows as there are, it
// counts exactly, within the rounding of float32.
func EstimatePairs(ctx context.Context, rows *Rows, cosines []float64, sample int, seed uint64) ([]Pairs, error) {
	result := make([]Pairs, len(cosines))
	for i, c := range cosines {
		result[i].Threshold = c
	}
	if rows.n < 2 || len(cosines) == 0 {
		return result, nil
	}
	if sample < 1 {
		return nil, fmt.Errorf("a sample of %d rows: want at least 1", sample)
	}
	numbers := drawn(rows.n, min(sample, rows.n), rand.New(rand.NewPCG(seed, 0xe57)))
	part, err := rows.subset(ctx, numbers, true)
	if err != nil {
		return nil, err
	}
	least := slices.Min(cosines)
	err = scoped(func() error {
		return part.blocks(ctx, 0, part.n, queryBlock, func(q *block) error {
			return rows.blocks(ctx, 0, rows.n, rowBlock, func(b *block) error {
				return above(q.rows, q.n, b.rows, b.n, func(int) float64 { return least },
					func(i, j int, similarity float64) error {
						if int(numbers[q.from+i]) == b.from+j {
							return nil
						}
						for at, c := range cosines {
							if similarity >= c {
								result[at].Pairs++
							}
						}
						return nil
					})
			})
		})
	})
	for i := range result {
		result[i].Pairs *= float64(rows.n) / float64(2*part.n)
	}
	return result, err
}
