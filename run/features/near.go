// SPDX-License-Identifier: Apache-2.0

package features

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// A Match is a row of a sample and its cosine with another one, -1 to 1.
type Match struct {
	Row    int
	Cosine float64
}

func compare(a, b Match) int {
	return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.Row, b.Row))
}

// Nearest returns the k rows of the sample that are most similar to row i, without i, the most similar first; of
// equally similar ones the one with the smaller number. There are fewer if the sample has fewer.
func (s *Sample) Nearest(i, k int) []Match { return s.nearest(s.Row(i), i, k) }

// NearestTo is Nearest to features from elsewhere, of length 1 and the sample's width.
func (s *Sample) NearestTo(row []float32, k int) []Match { return s.nearest(row, -1, k) }

// nearest leaves row without out.
func (s *Sample) nearest(row []float32, without, k int) []Match {
	all := make([]Match, 0, len(s.Images))
	for j := range s.Images {
		if j != without {
			all = append(all, Match{j, cosine.Of(row, s.Row(j))})
		}
	}
	slices.SortFunc(all, compare)
	return all[:min(k, len(all))]
}

// Neighbours returns [Sample.Nearest] of all rows. It takes about a second for 1,000 rows of 1,024 values on one core,
// and ends with the context.
func (s *Sample) Neighbours(ctx context.Context, k int) ([][]Match, error) {
	n := len(s.Images)
	near := make([][]Match, n)
	for i := range n {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		near[i] = make([]Match, 0, n-1)
		for j := range i {
			c := cosine.Of(s.Row(i), s.Row(j))
			near[i], near[j] = append(near[i], Match{j, c}), append(near[j], Match{i, c})
		}
	}
	for i, all := range near {
		slices.SortFunc(all, compare)
		near[i] = slices.Clone(all[:min(k, len(all))])
	}
	return near, nil
}

// Apart says how far each image is from its nearest others: 1 minus the mean cosine to them, 0 to 2. Images on which an
// encoder does badly usually lie apart. Without neighbours it is 0.
func Apart(near [][]Match) []float64 {
	apart := make([]float64, len(near))
	for i, all := range near {
		for _, m := range all {
			apart[i] += (1 - m.Cosine) / float64(len(all))
		}
	}
	return apart
}

// Disagree says which share of each image's nearest others, among those with a label, has another label than the image:
// 0 to 1, or NaN for an image without a label or without such neighbours.
func (s *Sample) Disagree(near [][]Match) []float64 {
	share := make([]float64, len(near))
	for i, all := range near {
		known, other := 0, 0
		for _, m := range all {
			if label := s.Images[m.Row].Label; label >= 0 {
				known++
				if label != s.Images[i].Label {
					other++
				}
			}
		}
		share[i] = math.NaN()
		if known > 0 && s.Images[i].Label >= 0 {
			share[i] = float64(other) / float64(known)
		}
	}
	return share
}

// The settings of [Sample.Clusters].
const (
	clusterSeed  = 1
	clusterTries = 4
	clusterSteps = 50
)

// Clusters divides the rows into k clusters by spherical k-means (Dhillon & Modha 2001): the best of some tries, each
// from centres that are drawn as k-means++ does (Arthur & Vassilvitskii 2007). It returns the cluster of each row,
// numbered by falling size. The result depends on the rows alone. With fewer rows than k each is a cluster.
func (s *Sample) Clusters(ctx context.Context, k int) ([]int, error) {
	n := len(s.Images)
	k = max(1, min(k, n))
	r := rand.New(rand.NewPCG(clusterSeed, uint64(k)))
	var best []int
	most := math.Inf(-1)
	for range clusterTries {
		of, similarity, err := s.kmeans(ctx, s.seeds(r, k))
		if err != nil {
			return nil, err
		}
		if similarity > most {
			most, best = similarity, of
		}
	}
	sizes, order := make([]int, k), make([]int, k)
	for _, c := range best {
		sizes[c]++
	}
	for c := range order {
		order[c] = c
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	number := make([]int, k)
	for at, c := range order {
		number[c] = at
	}
	for i, c := range best {
		best[i] = number[c]
	}
	return best, nil
}

// seeds draws k rows, those that are far from the ones drawn before with a higher chance.
func (s *Sample) seeds(r *rand.Rand, k int) []float32 {
	n := len(s.Images)
	far := make([]float64, n)
	for i := range far {
		far[i] = 2
	}
	var centres []float32
	for at := r.IntN(n); ; {
		row := s.Row(at)
		centres = append(centres, row...)
		if len(centres) == k*s.Width {
			return centres
		}
		total := 0.0
		for i := range far {
			far[i] = min(far[i], max(0, 1-cosine.Of(s.Row(i), row)))
			total += far[i]
		}
		left := r.Float64() * total
		for at = 0; at < n-1 && left >= far[at]; at++ {
			left -= far[at]
		}
	}
}

// kmeans moves the centres until no row changes its cluster. similarity is the sum of the cosines with the centres.
func (s *Sample) kmeans(ctx context.Context, centres []float32) (of []int, similarity float64, err error) {
	n, k := len(s.Images), len(centres)/s.Width
	of = make([]int, n)
	sums := make([]float64, k*s.Width)
	for step := range clusterSteps {
		if err := context.Cause(ctx); err != nil {
			return nil, 0, err
		}
		changed := step == 0
		similarity = 0
		for i := range n {
			best, most := 0, math.Inf(-1)
			for c := range k {
				if v := cosine.Of(s.Row(i), centres[c*s.Width:(c+1)*s.Width]); v > most {
					best, most = c, v
				}
			}
			changed = changed || of[i] != best
			of[i] = best
			similarity += most
		}
		if !changed {
			break
		}
		clear(sums)
		for i, c := range of {
			for j, v := range s.Row(i) {
				sums[c*s.Width+j] += float64(v)
			}
		}
		for c := range k {
			sum, square := sums[c*s.Width:(c+1)*s.Width], 0.0
			for _, v := range sum {
				square += v * v
			}
			if square == 0 {
				continue // no row, or rows of zeros: the centre stays
			}
			for j, v := range sum {
				centres[c*s.Width+j] = float32(v / math.Sqrt(square))
			}
		}
	}
	return of, similarity, nil
}
