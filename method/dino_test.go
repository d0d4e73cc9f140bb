// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// dino builds DINO with k outputs. The caller frees its params.
func dino(k int, set func(*method.DINO)) built {
	m := shrink(method.NewDINO()).(*method.DINO)
	m.Outputs = k
	set(m)
	return build(m, torch.F64, 8)
}

// constant sets the teacher's temperature for the whole run.
func constant(temperature float64) func(*method.DINO) {
	return func(m *method.DINO) { m.TeacherTemperature, m.WarmupTeacherTemperature = temperature, temperature }
}

// The value was computed like those of TestValues. The outputs are z̄Cᵗ, for the teacher and the student alike.
func TestDINOValue(t *testing.T) {
	in(t, func() {
		z1, z2 := waves()
		logits := func(z torch.Tensor) torch.Tensor { return z.Normalize(1).MatMul(arranged(5).T()) }
		b := dino(5, constant(0.04))
		defer b.params.Free()
		g := []torch.Tensor{logits(z1), logits(z2)}
		near(t, "the loss", b.Loss(parallax.NewStep(0, 1), append(g, g...)).Item(), 0.2355157453, 1e-9)
	})
}

// The loss over all pairs of two different crops, compared with plain loops.
func TestDINOAgainstLoops(t *testing.T) {
	in(t, func() {
		g := normals(12, 5, 8, 6) // the teacher's of two crops, the student's of three
		centre := normals(13, 1, 1, 6)[0]
		for name, set := range map[string]func(*method.DINO){
			"as it comes":   func(*method.DINO) {},
			"no centring":   func(m *method.DINO) { m.Centring = false },
			"no sharpening": func(m *method.DINO) { m.Sharpening = false },
		} {
			b := dino(6, func(m *method.DINO) { constant(0.3)(m); m.SmallCrops, m.SmallSize = 1, 4; set(m) })
			m := b.Method.(*method.DINO)
			centre.CopyInto(b.get("centre"))
			total, pairs := 0.0, 0
			for i := range 2 {
				for v := range 3 {
					if v == i {
						continue
					}
					teacher, student := rows(g[i]), rows(g[2+v])
					for row := range teacher {
						for k := range teacher[row] {
							if m.Centring {
								teacher[row][k] -= centre.Float64s()[k]
							}
							if m.Sharpening {
								teacher[row][k] /= 3 // crossEntropyOf has the temperature 1
							}
							teacher[row][k] /= 0.1
							student[row][k] /= 0.1
						}
					}
					total += crossEntropyOf(student, teacher)
					pairs++
				}
			}
			near(t, name, b.Loss(parallax.NewStep(0, 1), slices.Clone(g)).Item(), total/float64(pairs), 1e-12)
			b.params.Free()
		}
	})
}

// The temperature rises from 0.04 in the first epoch to 0.07 in the 30th in equal steps.
func TestDINOTeacherTemperature(t *testing.T) {
	in(t, func() {
		g := normals(14, 4, 8, 6)
		b := dino(6, func(*method.DINO) {})
		defer b.params.Free()
		for epoch, want := range map[int]float64{0: 0.04, 1: 0.04 + 0.03/29, 29: 0.07, 30: 0.07, 99: 0.07} {
			fixed := dino(6, constant(want))
			s := parallax.NewStep(0, 1)
			s.Epoch = epoch
			got, like := b.Loss(s, slices.Clone(g)).Item(), fixed.Loss(s, slices.Clone(g)).Item()
			near(t, fmt.Sprintf("the loss in epoch %d", epoch), got, like, 1e-12)
			fixed.params.Free()
		}
	})
}

// After the step, c ← 0.9 c + 0.1 · the mean of the teacher's outputs for the large crops.
func TestDINOCentre(t *testing.T) {
	in(t, func() {
		b := dino(6, func(m *method.DINO) { m.SmallCrops, m.SmallSize = 1, 4 })
		defer b.params.Free()
		want := make([]float64, 6)
		for seed := range uint64(2) {
			s := b.step(0, 8, seed)
			g := b.Forward(s)
			for k := range want {
				mean := 0.0
				for _, crop := range g[:2] {
					for _, row := range rows(crop) {
						mean += row[k] / 16
					}
				}
				want[k] = 0.9*want[k] + 0.1*mean
			}
			b.Method.(parallax.Updater).Update(s)
			for k, c := range b.get("centre").Float64s() {
				near(t, fmt.Sprintf("c %d", k), c, want[k], 1e-12)
			}
		}
	})
}

// The teacher starts equal to the student and gets no gradient. With momentum 0, it equals the student again after
// every step. The last layer is frozen in the first epoch.
func TestDINONetworks(t *testing.T) {
	in(t, func() {
		b := dino(6, func(m *method.DINO) { m.TargetMomentum, m.FinalTargetMomentum = 0, 0 })
		defer b.params.Free()
		o := optim.New(optim.SGD{Momentum: 0.9, WeightDecay: 0.1}, b.params.Trainable())
		defer o.Free()
		same := func(when string) {
			target := parameters(b.params.Sub("target"))
			for name, online := range parameters(b.params) {
				if other, ok := target[name]; ok && string(other) != string(online) {
					t.Errorf("%s target.%s is not the student's", when, name)
				}
			}
			if len(target) != 3+6+1 {
				t.Errorf("the teacher has %d parameters", len(target))
			}
		}
		same("at the start")
		for epoch, moves := range []bool{false, true} {
			before := b.get("last.weight").Detach().Clone()
			s := b.step(0, 8, 1)
			s.Epoch = epoch
			b.train(o, 2, s)
			same("after two steps")
			if moved := before.Sub(b.get("last.weight").Detach()).Abs().Max().Item() > 0; moved != moves {
				t.Errorf("in epoch %d the last layer moved: %v, want %v", epoch, moved, moves)
			}
		}
		// An output is the cosine of the embedding with a row of the last layer, so it lies between -1 and 1.
		for _, g := range b.Forward(b.step(0, 8, 2)) {
			if most := g.Detach().Abs().Max().Item(); most > 1+1e-12 || math.IsNaN(most) {
				t.Errorf("an output is %g", most)
			}
		}
	})
}

// The head has as many layers as the setting says. Without layers, the embedding is the normalised h, and the last
// layer takes it as input.
func TestDINOHeads(t *testing.T) {
	for layers, d := range map[int]int{0: tiny{}.Features(), 1: few, 2: few, 4: few} {
		with(t, shrink(distilled(func(m *method.DINO) { m.HeadLayers = layers })), torch.F64, 6, func(b built) {
			found := 0
			for _, p := range b.params.Sub("projector").All() {
				if strings.HasSuffix(p.Name, ".linear.weight") {
					found++
				}
			}
			step := b.step(0, 6, 1)
			h := b.encoder.Backbone.Forward(step.Views[0])
			z := b.encoder.Projector.Forward(h)
			if found != layers || z.Size(1) != d {
				t.Errorf("%d layers: %d were made and the embedding has %d features, want %d",
					layers, found, z.Size(1), d)
			}
			if layers == 0 {
				near(t, "z less h of length 1", z.Sub(h.Normalize(1)).Abs().Max().Item(), 0, 0)
			}
			b.loss(step).Backward()
			if last, _ := b.params.Get("last.weight"); !last.Grad().Defined() || last.Size(1) != d {
				t.Errorf("%d layers: the last layer has shape %v and a gradient: %v",
					layers, last.Shape(), last.Grad().Defined())
			}
		})
	}
}

// A teacher with target_every 3 moves only at every third step, and then by its momentum.
func TestDINOTeacherMovesNowAndThen(t *testing.T) {
	m := distilled(func(m *method.DINO) { m.TargetEvery, m.TargetMomentum, m.FinalTargetMomentum = 3, 0.25, 0.25 })
	with(t, shrink(m), torch.F64, 4, func(b built) {
		teacher, _ := b.params.Get("target.backbone.conv1.weight")
		student, _ := b.params.Get("backbone.conv1.weight")
		torch.Ones(torch.F64).CopyInto(student.Detach())
		torch.Zeros(torch.F64).CopyInto(teacher)
		for at, want := range []float64{0, 0, 0.75, 0.75, 0.75, 0.9375} {
			m.Update(parallax.NewStep(at, steps))
			near(t, fmt.Sprintf("the teacher after step %d", at), teacher.Mean().Item(), want, 1e-12)
		}
	})
}
