// SPDX-License-Identifier: Apache-2.0

package nn_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

type matrix [][]float64

func square(n int, f func(i, j int) float64) matrix {
	m := make(matrix, n)
	for i := range m {
		m[i] = make([]float64, n)
		for j := range m[i] {
			m[i][j] = f(i, j)
		}
	}
	return m
}

func (a matrix) times(b matrix) matrix {
	return square(len(a), func(i, j int) (s float64) {
		for k := range b {
			s += a[i][k] * b[k][j]
		}
		return s
	})
}

func diagonal(v float64) func(i, j int) float64 {
	return func(i, j int) float64 {
		if i == j {
			return v
		}
		return 0
	}
}

// iterNorm is algorithm 1 of the paper as loops, for features from..from+c of the rows.
func iterNorm(x [][]float64, from, c, iterations int) (mean []float64, whitening matrix) {
	n := float64(len(x))
	mean = make([]float64, c)
	for _, row := range x {
		for i := range c {
			mean[i] += row[from+i] / n
		}
	}
	sigma := square(c, diagonal(1e-5))
	for _, row := range x {
		for i := range c {
			for j := range c {
				sigma[i][j] += (row[from+i] - mean[i]) * (row[from+j] - mean[j]) / n
			}
		}
	}
	trace := 0.0
	for i := range c {
		trace += sigma[i][i]
	}
	normalized := square(c, func(i, j int) float64 { return sigma[i][j] / trace })
	p := square(c, diagonal(1))
	for range iterations {
		cube := p.times(p).times(p).times(normalized)
		p = square(c, func(i, j int) float64 { return (3*p[i][j] - cube[i][j]) / 2 })
	}
	return mean, square(c, func(i, j int) float64 { return p[i][j] / math.Sqrt(trace) })
}

func TestIterNormAgainstLoops(t *testing.T) {
	for _, c := range []struct{ d, groups, channels, iterations int }{{6, 2, 3, 5}, {6, 1, 6, 3}, {6, 64, 1, 5},
		{6, 4, 2, 5}, {7, 2, 1, 5}} {
		in(t, func(p *nn.Params) {
			const n = 9
			name := fmt.Sprintf("%d features, %d groups", c.d, c.groups)
			layer := nn.NewIterNorm(p, c.d, c.groups, c.iterations)
			x := waves(n, c.d)
			values, got := x.Float64s(), layer.Forward(x).Float64s()
			rows := make([][]float64, n)
			for i := range rows {
				rows[i] = values[i*c.d : (i+1)*c.d]
			}
			runningMean, _ := p.Get("running_mean")
			runningWM, _ := p.Get("running_wm")
			means, wm := runningMean.Float64s(), runningWM.Float64s()
			if len(wm) != c.d*c.channels {
				t.Errorf("%s: running_wm has %d values, want groups of %d features", name, len(wm), c.channels)
				return
			}
			for from := 0; from < c.d; from += c.channels {
				mean, whitening := iterNorm(rows, from, c.channels, c.iterations)
				for k, row := range rows {
					for i := range c.channels {
						want := 0.0
						for j := range c.channels {
							want += whitening[i][j] * (row[from+j] - mean[j])
						}
						if at := got[k*c.d+from+i]; math.Abs(at-want) > 1e-10 {
							t.Errorf("%s: row %d, feature %d is %g, want %g", name, k, from+i, at, want)
						}
					}
				}
				for i := range c.channels {
					if want := 0.1 * mean[i]; math.Abs(means[from+i]-want) > 1e-10 {
						t.Errorf("%s: running mean %d is %g, want %g", name, from+i, means[from+i], want)
					}
					for j := range c.channels {
						want := 0.9*diagonal(1)(i, j) + 0.1*whitening[i][j]
						if at := wm[(from+i)*c.channels+j]; math.Abs(at-want) > 1e-10 {
							t.Errorf("%s: running whitening %d, %d is %g, want %g", name, from+i, j, at, want)
						}
					}
				}
			}
		})
	}
}

// After enough iterations, and before rounding adds up, the covariance of a group is the identity, up to ε.
func TestIterNormWhitens(t *testing.T) {
	in(t, func(p *nn.Params) {
		const n, d = 40, 4
		y := nn.NewIterNorm(p, d, 1, 11).Forward(waves(n, d))
		near(t, "mean", y.Mean(0), torch.Zeros(torch.F64, d), 1e-12)
		near(t, "covariance", y.T().MatMul(y).Scale(1./n), torch.Eye(d, torch.F64), 1e-4)
	})
}

// In evaluation mode it is a fixed map by the running statistics, and does not change them.
func TestIterNormEvaluates(t *testing.T) {
	in(t, func(p *nn.Params) {
		layer := nn.NewIterNorm(p, 4, 2, 5)
		x := waves(12, 4)
		for range 200 {
			layer.Forward(x)
		}
		trained := layer.Forward(x)
		p.Train(false)
		near(t, "the same batch again and again", layer.Forward(x), trained, 1e-6)
		near(t, "a row on its own", layer.Forward(x.Narrow(0, 3, 1)), trained.Narrow(0, 3, 1), 1e-6)
		near(t, "a row on its own, again", layer.Forward(x.Narrow(0, 3, 1)), trained.Narrow(0, 3, 1), 1e-6)
	})
}

func TestIterNormGradient(t *testing.T) {
	in(t, func(p *nn.Params) {
		layer := nn.NewIterNorm(p, 4, 2, 5)
		weights := waves(8, 4).Sin()
		loss := func(x torch.Tensor) torch.Tensor { return layer.Forward(x).Mul(weights).Sum() }
		x := waves(8, 4).RequireGrad(true)
		loss(x).Backward()
		gradient, values := x.Grad().Float64s(), x.Float64s()
		const h = 1e-5
		for i, at := range values {
			values[i] = at + h
			above := loss(torch.FromFloat64(values, 8, 4)).Item()
			values[i] = at - h
			below := loss(torch.FromFloat64(values, 8, 4)).Item()
			values[i] = at
			if slope := (above - below) / (2 * h); math.Abs(gradient[i]-slope) > 1e-6 {
				t.Errorf("element %d: the gradient is %g and the slope %g", i, gradient[i], slope)
			}
		}
	})
}
