// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"errors"
	"fmt"

	"github.com/parallax-ssl/parallax/torch"
)

// MostMatrix bounds the width of embeddings of which a covariance is computed, D x D in float64.
const MostMatrix = 4096

// moments are the mean (D) and the covariance (D x D) of rows, in float64.
type moments struct{ mean, covariance torch.Tensor }

// moments computes the mean and the covariance, inside a scope. It reads the rows once.
func (r *Rows) moments(ctx context.Context) (m moments, err error) {
	switch {
	case r.n == 0:
		return m, errors.New("there are no embeddings")
	case r.d > MostMatrix:
		return m, fmt.Errorf("embeddings are %d wide: want at most %d for a covariance", r.d, MostMatrix)
	}
	sum, squares := torch.Zeros(torch.F64, r.d), torch.Zeros(torch.F64, r.d, r.d)
	err = r.blocks(ctx, 0, r.n, rowBlock, func(b *block) error {
		x := b.rows.To(torch.F64) // rows of zeros behind the last add nothing
		x.Sum(0).AddInto(sum, 1)
		x.T().MatMul(x).AddInto(squares, 1)
		return nil
	})
	if err != nil {
		return m, err
	}
	m.mean = sum.Scale(1 / float64(r.n))
	m.covariance = squares.Scale(1 / float64(r.n)).Sub(m.mean.Unsqueeze(1).MatMul(m.mean.Unsqueeze(0)))
	return m, nil
}

// Whiten returns rows whose mean is zero and whose covariance is the identity, before they are scaled to length 1
// again; in a new temporary file. A trained encoder's embeddings share large components, which make all cosines large
// and hide what tells two images apart. Without them copies stand out: Pizzi et al. (2022), "A self-supervised
// descriptor for image copy detection" (arXiv:2202.10261), section 4.4, whiten descriptors, too.
//
// The covariance is shrunk towards a multiple of the identity as Ledoit & Wolf (2004, "A well-conditioned estimator for
// large-dimensional covariance matrices", section 3.3) find best, so that few rows are no problem. It reads rows three
// times; memory is some matrices of D x D. Equal rows stay equal. If all rows are equal, they stay as they are.
func Whiten(ctx context.Context, rows *Rows) (white *Rows, err error) {
	err = scoped(func() error {
		m, err := rows.moments(ctx)
		if err != nil {
			return err
		}
		fourth := torch.Zeros(torch.F64, 1)
		err = rows.blocks(ctx, 0, rows.n, rowBlock, func(b *block) error {
			x := b.rows.Narrow(0, 0, b.n).To(torch.F64).Sub(m.mean)
			x.Square().Sum(1).Square().Sum().AddInto(fourth, 1)
			return nil
		})
		if err != nil {
			return err
		}
		project, mean := m.whitening(fourth.Item(), float64(rows.n)), m.mean
		if !project.Defined() {
			project, mean = torch.Eye(rows.d, torch.F64), mean.Scale(0)
		}
		white, err = Collect(ctx, rows.d, func(yield func([]float32, error) bool) {
			err := rows.blocks(ctx, 0, rows.n, rowBlock, func(b *block) error {
				x := b.rows.Narrow(0, 0, b.n).To(torch.F64).Sub(mean).MatMul(project)
				if !yield(x.To(torch.F32).Float32s(), nil) {
					return errStopped
				}
				return nil
			})
			if err != nil && !errors.Is(err, errStopped) {
				yield(nil, err)
			}
		})
		return err
	})
	return white, err
}

// errStopped ends a pass over rows whose receiver wants no more.
var errStopped = errors.New("stopped")

// whitening returns V·Λ^(-1/2) of the shrunk covariance VΛVᵀ, or no tensor if there is no variance. fourth is the sum
// of the fourth powers of the lengths of the n centred rows.
func (m moments) whitening(fourth, n float64) torch.Tensor {
	d := m.covariance.Size(0)
	size := m.covariance.Square().Sum().Item()
	variance := m.covariance.Diagonal().Mean().Item()
	if !(variance > 1e-12) {
		return torch.Tensor{}
	}
	eye := torch.Eye(d, torch.F64)
	spread := m.covariance.Sub(eye.Scale(variance)).Square().Sum().Item()
	shrinkage := 1.0
	if spread > 0 {
		shrinkage = min(max(fourth/n-size, 0)/n/spread, 1)
	}
	values, vectors := m.covariance.Scale(1 - shrinkage).Add(eye.Scale(shrinkage * variance)).EigH()
	return vectors.Div(values.Clamp(1e-9*variance, variance*float64(d)*2).Sqrt())
}
