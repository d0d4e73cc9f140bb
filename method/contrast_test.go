// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// With more than two views, every ordered pair of views is one direction. Without symmetry, only the pairs with i < j
// are.
func TestDirectionsOfThreeViews(t *testing.T) {
	in(t, func() {
		z := normals(4, 6, 5, 4) // z₁, z₂, z₃, p₁, p₂, p₃
		meanCosine := func(a, b torch.Tensor) float64 {
			x, y, total := rows(a), rows(b), 0.0
			for i := range x {
				total += cosineOf(x[i], y[i])
			}
			return total / float64(len(x))
		}
		forward := meanCosine(z[3], z[1]) + meanCosine(z[3], z[2]) + meanCosine(z[4], z[2])
		back := meanCosine(z[4], z[0]) + meanCosine(z[5], z[0]) + meanCosine(z[5], z[1])
		for what, c := range map[string]struct {
			method parallax.Method
			want   float64
		}{
			"SimSiam":                {siamese(func(m *method.SimSiam) {}), -(forward + back) / 6},
			"SimSiam, one direction": {siamese(func(m *method.SimSiam) { m.Symmetric = false }), -forward / 3},
			"BYOL":                   {&method.BYOL{Symmetric: true}, 4 - 4*(forward+back)/6},
			"BYOL, one direction":    {&method.BYOL{}, 2 - 2*forward/3},
		} {
			near(t, what, c.method.Loss(parallax.NewStep(0, 1), slices.Clone(z)).Item(), c.want, 1e-12)
		}
	})
}

// Without negatives, the loss is the mean cosine of the positive pairs divided by the temperature, which is the loss of
// SimSiam without predictor and stop-gradient.
func TestSimCLRWithoutNegatives(t *testing.T) {
	in(t, func() {
		z := normals(5, 3, 5, 4)
		siam := siamese(func(*method.SimSiam) {}).Loss(parallax.NewStep(0, 1), slices.Concat(z, z)).Item()
		got := (&method.SimCLR{Temperature: 0.2}).Loss(parallax.NewStep(0, 1), z).Item()
		near(t, "the loss", got, siam/0.2, 1e-12)
	})
}

func supervised(set func(*method.SupCon)) *method.SupCon {
	m := method.NewSupCon()
	set(m)
	return m
}

func decoupled(set func(*method.DCL)) *method.DCL {
	m := method.NewDCL()
	set(m)
	return m
}

func keyed(set func(*method.MoCoV3)) *method.MoCoV3 {
	m := method.NewMoCoV3()
	set(m)
	return m
}

// The values were computed with PyTorch in float64, directly from the papers' formulas and independently of this
// package's code.
func TestContrastValues(t *testing.T) {
	in(t, func() {
		z1, z2 := waves()
		views := []torch.Tensor{z1, z2}
		step := parallax.NewStep(0, 1)
		for i := range 8 {
			step.Labels = append(step.Labels, i%3)
		}
		for what, c := range map[string]struct {
			method parallax.Method
			z      []torch.Tensor
			want   float64
		}{
			"SupCon": {supervised(func(m *method.SupCon) { m.Temperature = 0.1 }), views, 8.7020020003},
			"SupCon, official": {
				supervised(func(m *method.SupCon) { m.Temperature, m.BaseTemperature = 0.1, 0.07 }),
				views, 8.7020020003 * 0.1 / 0.07,
			},
			"SupCon, in": {
				supervised(func(m *method.SupCon) { m.Temperature, m.Form = 0.1, "in" }),
				views, 0.2759029890,
			},
			"DCL, one direction": {decoupled(func(m *method.DCL) { m.Symmetric = false }), views, -2.4575000249},
			"MoCo v3": {
				keyed(func(m *method.MoCoV3) { m.Temperature = 0.2 }),
				slices.Concat(views, views), 0.2682394165,
			},
		} {
			near(t, what, c.method.Loss(step, c.z).Item(), c.want, 1e-10)
		}
	})
}

// An image without a label has only its own views as positives. So without any labels SupCon equals SimCLR, in both
// forms.
func TestSupConWithoutLabels(t *testing.T) {
	in(t, func() {
		z := normals(6, 2, 6, 4)
		step := parallax.NewStep(0, 1)
		want := (&method.SimCLR{Temperature: 0.3, Negatives: true}).Loss(step, z).Item()
		step.Labels = []int{-1, -1, -1, -1, -1, -1}
		for _, form := range []method.SupConForm{"out", "in"} {
			m := supervised(func(m *method.SupCon) { m.Temperature, m.Form = 0.3, form })
			near(t, string(form), m.Loss(step, z).Item(), want, 1e-12)
		}
	})
}

// supConOut computes equation 2 with plain loops.
func supConOut(views [][][]float64, labels []int, temperature float64) float64 {
	total, anchors := 0.0, 0
	for v := range views {
		for i := range views[v] {
			attraction, positives, all := 0.0, 0, 0.0
			for w := range views {
				for k := range views[w] {
					if w == v && k == i {
						continue
					}
					logit := cosineOf(views[v][i], views[w][k]) / temperature
					all += math.Exp(logit)
					if k == i || labels[i] >= 0 && labels[k] == labels[i] {
						attraction += logit
						positives++
					}
				}
			}
			total += math.Log(all) - attraction/float64(positives)
			anchors++
		}
	}
	return total / float64(anchors)
}

func TestSupConAgainstLoops(t *testing.T) {
	in(t, func() {
		for views := 2; views <= 4; views++ {
			z := normals(uint64(views), views, 6, 3)
			var slow [][][]float64
			for _, v := range z {
				slow = append(slow, rows(v))
			}
			step := parallax.NewStep(0, 1)
			step.Labels = []int{2, -1, 0, 2, -1, 2}
			m := supervised(func(m *method.SupCon) { m.Temperature = 0.2 })
			near(t, "the loss", m.Loss(step, z).Item(), supConOut(slow, step.Labels, 0.2), 1e-12)
		}
	})
}

// DCLW against plain loops. lightly calls the weights negative_mises_fisher_weights and uses sigma 0.5.
func TestDCLWAgainstLoops(t *testing.T) {
	const n, τ, σ = 6, 0.1, 0.5
	in(t, func() {
		z := normals(7, 2, n, 4)
		views := [][][]float64{rows(z[0]), rows(z[1])}
		sum := 0.0
		for i := range n {
			sum += math.Exp(cosineOf(views[0][i], views[1][i]) / σ)
		}
		want := 0.0
		for v := range 2 {
			for i := range n {
				c := cosineOf(views[v][i], views[1-v][i])
				weight, negatives := 2-n*math.Exp(c/σ)/sum, 0.0
				for w := range 2 {
					for k := range n {
						if k != i {
							negatives += math.Exp(cosineOf(views[v][i], views[w][k]) / τ)
						}
					}
				}
				want += (-weight*c/τ + math.Log(negatives)) / (2 * n)
			}
		}
		near(t, "the loss", method.NewDCLW().Loss(parallax.NewStep(0, 1), z).Item(), want, 1e-12)
	})
}

// Without negatives, MoCo v3 is BYOL without the constant: Σ -2 cos(q, k).
func TestMoCoV3WithoutNegativesIsBYOL(t *testing.T) {
	in(t, func() {
		z := normals(8, 4, 6, 4)
		step := parallax.NewStep(0, 1)
		byol := bootstrap(func(*method.BYOL) {}).Loss(step, z).Item()
		v3 := keyed(func(m *method.MoCoV3) { m.Negatives, m.Temperature = false, 0.37 }).Loss(step, z).Item()
		near(t, "the loss", v3, byol-4, 1e-12)
	})
}

// patched is a backbone with a parameter where a ViT has its patch projection.
type patched struct{ tiny }

func (patched) Build(p *nn.Params) nn.Layer {
	return nn.Sequential{nn.NewConv(p.Sub("patch_embed.proj"), 3, 3, 1, 1, 0), tiny{}.Build(p)}
}

func TestMoCoV3FreezesThePatchProjection(t *testing.T) {
	in(t, func() {
		for _, frozen := range []bool{true, false} {
			p := nn.NewParams(1, torch.F32)
			shrink(keyed(func(m *method.MoCoV3) { m.FreezePatches = frozen })).Build(&parallax.Build{
				Params:   p,
				Backbone: patched{},
				Size:     pixels,
				Batch:    4,
				Images:   4,
				Steps:    1,
			})
			for name, trained := range map[string]bool{
				"backbone.patch_embed.proj.weight": !frozen,
				"backbone.conv1.weight":            true,
				"target.backbone.conv1.weight":     false,
			} {
				if w, _ := p.Get(name); w.RequiresGrad() != trained {
					t.Errorf("frozen %v: %s is trained: %v", frozen, name, !trained)
				}
			}
			p.Free()
		}
	})
}
