// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

func lejepa(set func(*method.LeJEPA)) *method.LeJEPA {
	m := method.NewLeJEPA()
	set(m)
	return m
}

// eppsPulley computes algorithm 1 of the paper with plain loops: the statistic that compares a sample with N(0, 1),
// over knots from -domain to domain.
func eppsPulley(sample []float64, knots int, domain float64) float64 {
	n, step, integral := float64(len(sample)), 2*domain/float64(knots-1), 0.0
	at := func(t float64) float64 {
		re, im, phi := 0.0, 0.0, math.Exp(-t*t/2)
		for _, x := range sample {
			re, im = re+math.Cos(t*x)/n, im+math.Sin(t*x)/n
		}
		return ((re-phi)*(re-phi) + im*im) * phi
	}
	for k := range knots - 1 {
		t := -domain + float64(k)*step
		integral += (at(t) + at(t+step)) / 2 * step
	}
	return n * integral
}

// There are no published values, so the loss is compared with plain loops.
func TestLeJEPAAgainstLoops(t *testing.T) {
	const d, n, lambda = 3, 6, 0.3
	in(t, func() {
		for _, c := range []struct {
			views, local, knots int
			domain              float64
		}{{2, 0, 17, 5}, {4, 0, 17, 5}, {3, 0, 33, 3}, {5, 3, 17, 5}} {
			z := normals(uint64(c.views), c.views, n, d)
			m := lejepa(func(m *method.LeJEPA) {
				m.Lambda, m.Directions, m.Knots, m.Domain = lambda, 7, c.knots, c.domain
				m.LargeCrops, m.SmallCrops = c.views-c.local, c.local
			})
			var views [][][]float64
			for _, v := range z {
				views = append(views, rows(v))
			}
			prediction := 0.0
			for i := range n {
				for j := range d {
					center := 0.0 // of the global views
					for _, v := range views[:c.views-c.local] {
						center += v[i][j] / float64(c.views-c.local)
					}
					for _, v := range views {
						prediction += (center - v[i][j]) * (center - v[i][j]) / float64(n*d*c.views)
					}
				}
			}
			// The directions are the columns of a d x 7 matrix of normal numbers that the step draws.
			r, directions := parallax.NewStep(4, 9).Rand, make([][]float64, 7)
			for range d {
				for a := range directions {
					directions[a] = append(directions[a], r.NormFloat64())
				}
			}
			sigreg := 0.0
			for _, a := range units(directions) {
				for _, v := range views {
					var sample []float64
					for _, row := range v {
						sample = append(sample, dot(a, row))
					}
					sigreg += eppsPulley(sample, c.knots, c.domain) / float64(7*c.views)
				}
			}
			near(t, "the loss", m.Loss(parallax.NewStep(4, 9), z).Item(), (1-lambda)*prediction+lambda*sigreg, 1e-12)
		}
	})
}

// Normal embeddings have a small statistic, other embeddings a larger one, and equal embeddings the largest. With λ =
// 0, equal embeddings have loss 0.
func TestLeJEPAWantsNormalEmbeddings(t *testing.T) {
	const n, d = 256, 4
	in(t, func() {
		loss := func(lambda float64, z torch.Tensor) float64 {
			m := lejepa(func(m *method.LeJEPA) { m.Lambda, m.Directions, m.LargeCrops = lambda, 64, 2 })
			return m.Loss(parallax.NewStep(0, 1), []torch.Tensor{z, z}).Item()
		}
		z := normals(1, 1, n, d)[0]
		normal, point := loss(1, z), loss(1, z.Scale(0))
		wide, narrow, apart := loss(1, z.Scale(2)), loss(1, z.Scale(0.5)), loss(1, z.Shift(1))
		if normal > 2 || !(normal < wide/5 && normal < narrow/5 && normal < apart/5 && narrow < point) {
			t.Errorf("the statistic is %g for normal embeddings, %g for wide, %g for narrow, %g for shifted ones "+
				"and %g for one point", normal, wide, narrow, apart, point)
		}
		near(t, "one point without SIGReg", loss(0, z.Scale(0)), 0, 0)
	})
}
