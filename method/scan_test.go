// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

// The values were computed with PyTorch in float64, directly from the paper's formula and independently of this
// package's code. The probabilities are softmax(u·Cᵀ/0.1), where u are the normalised waves and C are five rows of
// another wave, normalised too.
func TestSCANValues(t *testing.T) {
	in(t, func() {
		z1, z2 := waves()
		c := make([]float64, 5*4)
		for i := range c {
			x := float64(i)
			c[i] = math.Sin(0.5 + 1.1*x + 0.03*x*x)
		}
		prototypes := torch.FromFloat64(c, 5, 4).Normalize(1).T()
		logits := []torch.Tensor{
			z1.Normalize(1).MatMul(prototypes).Scale(10),
			z2.Normalize(1).MatMul(prototypes).Scale(10),
		}
		for _, v := range []struct {
			weight, want float64
		}{{0, 0.3120004228}, {5, -7.6283022016}, {1, 0.3120004228 - 1.5880605249}} {
			m := method.NewSCAN()
			m.EntropyWeight, m.SumHeads = v.weight, false
			near(t, "the loss", m.Loss(parallax.NewStep(0, 1), logits).Item(), v.want, 1e-9)
			// All heads have the same weight.
			twice := []torch.Tensor{logits[0], logits[0], logits[1], logits[1]}
			near(t, "the mean loss of two equal heads", m.Loss(parallax.NewStep(0, 1), twice).Item(), v.want, 1e-9)
			m.SumHeads, m.Heads = true, 2
			near(t, "the loss of two equal heads", m.Loss(parallax.NewStep(0, 1), twice).Item(), 2*v.want, 1e-9)
		}
	})
}

// The entropy is that of the mean assignment, so the loss is least when every image is sure and the images are spread
// over all clusters.
func TestSCANBounds(t *testing.T) {
	in(t, func() {
		m := method.NewSCAN()
		loss := func(z torch.Tensor) float64 {
			return m.Loss(parallax.NewStep(0, 1), []torch.Tensor{z, z}).Item()
		}
		sure := torch.Eye(4, torch.F64).Scale(100)
		near(t, "the loss of sure and spread assignments", loss(sure), -5*math.Log(4), 1e-12)
		one := torch.Cat(1, torch.Full(100, torch.F64, 4, 1), torch.Zeros(torch.F64, 4, 3))
		near(t, "the loss of one cluster for all", loss(one), 0, 1e-12)
		unsure := torch.Zeros(torch.F64, 4, 4)
		near(t, "the loss of uniform assignments", loss(unsure), math.Log(4)-5*math.Log(4), 1e-12)
	})
}

func TestSCANPairs(t *testing.T) {
	m := method.NewSCAN()
	m.IncludeSelf = false
	r := rand.New(rand.NewPCG(1, 2))
	if got := m.Pair(3, r); got != 3 {
		t.Errorf("without neighbours image 3 is paired with %d", got)
	}
	m.SetNeighbours([][]int{{1, 2}, {0}, {0, 1}})
	seen := map[int]int{}
	for range 100 {
		seen[m.Pair(0, r)]++
	}
	if seen[1] < 25 || seen[2] < 25 || len(seen) != 2 {
		t.Errorf("image 0, whose neighbours are 1 and 2, is paired with %v", seen)
	}
	m.IncludeSelf = true
	clear(seen)
	for range 100 {
		seen[m.Pair(0, r)]++
	}
	if seen[0] < 15 || seen[1] < 15 || seen[2] < 15 || len(seen) != 3 {
		t.Errorf("image 0, which may be its own neighbour, is paired with %v", seen)
	}
}

// selfLabelOf computes the self-labelling loss with plain loops.
func selfLabelOf(weak, strong [][]float64, threshold float64, balance bool) float64 {
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
	losses := map[int][]float64{}
	for i := range weak {
		p, label := softmax(weak[i]), 0
		for c := range p {
			if p[c] > p[label] {
				label = c
			}
		}
		if p[label] > threshold {
			losses[label] = append(losses[label], -math.Log(softmax(strong[i])[label]))
		}
	}
	total, n := 0.0, 0.0
	for _, of := range losses {
		sum := 0.0
		for _, l := range of {
			sum += l
		}
		if balance {
			total, n = total+sum/float64(len(of)), n+1
		} else {
			total, n = total+sum, n+float64(len(of))
		}
	}
	return total / math.Max(1, n)
}

func TestSelfLabelAgainstLoops(t *testing.T) {
	in(t, func() {
		z := normals(12, 2, 40, 4)
		for _, threshold := range []float64{0, 0.4, 0.6, 0.8} {
			for _, balance := range []bool{true, false} {
				m := &method.SelfLabel{Classes: 4, Threshold: threshold, Balance: balance}
				got := m.Loss(parallax.NewStep(0, 1), z).Item()
				near(t, "the loss", got, selfLabelOf(rows(z[0]), rows(z[1]), threshold, balance), 1e-12)
			}
		}
		// If no image is confident, there is nothing to learn.
		strong := z[1].RequireGrad(true)
		m := &method.SelfLabel{Classes: 4, Threshold: 1, Balance: true}
		loss := m.Loss(parallax.NewStep(0, 1), []torch.Tensor{z[0], strong})
		loss.Backward()
		if l, g := loss.Item(), strong.Grad().Abs().Max().Item(); l != 0 || g != 0 {
			t.Errorf("with no confident image the loss is %g and the gradient up to %g", l, g)
		}
	})
}

// Heads alone: the backbone gets no gradient, and its running statistics stay.
func TestSCANHeadsOnly(t *testing.T) {
	m := method.NewSCAN()
	m.HeadsOnly, m.Classes, m.Heads = true, 3, 2
	with(t, m, torch.F64, 6, func(b built) {
		s := b.step(0, 6, 1)
		statistics := b.params.Sub("backbone").State()
		m.Loss(s, b.Forward(s)).Backward()
		for _, p := range b.params.All() {
			if !p.Buffer && p.Tensor.Grad().Defined() != strings.HasPrefix(p.Name, "heads.") {
				t.Errorf("%s: gradient %v", p.Name, p.Tensor.Grad().Defined())
			}
		}
		if !reflect.DeepEqual(statistics, b.params.Sub("backbone").State()) {
			t.Error("the running statistics have changed")
		}
		if !b.params.Training() {
			t.Error("the networks are not in training mode any more")
		}
	})
}

// After a step the parameters have moved by 1-EMA of the step, and the running statistics are those of the start.
func TestSelfLabelEMA(t *testing.T) {
	const ema = 0.9
	m := method.NewSelfLabel()
	m.Classes, m.Threshold, m.EMA = 3, 0, ema
	with(t, m, torch.F64, 6, func(b built) {
		for at := range 2 {
			s := b.step(at, 6, 1)
			var before, after [][]float64
			values := func() (all [][]float64) {
				for _, p := range b.params.Trainable() {
					all = append(all, p.Tensor.Float64s())
				}
				return all
			}
			before = values()
			m.Loss(s, b.Forward(s)).Backward()
			for _, p := range b.params.Trainable() {
				p.Tensor.Detach().Shift(1).CopyInto(p.Tensor.Detach())
			}
			m.Update(s)
			after = values()
			for i := range before {
				for k := range before[i] {
					near(t, "the parameter", after[i][k], before[i][k]+1-ema, 1e-12)
				}
			}
		}
	})
}
