// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// A Plane is rows in two dimensions: a point for each, in the order of the rows.
type Plane struct {
	Points [][2]float64
	// Explained is the share of the rows' variance along each axis, 0 to 1; of PCA alone.
	Explained [2]float64
	// Divergence is the Kullback-Leibler divergence that t-SNE reached, in nats; of t-SNE alone.
	Divergence float64
}

// PCA projects rows onto the two directions of largest variance (Pearson 1901), those of the covariance's eigenvectors
// with the largest eigenvalues. Each axis points so that its component of largest magnitude is positive. It reads the
// rows twice; memory is 16 bytes a row, and some matrices of D x D.
func PCA(ctx context.Context, rows *Rows) (*Plane, error) {
	p := &Plane{Points: make([][2]float64, 0, rows.n)}
	err := scoped(func() error {
		d := rows.d
		m, err := rows.moments(ctx)
		if err != nil {
			return fmt.Errorf("a map: %w", err)
		}
		values, vectors := m.covariance.EigH()
		total := 0.0
		spread := values.Float64s()
		for _, v := range spread {
			total += max(v, 0)
		}
		var axes [2]torch.Tensor
		for a := range axes {
			if a >= d {
				axes[a] = torch.Zeros(torch.F64, d, 1)
				continue
			}
			axes[a] = vectors.Narrow(1, d-1-a, 1)
			if total > 0 {
				p.Explained[a] = max(spread[d-1-a], 0) / total
			}
			if negative(axes[a].Reshape(-1).Float64s()) {
				axes[a] = axes[a].Neg()
			}
		}
		plane := torch.Cat(1, axes[0], axes[1])
		return rows.blocks(ctx, 0, rows.n, rowBlock, func(b *block) error {
			at := b.rows.Narrow(0, 0, b.n).To(torch.F64).Sub(m.mean).MatMul(plane).Float64s()
			for i := range b.n {
				p.Points = append(p.Points, [2]float64{at[2*i], at[2*i+1]})
			}
			return nil
		})
	})
	return p, err
}

// negative reports whether the component of largest magnitude, the first of equal ones, is negative.
func negative(v []float64) bool {
	most := 0.0
	for _, x := range v {
		if math.Abs(x) > math.Abs(most)*(1+1e-9) {
			most = x
		}
	}
	return most < 0
}
