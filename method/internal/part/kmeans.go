// SPDX-License-Identifier: Apache-2.0

package part

import (
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/torch"
)

// rowsAtOnce is how many rows at most are compared with all centroids at a time.
const rowsAtOnce = 4096

// SphericalKMeans clusters the rows of x, N x d of length 1, into k <= N clusters by cosine (Dhillon & Modha 2001). It
// begins with k of the rows, drawn by r. In every iteration each row goes to the nearest centroid, and each centroid to
// the normalized mean of its rows. A cluster without rows keeps its centroid. It returns the centroids, k x d, and the
// index of the nearest one for every row.
func SphericalKMeans(x torch.Tensor, k, iterations int, r *rand.Rand) (centroids, nearest torch.Tensor, err error) {
	centroids = x.IndexSelect(0, torch.FromInts(r.Perm(x.Size(0))[:k], k))
	for range iterations {
		_, sums, counts, err := assign(x, centroids)
		if err != nil {
			return centroids, nearest, err
		}
		// The length of the mean does not matter, so the sum will do.
		centroids = counts.Eq(torch.Zeros(x.DType())).Where(centroids, sums).Normalize(1)
	}
	nearest, _, _, err = assign(x, centroids)
	return centroids, nearest, err
}

// assign returns the index of the nearest centroid for every row (N, int64), and for every centroid the sum of its rows
// (k x d) and their number (k x 1).
func assign(x, centroids torch.Tensor) (nearest, sums, counts torch.Tensor, err error) {
	n, k := x.Size(0), centroids.Size(0)
	nearest, counts = torch.Zeros(torch.I64, n), torch.Zeros(x.DType(), k, 1)
	sums = torch.Zeros(x.DType(), centroids.Shape()...)
	for from := 0; from < n && err == nil; from += rowsAtOnce {
		err = torch.Scope(func() error {
			rows := x.Narrow(0, from, min(rowsAtOnce, n-from))
			scores := rows.MatMul(centroids.T())
			scores.ArgMax(1).CopyInto(nearest.Narrow(0, from, rows.Size(0)))
			members := Hard(scores).T() // k x rows. A product with it has a fixed order of additions on any device.
			members.MatMul(rows).AddInto(sums, 1)
			members.Sum(1).Unsqueeze(1).AddInto(counts, 1)
			return nil
		})
	}
	return nearest, sums, counts, err
}
