// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

func tico(set func(*method.TiCo)) *method.TiCo {
	m := method.NewTiCo()
	set(m)
	return m
}

func units(z [][]float64) [][]float64 {
	out := make([][]float64, len(z))
	for i, row := range z {
		for _, v := range row {
			out[i] = append(out[i], v/math.Sqrt(dot(row, row)))
		}
	}
	return out
}

// moveCovariance computes C ← βC + (1-β) 1/N Σ qqᵀ over all rows of all queries.
func moveCovariance(c [][]float64, queries [][][]float64, beta float64) [][]float64 {
	out, n := make([][]float64, len(c)), 0
	for _, q := range queries {
		n += len(q)
	}
	for i := range c {
		out[i] = make([]float64, len(c))
		for j := range c {
			out[i][j] = beta * c[i][j]
			for _, q := range queries {
				for _, row := range units(q) {
					out[i][j] += (1 - beta) * row[i] * row[j] / float64(n)
				}
			}
		}
	}
	return out
}

// There are no published values, so the loss is compared with plain loops over several steps.
func TestTiCoAgainstLoops(t *testing.T) {
	const n, beta, rho = 6, 0.7, 3.
	for _, symmetric := range []bool{false, true} {
		m := shrink(tico(func(m *method.TiCo) { m.Beta, m.Rho, m.Symmetric = beta, rho, symmetric })).(*method.TiCo)
		with(t, m, torch.F64, n, func(b built) {
			o := optim.New(optim.SGD{}, b.params.Trainable())
			defer o.Free()
			c := make([][]float64, width)
			for i := range c {
				c[i] = make([]float64, width)
			}
			for at := range 4 {
				step := b.step(at, n, uint64(at))
				z := b.Forward(step)
				loss := b.Loss(step, z)
				half := len(z) / 2
				var keys, queries [][][]float64
				for k := range half {
					keys, queries = append(keys, rows(z[k].Detach())), append(queries, rows(z[half+k].Detach()))
				}
				c = moveCovariance(c, queries, beta)
				want, of := 0.0, float64(n*len(queries))
				for v, q := range queries {
					key := keys[(v+1)%len(keys)] // of the other view
					for i, row := range units(q) {
						want += (1 - cosineOf(row, key[i])) / of
						for j := range row {
							want += rho * row[j] * dot(c[j], row) / of
						}
					}
				}
				near(t, "the loss", loss.Item(), want, 1e-10)
				b.clearGradients()
				loss.Backward()
				o.Step(0.1, 0.1, nil)
				m.Update(step)
			}
			kept, _ := b.params.Get("covariance")
			got := rows(kept)
			for i := range c {
				for j := range c {
					near(t, "C", got[i][j], c[i][j], 1e-12)
				}
			}
		})
	}
}

// The contrast is largest when all embeddings are equal, because qᵀCq is then the whole trace of C.
func TestTiCoContrast(t *testing.T) {
	with(t, shrink(tico(func(m *method.TiCo) { m.Beta = 0 })), torch.F64, 8, func(b built) {
		m := b.Method.(*method.TiCo)
		step := b.step(0, 8, 1)
		one, spread := torch.Ones(torch.F64, 5, width), torch.Eye(width, torch.F64)
		near(t, "one point", m.Loss(step, []torch.Tensor{one, one}).Item(), 8, 1e-12)
		near(t, "orthonormal", m.Loss(step, []torch.Tensor{spread, spread}).Item(), 8./width, 1e-12)
		m.Rho = 0
		near(t, "without contrast", m.Loss(step, []torch.Tensor{one, one}).Item(), 0, 1e-12)
	})
}

// With β = 0, C is quadratic in the queries, and qᵀCq is of degree four. If C gets no gradient, half of the slope
// remains.
func TestTiCoGradientThroughTheCovariance(t *testing.T) {
	var slopes [2][]float64
	for i, through := range []bool{true, false} {
		m := shrink(tico(func(m *method.TiCo) { m.Beta, m.CovarianceGradient = 0, through }))
		with(t, m, torch.F64, 6, func(b built) {
			q := normals(3, 1, 6, width)[0].RequireGrad(true)
			key := q.Detach() // equal to the query, so that the invariance has slope 0
			b.Loss(b.step(0, 6, 1), []torch.Tensor{key, q}).Backward()
			slopes[i] = q.Grad().Float64s()
		})
	}
	for i := range slopes[0] {
		near(t, "the slope without half of it", 2*slopes[1][i], slopes[0][i], 1e-12)
	}
}
