// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// mostIterations bounds a run of k-means; it usually ends long before that, when no row changes its cluster.
const mostIterations = 300

// Centroids are the means that k-means found. The tensor lives as long as the scope in which it was made.
type Centroids struct {
	rows torch.Tensor // k x D, float32
	mean torch.Tensor // D, of the data: subtracted from rows before they are compared, so that nothing large cancels
}

// KMeans looks for the k centroids with the smallest sum of squared distances between rows (N x D) and their nearest
// centroid (Lloyd 1982). It starts from rows drawn by k-means++ (Arthur & Vassilvitskii 2007), restarts times, and
// keeps the best result. scikit-learn draws several candidates for each row and takes the best (greedy k-means++); this
// one draws one. Its sums were at most 0.26 % larger. A cluster that loses all its rows gets the row that is farthest
// from its centroid. k is from 1 to N. It computes in float32 and holds a copy of the rows and 64 MiB of distances.
func KMeans(rows torch.Tensor, k, restarts int, r *rand.Rand) (best Centroids) {
	const op = "KMeans"
	if shape := rows.Shape(); len(shape) != 2 || k < 1 || k > shape[0] || restarts < 1 {
		torch.Fail(op, "%d clusters of rows of shape %v, %d times: want a matrix, 1 to as many clusters as it has "+
			"rows, and at least 1 restart", k, rows.Shape(), restarts)
	}
	nested(func() {
		mean := rows.Detach().To(torch.F64).Mean(0).To(torch.F32)
		x := finite(op, "features", rows).To(torch.F32).Sub(mean)
		least := math.Inf(1)
		var found torch.Tensor
		for range restarts {
			nested(func() {
				c, inertia := lloyd(x, plusPlus(x, k, r))
				if inertia < least {
					least, found = inertia, c.Keep()
				}
			})
		}
		best = Centroids{found.Keep(), mean.Keep()}
	})
	return best
}

// plusPlus draws k rows: the first at random, the others with a probability proportional to the squared distance from
// the nearest row drawn before.
func plusPlus(x torch.Tensor, k int, r *rand.Rand) torch.Tensor {
	n := x.Size(0)
	drawn := []int{r.IntN(n)}
	near := make([]float64, n)
	for i := range near {
		near[i] = math.Inf(1)
	}
	for len(drawn) < k {
		nested(func() {
			total := 0.0
			for i, d := range x.Sub(x.Narrow(0, drawn[len(drawn)-1], 1)).Square().Sum(1).To(torch.F64).Float64s() {
				near[i] = min(near[i], d)
				total += near[i]
			}
			next, left := r.IntN(n), r.Float64()*total
			for i, d := range near {
				if left -= d; left < 0 {
					next = i
					break
				}
			}
			drawn = append(drawn, next)
		})
	}
	return x.IndexSelect(0, torch.FromInts(drawn, k))
}

// lloyd moves centroids to the means of their rows until no row changes its cluster.
func lloyd(x, c torch.Tensor) (centroids torch.Tensor, inertia float64) {
	k, d := c.Size(0), c.Size(1)
	var before []int
	for range mostIterations {
		next := torch.Zeros(torch.F64, k, d)
		eye := torch.Eye(k, torch.F32)
		clusters, distances := nearest(x, c, func(rows, cluster torch.Tensor) {
			eye.IndexSelect(0, cluster).T().MatMul(rows).To(torch.F64).AddInto(next, 1)
		})
		inertia = 0
		for _, v := range distances {
			inertia += v
		}
		if slices.Equal(clusters, before) {
			break
		}
		before = clusters
		sizes := make([]float64, k)
		for _, cluster := range clusters {
			sizes[cluster]++
		}
		var farthest []int // rows, when first needed
		for cluster, size := range sizes {
			if size > 0 {
				continue
			}
			if farthest == nil {
				farthest = make([]int, len(distances))
				for i := range farthest {
					farthest[i] = i
				}
				slices.SortStableFunc(farthest, func(a, b int) int { return cmp.Compare(distances[b], distances[a]) })
			}
			x.Narrow(0, farthest[0], 1).To(torch.F64).CopyInto(next.Narrow(0, cluster, 1))
			farthest, sizes[cluster] = farthest[1:], 1
		}
		c = next.Div(torch.FromFloat64(sizes, k, 1)).To(torch.F32)
	}
	return c, inertia
}

// nearest returns the nearest centroid of each row and its squared distance. It calls each, if there is one, with
// blocks of rows and their centroids' numbers.
func nearest(x, c torch.Tensor, each func(rows, cluster torch.Tensor)) (clusters []int, distances []float64) {
	n, length := x.Size(0), c.Square().Sum(1) // of every centroid
	block := max(1, similarities/max(c.Size(0), c.Size(1)))
	for from := 0; from < n; from += block {
		nested(func() {
			rows := x.Narrow(0, from, min(block, n-from))
			// |x - c|² without |x|², with the sign turned
			closeness := rows.MatMul(c.T()).Scale(2).Sub(length)
			cluster := closeness.ArgMax(1)
			if each != nil {
				each(rows, cluster)
			}
			apart := rows.Sub(c.IndexSelect(0, cluster)).Square().Sum(1)
			clusters = append(clusters, cluster.Ints()...)
			distances = append(distances, apart.To(torch.F64).Float64s()...)
		})
	}
	return clusters, distances
}

// Assign returns the nearest centroid of every row (N x D) and the sum of the squared distances.
func (c Centroids) Assign(rows torch.Tensor) (clusters []int, inertia float64) {
	const op = "Assign"
	if shape := rows.Shape(); len(shape) != 2 || shape[1] != c.rows.Size(1) {
		torch.Fail(op, "rows of shape %v for centroids of width %d", shape, c.rows.Size(1))
	}
	nested(func() {
		var distances []float64
		clusters, distances = nearest(finite(op, "features", rows).To(torch.F32).Sub(c.mean), c.rows, nil)
		for _, d := range distances {
			inertia += d
		}
	})
	return clusters, inertia
}

// Margins returns 1 - a/b of every row (N x D), where a and b are the distances to its nearest and its second nearest
// centroid: 1 at a centroid, 0 half-way between two. There must be at least 2 centroids.
func (c Centroids) Margins(rows torch.Tensor) (margins []float64) {
	nested(func() {
		length := c.rows.Square().Sum(1)
		x := finite("Margins", "features", rows).To(torch.F32).Sub(c.mean)
		block := max(1, similarities/max(c.rows.Size(0), c.rows.Size(1)))
		for from := 0; from < x.Size(0); from += block {
			nested(func() {
				part := x.Narrow(0, from, min(block, x.Size(0)-from))
				near, _ := part.MatMul(c.rows.T()).Scale(2).Sub(length).TopK(2, 1) // |x|² - |x - c|²
				apart := part.Square().Sum(1).Unsqueeze(1).Sub(near).Clamp(0, math.Inf(1)).Sqrt()
				a, b := apart.Narrow(1, 0, 1), apart.Narrow(1, 1, 1).Clamp(1e-30, math.Inf(1))
				margins = append(margins, a.Div(b).Neg().Shift(1).Reshape(-1).To(torch.F64).Float64s()...)
			})
		}
	})
	return margins
}

// Silhouette measures how much nearer rows (N x D) are to their own cluster than to the next one (Rousseeuw 1987): the
// mean of (b-a)/max(a, b). Here a is the mean Euclidean distance of a row to the other rows of its cluster, and b that
// to the rows of the nearest other cluster; a row alone in its cluster counts 0. It is in [-1, 1], and NaN with fewer
// than two clusters. If there are more than most rows, it draws most rows from r and compares them with one another.
func Silhouette(rows torch.Tensor, clusters []int, most int, r *rand.Rand) float64 {
	if n := rows.Size(0); n != len(clusters) {
		torch.Fail("Silhouette", "%d cluster numbers for %d rows", len(clusters), n)
	}
	index := r.Perm(len(clusters))
	index = index[:min(most, len(index))]
	of := make([]int, len(index))
	for i, row := range index {
		of[i] = clusters[row]
	}
	of, k := dense(of)
	if k < 2 {
		return math.NaN()
	}
	sizes := make([]float64, k)
	for _, cluster := range of {
		sizes[cluster]++
	}
	var sums []float64 // distances of every row, summed over the rows of each cluster
	nested(func() {
		n := len(index)
		x := finite("Silhouette", "features", rows).IndexSelect(0, torch.FromInts(index, n)).To(torch.F64)
		x = x.Sub(x.Mean(0))
		length := x.Square().Sum(1)
		squares := length.Unsqueeze(1).Add(length).Sub(x.MatMul(x.T()).Scale(2))
		distances := squares.Clamp(0, math.Inf(1)).Sqrt().OffDiagonal()
		sums = distances.MatMul(torch.Eye(k, torch.F64).IndexSelect(0, torch.FromInts(of, n))).Float64s()
	})
	total := 0.0
	for i, own := range of {
		if sizes[own] == 1 {
			continue
		}
		a, b := 0.0, math.Inf(1)
		for cluster, size := range sizes {
			if d := sums[i*k+cluster]; cluster == own {
				a = d / (size - 1)
			} else {
				b = min(b, d/size)
			}
		}
		if m := max(a, b); m > 0 {
			total += (b - a) / m
		}
	}
	return total / float64(len(of))
}
