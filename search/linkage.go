// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// mostLinked bounds the rows that complete linkage merges at a time: their similarities are 64 MiB.
const mostLinked = 4096

// complete cuts the rows of a component into parts in which all pairs have at least the threshold.
func complete(ctx context.Context, rows *Rows, members []int32, threshold float64) ([][]int32, error) {
	return completeWithin(ctx, rows, members, threshold, threshold, mostLinked)
}

// completeWithin is complete for components that were cut at the cosine cut, and at most most rows at a time.
func completeWithin(ctx context.Context, rows *Rows, members []int32, threshold, cut float64, most int,
) ([][]int32, error) {
	if len(members) == 1 {
		return [][]int32{members}, nil
	}
	part, err := rows.subset(ctx, members, len(members) <= most)
	if err != nil {
		return nil, err
	}
	defer part.Close()
	if len(members) <= most {
		similar, err := part.similarities(ctx, threshold)
		if err != nil {
			return nil, err
		}
		return mapped(agglomerate(similar, len(members), float32(threshold)), members), nil
	}
	var pieces [][]int32
	if cut = (1 + cut) / 2; 1-cut < slack(rows.d) { // the rows are equal, as far as can be told
		for piece := range slices.Chunk(members, most) {
			pieces = append(pieces, piece)
		}
	} else {
		f := newForest(part.n)
		if err := f.connect(ctx, part, cut, nil); err != nil {
			return nil, err
		}
		pieces = mapped(f.groups(), members)
		alone := map[int32]bool{}
		for _, i := range members {
			alone[i] = true
		}
		for _, piece := range pieces {
			for _, i := range piece {
				delete(alone, i)
			}
		}
		for _, i := range members {
			if alone[i] {
				pieces = append(pieces, []int32{i})
			}
		}
	}
	var parts [][]int32
	for _, piece := range pieces {
		of, err := completeWithin(ctx, rows, piece, threshold, cut, most)
		if err != nil {
			return nil, err
		}
		parts = append(parts, of...)
	}
	return parts, nil
}

// mapped replaces positions among members by the members.
func mapped(groups [][]int32, members []int32) [][]int32 {
	for _, group := range groups {
		for i, at := range group {
			group[i] = members[at]
		}
	}
	return groups
}

// similarities returns the cosines of all pairs, N x N. Whether one is at least the threshold is exact; beside that
// they are float32 products.
func (r *Rows) similarities(ctx context.Context, threshold float64) ([]float32, error) {
	all := make([]float32, 0, r.n*r.n)
	err := scoped(func() error {
		return r.blocks(ctx, 0, r.n, r.n, func(b *block) error {
			x := b.rows.Narrow(0, 0, b.n)
			all = x.RowProducts(x).Float32s()
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	near, at := slack(r.d), float32(threshold)
	for i := range r.n {
		for j := range i {
			v := all[i*r.n+j]
			if math.Abs(float64(v)-threshold) <= near {
				c := cosine.Of(r.at(i), r.at(j))
				if v = float32(c); c < threshold && v >= at {
					v = math.Nextafter32(at, -2)
				} else if c >= threshold {
					v = max(v, at)
				}
				all[i*r.n+j] = v
			}
			all[j*r.n+i] = v
		}
	}
	return all, nil
}

// agglomerate merges n rows by complete linkage as long as the similarity of two clusters, that of their least similar
// rows, is at least the threshold. It follows chains of nearest neighbours (Murtagh 1983), which gives the merges of
// the usual algorithm in n² steps. similar, n x n, is overwritten.
func agglomerate(similar []float32, n int, threshold float32) [][]int32 {
	f := newForest(n)
	active := make([]bool, n) // by the slot of a cluster: that of one of its rows
	for i := range active {
		active[i] = true
	}
	var chain []int
	for next := 0; next < n; {
		if len(chain) == 0 {
			if !active[next] {
				next++
				continue
			}
			chain = append(chain, next)
		}
		at := chain[len(chain)-1]
		before := -1
		best, most := -1, float32(math.Inf(-1))
		if len(chain) > 1 { // wins ties, so that a chain ends
			before = chain[len(chain)-2]
			best, most = before, similar[at*n+before]
		}
		for j, v := range similar[at*n : (at+1)*n] {
			if active[j] && j != at && v > most {
				best, most = j, v
			}
		}
		switch {
		case best < 0 || most < threshold:
			active[at] = false // nothing is or will be near enough
			chain = chain[:len(chain)-1]
		case best == before:
			chain = chain[:len(chain)-2]
			f.join(int32(at), int32(best))
			active[at] = false
			for j := range n {
				v := min(similar[at*n+j], similar[best*n+j])
				similar[best*n+j], similar[j*n+best] = v, v
			}
		default:
			chain = append(chain, best)
		}
	}
	parts := f.groups()
	together := make([]bool, n)
	for _, part := range parts {
		for _, i := range part {
			together[i] = true
		}
	}
	for i, is := range together {
		if !is {
			parts = append(parts, []int32{int32(i)})
		}
	}
	return parts
}
