// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

// waves are the inputs of the values below: t = 4i + j, z₁ = sin(0.3 + 0.7t + 0.11t²), z₂ = z₁ + 0.25·cos(1.3t +
// 0.05t²).
func waves() (z1, z2 torch.Tensor) {
	a, b := make([]float64, 8*4), make([]float64, 8*4)
	for i := range a {
		t := float64(i)
		a[i] = math.Sin(0.3 + 0.7*t + 0.11*t*t)
		b[i] = a[i] + 0.25*math.Cos(1.3*t+0.05*t*t)
	}
	return torch.FromFloat64(a, 8, 4), torch.FromFloat64(b, 8, 4)
}

// The values were computed with PyTorch in float64, directly from the papers' formulas and independently of this
// package's code.
func TestValues(t *testing.T) {
	in(t, func() {
		z1, z2 := waves()
		views := []torch.Tensor{z1, z2}
		predicted := slices.Concat(views, views) // targets, then predictions
		for _, c := range []struct {
			name   string
			method parallax.Method
			z      []torch.Tensor
			want   float64
		}{
			{"SimCLR, τ 0.5", &method.SimCLR{Temperature: 0.5, Negatives: true}, views, 1.3003114369},
			{"SimSiam", siamese(func(m *method.SimSiam) {}), predicted, -0.9639001231},
			{"SimSiam, one direction", siamese(func(m *method.SimSiam) {
				m.Symmetric = false
			}), predicted, -0.9639001231},
			{"BYOL, one direction", &method.BYOL{}, predicted, 0.0721997537},
			{"BYOL", &method.BYOL{Symmetric: true}, predicted, 0.1443995075},
			{"Barlow Twins", barlow(func(m *method.BarlowTwins) {}), views, 0.0118543248},
			{"Barlow Twins, on the diagonal", barlow(func(m *method.BarlowTwins) {
				m.Lambda = 0
			}), views, 0.0032539119},
			{"Barlow Twins, off the diagonal", barlow(func(m *method.BarlowTwins) {
				m.OnDiagonal, m.Lambda = 0, 1
			}), views, 1.6863554805},
			{"Barlow Twins, algorithm 1", barlow(func(m *method.BarlowTwins) {
				m.Deviation = "unbiased"
			}), views, 0.0946915549},
			{"W-MSE, one slice", method.NewWMSE(), views, 0.5058535824},
			{"VICReg", vicreg(func(m *method.VICReg) {}), views, 8.1910675361},
			{"VICReg, the paper's form", vicreg(func(m *method.VICReg) { m.Form = "paper" }), views, 17.7710863276},
			{"VICReg, solo-learn's form", vicreg(func(m *method.VICReg) { m.Variance = 50 }), views, 15.4144846583},
			{"VICReg, invariance", vicreg(weights(1, 0, 0)), views, 0.0314213556},
			{"VICReg, the paper's invariance", vicreg(weights(1, 0, 0), func(m *method.VICReg) {
				m.Form = "paper"
			}), views, 0.1256854224},
			{"VICReg, variance of the first", vicreg(weights(0, 1, 0)), []torch.Tensor{z1, z1}, 0.2826501466},
			{"VICReg, variance of the second", vicreg(weights(0, 1, 0)), []torch.Tensor{z2, z2}, 0.2952232232},
			{"VICReg, covariance of the first", vicreg(weights(0, 0, 0.5)), []torch.Tensor{z1, z1}, 0.0942598617},
			{"VICReg, covariance of the second", vicreg(weights(0, 0, 0.5)), []torch.Tensor{z2, z2}, 0.0878566625},
			{"Barlow Twins, not centred", barlow(func(m *method.BarlowTwins) {
				m.Centring = false
			}), views, 0.0116221151},
		} {
			near(t, c.name, c.method.Loss(parallax.NewStep(0, 1), c.z).Item(), c.want, 1e-10)
		}
	})
}

func barlow(set func(*method.BarlowTwins)) *method.BarlowTwins {
	m := method.NewBarlowTwins()
	set(m)
	return m
}

func vicreg(set ...func(*method.VICReg)) *method.VICReg {
	m := method.NewVICReg()
	for _, s := range set {
		s(m)
	}
	return m
}

func weights(invariance, variance, covariance float64) func(*method.VICReg) {
	return func(m *method.VICReg) { m.Invariance, m.Variance, m.Covariance = invariance, variance, covariance }
}

func wmse(set func(*method.WMSE)) *method.WMSE {
	m := method.NewWMSE()
	set(m)
	return m
}

func siamese(set func(*method.SimSiam)) *method.SimSiam {
	m := method.NewSimSiam()
	set(m)
	return m
}

// rows copies a matrix out of libtorch.
func rows(z torch.Tensor) [][]float64 {
	values, d := z.Float64s(), z.Size(1)
	return slices.Collect(slices.Chunk(values, d))
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func cosineOf(a, b []float64) float64 { return dot(a, b) / math.Sqrt(dot(a, a)*dot(b, b)) }

// ntXent computes equation 1 of SimCLR with plain loops, for any number of views. For each view of each image, it is
// -log of the share of the image's other views among all other views.
func ntXent(views [][][]float64, temperature float64) float64 {
	total, anchors := 0.0, 0
	for v := range views {
		for i := range views[v] {
			positives, all := 0.0, 0.0
			for w := range views {
				for k := range views[w] {
					if w == v && k == i {
						continue
					}
					e := math.Exp(cosineOf(views[v][i], views[w][k]) / temperature)
					all += e
					if k == i {
						positives += e
					}
				}
			}
			total -= math.Log(positives / all)
			anchors++
		}
	}
	return total / float64(anchors)
}

func TestSimCLRAgainstLoops(t *testing.T) {
	in(t, func() {
		for _, temperature := range []float64{0.05, 0.5, 2} {
			for _, views := range []int{2, 3, 4} {
				z := normals(uint64(views), views, 5, 3)
				var slow [][][]float64
				for _, v := range z {
					slow = append(slow, rows(v))
				}
				m := &method.SimCLR{Temperature: temperature, Negatives: true}
				got := m.Loss(parallax.NewStep(0, 1), z).Item()
				near(t, fmt.Sprintf("%d views, τ %g", views, temperature), got, ntXent(slow, temperature), 1e-12)
			}
		}
	})
}

// The loss lies between that of an embedding whose positives are equal and whose negatives are all opposite, and that
// of the worst one. A constant embedding has the loss ln(2N-1).
func TestSimCLRBounds(t *testing.T) {
	const n, temperature = 7, 0.3
	in(t, func() {
		m := &method.SimCLR{Temperature: temperature, Negatives: true}
		step := parallax.NewStep(0, 1)
		constant := torch.Ones(torch.F64, n, 4)
		got := m.Loss(step, []torch.Tensor{constant, constant}).Item()
		near(t, "the loss of a constant embedding", got, math.Log(2*n-1), 1e-12)
		lowest := math.Log1p((2*n - 2) * math.Exp(-2/temperature))
		highest := math.Log1p((2*n - 2) * math.Exp(2/temperature))
		for seed := range uint64(20) {
			if l := m.Loss(step, normals(seed, 2, n, 4)).Item(); l < lowest || l > highest {
				t.Errorf("the loss %g is not between %g and %g", l, lowest, highest)
			}
		}
	})
}

// With several processes, each has some rows of the batch and computes the loss of the whole batch.
func TestSimCLRGathers(t *testing.T) {
	in(t, func() {
		z := normals(1, 2, 6, 4)
		m := &method.SimCLR{Temperature: 0.2, Negatives: true}
		want := m.Loss(parallax.NewStep(0, 1), slices.Clone(z)).Item()
		var half []torch.Tensor
		whole := map[torch.Tensor]torch.Tensor{}
		for _, v := range z {
			mine := v.Narrow(0, 0, 3)
			half, whole[mine] = append(half, mine), v
		}
		step := parallax.NewStep(0, 1)
		step.Gather = func(t torch.Tensor) torch.Tensor { return whole[t] }
		near(t, "the loss of the gathered rows", m.Loss(step, half).Item(), want, 1e-14)
	})
}

// crossEntropyOf computes -softmax(z)·log softmax(p), averaged over the rows (SimSiam, section 4.5).
func crossEntropyOf(p, z [][]float64) float64 {
	softmax := func(row []float64) []float64 {
		out, sum := make([]float64, len(row)), 0.0
		for i, v := range row {
			out[i] = math.Exp(v)
			sum += out[i]
		}
		for i := range out {
			out[i] /= sum
		}
		return out
	}
	total := 0.0
	for i := range p {
		a, b := softmax(p[i]), softmax(z[i])
		for j := range a {
			total -= b[j] * math.Log(a[j])
		}
	}
	return total / float64(len(p))
}

func TestSimSiamCrossEntropyAgainstLoops(t *testing.T) {
	in(t, func() {
		z := normals(2, 4, 6, 5)
		z1, z2, p1, p2 := rows(z[0]), rows(z[1]), rows(z[2]), rows(z[3])
		m := siamese(func(m *method.SimSiam) { m.Similarity = "cross_entropy" })
		both := (crossEntropyOf(p1, z2) + crossEntropyOf(p2, z1)) / 2
		near(t, "the loss", m.Loss(parallax.NewStep(0, 1), slices.Clone(z)).Item(), both, 1e-12)
		m.Symmetric = false
		near(t, "the loss of one direction", m.Loss(parallax.NewStep(0, 1), z).Item(), crossEntropyOf(p1, z2), 1e-12)
	})
}

// Inputs 0 and 1 are the targets and inputs 2 and 3 the predictions. A prediction is compared with the target of the
// other view.
func TestDirections(t *testing.T) {
	in(t, func() {
		z := normals(3, 4, 6, 5)
		meanCosine := func(a, b torch.Tensor) float64 {
			x, y, total := rows(a), rows(b), 0.0
			for i := range x {
				total += cosineOf(x[i], y[i])
			}
			return total / float64(len(x))
		}
		first, second := meanCosine(z[2], z[1]), meanCosine(z[3], z[0]) // p₁ with z₂, p₂ with z₁
		for what, c := range map[string]struct {
			method parallax.Method
			want   float64
		}{
			"SimSiam":                {siamese(func(m *method.SimSiam) {}), -(first + second) / 2},
			"SimSiam, one direction": {siamese(func(m *method.SimSiam) { m.Symmetric = false }), -first},
			"BYOL":                   {&method.BYOL{Symmetric: true}, 4 - 2*first - 2*second},
			"BYOL, one direction":    {&method.BYOL{}, 2 - 2*first},
		} {
			near(t, what, c.method.Loss(parallax.NewStep(0, 1), slices.Clone(z)).Item(), c.want, 1e-12)
		}
	})
}
