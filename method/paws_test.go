// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/torch"
)

func paws(set func(*method.PAWS)) *method.PAWS {
	m := method.NewPAWS()
	set(m)
	return m
}

// The values were computed with PyTorch in float64, directly from the paper's formulas and independently of this
// package's code. The anchors are z₁, the targets are z₂, and the support is six waves with the labels k mod 2. No
// entry of a target is set to 0.
func TestPAWSValues(t *testing.T) {
	in(t, func() {
		z1, z2 := waves()
		s := make([]float64, 6*4)
		for i := range s {
			x := float64(i)
			s[i] = math.Cos(0.9*x + 0.07*x*x)
		}
		support := torch.FromFloat64(s, 6, 4)
		step := parallax.NewStep(0, 1)
		step.Support = &parallax.Support{Labels: []int{0, 1, 0, 1, 0, 1}, Classes: 2}
		for _, c := range []struct {
			what string
			set  func(*method.PAWS)
			want float64
		}{
			{"one direction", func(m *method.PAWS) { m.Symmetric, m.Floor = false, 0 }, 0.2606597290 - 0.6618491907},
			{"cross-entropy alone", func(m *method.PAWS) { m.Symmetric, m.Floor, m.MeMax = false, 0, 0 }, 0.2606597290},
		} {
			got := paws(c.set).Loss(step, []torch.Tensor{z1, z2, support, support}).Item()
			near(t, c.what, got, c.want, 1e-10)
		}
	})
}

// nearestSupport computes equation 1 of the paper with plain loops: a soft vote of the support, with smoothed labels.
func nearestSupport(m *method.PAWS, z []float64, support [][]float64, labels []int, classes int) []float64 {
	p, total := make([]float64, classes), 0.0
	for j, s := range support {
		w := math.Exp(cosineOf(z, s) / m.Temperature)
		total += w
		for c := range p {
			y := m.LabelSmoothing / float64(classes)
			if labels[j%len(labels)] == c {
				y += 1 - m.LabelSmoothing
			}
			p[c] += w * y
		}
	}
	for c := range p {
		p[c] /= total
	}
	return p
}

func sharpened(p []float64, temperature float64) []float64 {
	out, total := make([]float64, len(p)), 0.0
	for c, v := range p {
		out[c] = math.Pow(v, 1/temperature)
		total += out[c]
	}
	for c := range out {
		out[c] /= total
	}
	return out
}

// The loss of two large views and two small crops, with a support of three classes in two views.
func TestPAWSAgainstLoops(t *testing.T) {
	const n, classes = 5, 3
	labels := []int{0, 0, 1, 1, 2, 2}
	in(t, func() {
		z := normals(8, 4, n, 4)
		support := normals(9, 1, 2*len(labels), 4)[0]
		step := parallax.NewStep(0, 1)
		step.Support = &parallax.Support{Labels: labels, Classes: classes}
		for _, set := range []func(*method.PAWS){
			func(*method.PAWS) {},
			func(m *method.PAWS) { m.LabelSmoothing, m.MeMax = 0, 0.5 },
			func(m *method.PAWS) { m.Sharpen, m.Floor = 1, 0.2 },
		} {
			m := paws(set)
			slow := func(v, i int) []float64 { return nearestSupport(m, rows(z[v])[i], rows(support), labels, classes) }
			loss, average := 0.0, make([]float64, classes)
			for v := range z {
				for i := range n {
					first, second := sharpened(slow(0, i), m.Sharpen), sharpened(slow(1, i), m.Sharpen)
					target := second
					switch v {
					case 1:
						target = first
					case 2, 3:
						for c := range target {
							target[c] = (first[c] + second[c]) / 2
						}
					}
					p := slow(v, i)
					for c, q := range target {
						if q >= m.Floor {
							loss -= q * math.Log(p[c]) / float64(len(z)*n)
						}
					}
					for c, q := range sharpened(p, m.Sharpen) {
						average[c] += q / float64(len(z)*n)
					}
				}
			}
			for _, q := range average {
				loss += m.MeMax * q * math.Log(q)
			}
			got := m.Loss(step, append(slices.Clone(z), z[0], z[1], support, support)).Item()
			near(t, "the loss", got, loss, 1e-12)
		}
	})
}

// A constant embedding predicts the support's uniform labels. The cross-entropy is then ln C and sharpening does not
// change it, and the mean prediction has the largest possible entropy.
func TestPAWSOfConstantEmbeddings(t *testing.T) {
	in(t, func() {
		one := torch.Ones(torch.F64, 6, 4)
		step := parallax.NewStep(0, 1)
		step.Support = &parallax.Support{Labels: []int{0, 0, 1, 1, 2, 2}, Classes: 3}
		m := paws(func(m *method.PAWS) { m.Symmetric, m.MeMax = false, 0 })
		near(t, "the cross-entropy", m.Loss(step, []torch.Tensor{one, one, one, one}).Item(), math.Log(3), 1e-12)
		m.MeMax = 1
		near(t, "the loss", m.Loss(step, []torch.Tensor{one, one, one, one}).Item(), 0, 1e-12)
	})
}

// The predictor is applied to the anchors and their support. The targets are the same with and without it.
func TestPAWSPredictor(t *testing.T) {
	in(t, func() {
		var z [2][]torch.Tensor // anchors 0 to 3, targets 4 and 5, support 6, held support 7
		for i, mode := range []part.Predictor{"none", "trained"} {
			b := build(shrink(paws(func(m *method.PAWS) { m.PredictorMode, m.SmallCrops = mode, 2 })), torch.F64, 6)
			defer b.params.Free()
			z[i] = b.Forward(b.step(0, 6, 1))
			for k, want := range []bool{true, true, true, true, false, false, true, false} {
				if z[i][k].RequiresGrad() != want {
					t.Errorf("predictor %s: a gradient passes through output %d: %v", mode, k, !want)
				}
			}
		}
		for k := range z[0] {
			differs := z[0][k].Sub(z[1][k]).Abs().Max().Item() > 1e-9
			if want := k < 4 || k == 6; differs != want {
				t.Errorf("output %d differs with a predictor: %v, want %v", k, differs, want)
			}
		}
	})
}

// Large crops show a larger part of the image when there are small crops, too (the official code, for CIFAR-10 and for
// ImageNet).
func TestPAWSCrops(t *testing.T) {
	for _, c := range []struct {
		size, small int
		least       float64
	}{{32, 6, 0.75}, {32, 0, 0.5}, {224, 6, 0.14}, {224, 0, 0.08}} {
		m := method.NewPAWS()
		m.SmallCrops = c.small
		if got := m.Views(c.size)[0][0].(augment.RandomResizedCrop).Scale; got != [2]float64{c.least, 1} {
			t.Errorf("%d px, %d small crops: large ones have %v of the area, want %g to 1",
				c.size, c.small, got, c.least)
		}
	}
}
