// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// sphericalIterations is how often k-means moves its centroids, at most; FAISS's default for an index is 10, too.
const sphericalIterations = 10

// centroids finds k unit vectors such that rows lie near one of them: spherical k-means (Dhillon & Modha 2001) on a
// sample of at most perCentroid rows for each, from rows drawn without replacement. A centroid that lost all its rows
// moves to a row drawn at random. The result has k rows in memory; k is at most the number of rows.
func (r *Rows) centroids(ctx context.Context, k, perCentroid int, draw *rand.Rand) (*Rows, error) {
	if k < 1 || k > r.n {
		return nil, fmt.Errorf("%d clusters of %d rows: want 1 to as many as there are rows", k, r.n)
	}
	sample, err := r.sample(min(r.n, k*perCentroid), draw)
	if err != nil {
		return nil, err
	}
	c := &Rows{n: k, d: r.d, memory: slices.Clone(sample.memory[:k*r.d])}
	before := make([]int32, sample.n)
	for range sphericalIterations {
		near, err := sample.nearestOf(ctx, c)
		if err != nil {
			return nil, err
		}
		if slices.Equal(near, before) {
			break
		}
		before = near
		sums, counts := make([]float64, k*r.d), make([]int, k)
		for i, of := range near {
			counts[of]++
			sum := sums[int(of)*r.d:][:r.d]
			for j, v := range sample.memory[i*r.d : (i+1)*r.d] {
				sum[j] += float64(v)
			}
		}
		mean := make([]float32, r.d)
		for i, count := range counts {
			if count == 0 {
				copy(c.memory[i*r.d:(i+1)*r.d], sample.memory[draw.IntN(sample.n)*r.d:][:r.d])
				continue
			}
			for j, v := range sums[i*r.d : (i+1)*r.d] {
				mean[j] = float32(v)
			}
			if err := unit(c.memory[i*r.d:(i+1)*r.d], mean); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// sample returns n different rows in memory, in an order drawn at random.
func (r *Rows) sample(n int, draw *rand.Rand) (*Rows, error) {
	return r.subset(context.Background(), drawn(r.n, n, draw), true)
}

// drawn returns n different numbers below of, in an order drawn at random (Fisher and Yates, over a sparse list).
func drawn(of, n int, draw *rand.Rand) []int32 {
	moved := map[int]int32{}
	at := func(i int) int32 {
		if v, ok := moved[i]; ok {
			return v
		}
		return int32(i)
	}
	numbers := make([]int32, n)
	for i := range numbers {
		j := i + draw.IntN(of-i)
		numbers[i] = at(j)
		moved[j] = at(i)
	}
	return numbers
}

// nearestOf returns the number of the centroid that is most similar to each row.
func (r *Rows) nearestOf(ctx context.Context, c *Rows) ([]int32, error) {
	near := make([]int32, 0, r.n)
	err := scoped(func() error {
		keys := torch.FromFloat32(c.memory, c.n, c.d).T()
		size := min(max(1, (4<<20)/c.n), 16<<10) // 16 MiB of similarities
		return r.blocks(ctx, 0, r.n, size, func(b *block) error {
			for _, v := range b.rows.Narrow(0, 0, b.n).MatMul(keys).ArgMax(1).Ints() {
				near = append(near, int32(v))
			}
			return nil
		})
	})
	if err == nil && len(near) != r.n {
		err = errors.New("rows were lost")
	}
	return near, err
}
