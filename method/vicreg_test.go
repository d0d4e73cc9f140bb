// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

func vibcreg(set func(*method.VIbCReg)) *method.VIbCReg {
	m := method.NewVIbCReg()
	set(m)
	return m
}

// covarianceMatrix computes the covariance matrix of the columns, divided by n-1.
func covarianceMatrix(z [][]float64) [][]float64 {
	n, d := float64(len(z)), len(z[0])
	c := make([][]float64, d)
	for i := range c {
		c[i] = make([]float64, d)
		for j := range c[i] {
			mi, mj := 0.0, 0.0
			for _, row := range z {
				mi, mj = mi+row[i]/n, mj+row[j]/n
			}
			for _, row := range z {
				c[i][j] += (row[i] - mi) * (row[j] - mj) / (n - 1)
			}
		}
	}
	return c
}

// terms computes the three terms of VICReg's equations 1 to 5 and VIbCReg's covariance term with plain loops over two
// views. The variance term is a hinge on the standard deviation or on the variance.
func terms(
	a, b [][]float64, gamma, eps float64, onVariance bool,
) (invariance, variance, covariance, correlation float64) {
	n, d := float64(len(a)), float64(len(a[0]))
	for i := range a {
		for j := range a[i] {
			invariance += (a[i][j] - b[i][j]) * (a[i][j] - b[i][j]) / n
		}
	}
	for _, z := range [][][]float64{a, b} {
		c := covarianceMatrix(z)
		for i := range c {
			spread := math.Sqrt(c[i][i] + eps)
			if onVariance {
				spread = c[i][i] + eps
			}
			variance += math.Max(0, gamma-spread) / d
			for j := range c {
				if i != j {
					covariance += c[i][j] * c[i][j] / d
					correlation += c[i][j] * c[i][j] / (c[i][i] * c[j][j]) / (d * d)
				}
			}
		}
	}
	return invariance, variance, covariance, correlation
}

func TestVICRegAgainstLoops(t *testing.T) {
	const gamma, eps, d = 1.3, 0.01, 4
	in(t, func() {
		z := normals(11, 2, 6, d)
		for _, onVariance := range []bool{false, true} {
			s, v, c, r := terms(rows(z[0]), rows(z[1]), gamma, eps, onVariance)
			m := vicreg(weights(2, 3, 5), func(m *method.VICReg) {
				m.Gamma, m.Eps = gamma, eps
				if onVariance {
					m.Hinge = "variance"
				}
			})
			near(t, "the official form", m.Loss(parallax.NewStep(0, 1), z).Item(), 2*s/d+3*v/2+5*c, 1e-12)
			m.Form = "paper"
			near(t, "the paper's form", m.Loss(parallax.NewStep(0, 1), z).Item(), 2*s+3*v+5*c, 1e-12)
			if onVariance {
				continue // VIbCReg has no such switch
			}
			b := vibcreg(func(m *method.VIbCReg) {
				m.Invariance, m.Variance, m.Covariance, m.Gamma, m.Eps = 2, 3, 5, gamma, eps
			})
			near(t, "VIbCReg", b.Loss(parallax.NewStep(0, 1), z).Item(), 2*s/d+3*v+5*r, 1e-12)
			b.NormalizedCovariance = false
			near(t, "VIbCReg with covariances", b.Loss(parallax.NewStep(0, 1), z).Item(), 2*s/d+3*v+5*c, 1e-12)
		}
	})
}

// With several views, the loss is the mean over pairs of views and over views. If all views are equal, it is the loss
// of two of them.
func TestRedundancyOfSeveralViews(t *testing.T) {
	in(t, func() {
		z := normals(12, 2, 6, 4)
		a, b := z[0], z[1]
		for name, m := range map[string]parallax.Method{
			"VICReg":       vicreg(),
			"VIbCReg":      method.NewVIbCReg(),
			"Barlow Twins": method.NewBarlowTwins(),
			"W-MSE":        method.NewWMSE(),
		} {
			loss := func(z ...torch.Tensor) float64 { return m.Loss(parallax.NewStep(0, 1), z).Item() }
			near(t, name+", one view four times", loss(a, a, a, a), loss(a, a), 1e-12)
			// The pairs are ab, ac, ad, bc, bd, cd: with a = c and b = d four of them are ab, the others aa and bb.
			near(t, name+", two views twice", loss(a, b, a, b), (4*loss(a, b)+loss(a, a)+loss(b, b))/6, 1e-12)
		}
	})
}

// The slope of a hinge on the variance vanishes when all embeddings are equal. This is why VICReg takes the standard
// deviation (section 4.1).
func TestVICRegHingesOnTheDeviation(t *testing.T) {
	in(t, func() {
		slope := func(hinge method.Hinge) float64 {
			z := normals(13, 1, 6, 4)[0].Scale(1e-3).RequireGrad(true)
			m := vicreg(weights(0, 1, 0), func(m *method.VICReg) { m.Hinge, m.Eps = hinge, 1e-12 })
			m.Loss(parallax.NewStep(0, 1), []torch.Tensor{z, z}).Backward()
			return z.Grad().Abs().Max().Item()
		}
		std, variance := slope("std"), slope("variance")
		if std < 0.02 || variance > 1e-3 {
			t.Errorf("near collapse the slope is %g by the deviation and %g by the variance", std, variance)
		}
	})
}

// The official code has BYOL's two recipes, the paper's appendix C one for both views.
func TestVICRegViews(t *testing.T) {
	for _, c := range []struct {
		asymmetric      bool
		blurs, solarize [2]float64
	}{
		{true, [2]float64{1, 0.1}, [2]float64{0, 0.2}},
		{false, [2]float64{0.5, 0.5}, [2]float64{0.1, 0.1}},
	} {
		m := vicreg(func(m *method.VICReg) { m.AsymmetricViews = c.asymmetric })
		for i, recipe := range m.Views(224) {
			blurs, solarize := recipe[3].(augment.PILBlur).P, recipe[4].(augment.Solarize).P
			if blurs != c.blurs[i] || solarize != c.solarize[i] {
				t.Errorf("asymmetric %v: view %d is blurred with probability %v and solarised with %v, want %v and %v",
					c.asymmetric, i, blurs, solarize, c.blurs[i], c.solarize[i])
			}
		}
	}
}
