// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// arranged returns the prototypes of the values below: a K x 4 matrix with element t = sin(0.5 + 1.1t + 0.03t²), its
// rows normalised.
func arranged(k int) torch.Tensor {
	c := make([]float64, k*4)
	for i := range c {
		t := float64(i)
		c[i] = math.Sin(0.5 + 1.1*t + 0.03*t*t)
	}
	return torch.FromFloat64(c, k, 4).Normalize(1)
}

// swav builds SwAV with the prototypes of arranged. The caller frees its params.
func swav(k int, set func(*method.SwAV)) built {
	m := method.NewSwAV()
	m.Projector, m.Prototypes = nn.MLP{Widths: []int{4}}, k
	set(m)
	b := build(m, torch.F64, 8)
	prototypes, _ := b.params.Get("prototypes.weight")
	arranged(k).CopyInto(prototypes.Detach())
	return b
}

// The values were computed like those of TestValues.
func TestSwAVValues(t *testing.T) {
	in(t, func() {
		z1, z2 := waves()
		b := swav(5, func(*method.SwAV) {})
		defer b.params.Free()
		near(t, "the loss", b.Loss(parallax.NewStep(0, 1), []torch.Tensor{z1, z2, z1, z2}).Item(), 0.3260188791, 1e-9)
		codes := method.Sinkhorn(z1.Normalize(1).MatMul(arranged(5).T()), 0.05, 3).Float64s()
		for k, want := range []float64{0.9859174316, 0.0132995917, 0.0004806310, 0.0003023456, 0} {
			near(t, fmt.Sprintf("code %d of sample 0", k), codes[k], want, 1e-9)
		}
	})
}

// sinkhornOf computes the listing of SwAV's paper with plain loops.
func sinkhornOf(scores [][]float64, epsilon float64, iterations int) [][]float64 {
	b, k := len(scores), len(scores[0])
	q := make([][]float64, b)
	for i := range q {
		q[i] = make([]float64, k)
		for j := range q[i] {
			q[i][j] = math.Exp(scores[i][j] / epsilon)
		}
	}
	for range iterations {
		for j := range k {
			total := 0.0
			for i := range q {
				total += q[i][j]
			}
			for i := range q {
				q[i][j] /= total * float64(k)
			}
		}
		for i := range q {
			total := 0.0
			for _, v := range q[i] {
				total += v
			}
			for j := range q[i] {
				q[i][j] /= total * float64(b)
			}
		}
	}
	for i := range q {
		for j := range q[i] {
			q[i][j] *= float64(b)
		}
	}
	return q
}

func TestSinkhorn(t *testing.T) {
	in(t, func() {
		scores := normals(4, 1, 7, 3)[0]
		for _, iterations := range []int{1, 3, 10} {
			got := rows(method.Sinkhorn(scores, 0.3, iterations))
			for i, row := range sinkhornOf(rows(scores), 0.3, iterations) {
				for j, want := range row {
					what := fmt.Sprintf("%d iterations, code %d of sample %d", iterations, j, i)
					near(t, what, got[i][j], want, 1e-12)
				}
			}
		}
		// After many iterations, all prototypes have the same share of the samples, and the code of every sample sums
		// to 1.
		even := method.Sinkhorn(scores, 0.3, 2000)
		for j, share := range even.Sum(0).Float64s() {
			near(t, fmt.Sprintf("the share of prototype %d", j), share, 7./3, 1e-6)
		}
		for i, sum := range even.Sum(1).Float64s() {
			near(t, fmt.Sprintf("the code of sample %d", i), sum, 1, 1e-12)
		}
	})
}

// exp(1/0.001) overflows float32 and float64, and exp(-1/0.001) is 0 in both.
func TestSinkhornNeitherOverflowsNorDividesByZero(t *testing.T) {
	in(t, func() {
		for _, dtype := range []torch.DType{torch.F32, torch.F64} {
			scores := torch.FromFloat64([]float64{1, -1, -1, -1, -0.9, -1, 0.5, 0.5, 0.5}, 3, 3).To(dtype)
			codes := method.Sinkhorn(scores, 0.001, 3)
			for i, sum := range codes.To(torch.F64).Sum(1).Float64s() {
				near(t, fmt.Sprintf("%v: the code of sample %d", dtype, i), sum, 1, 1e-5)
			}
		}
	})
}

// The codes are computed with the queue's embeddings from the epoch queue_from on, once the queue is full.
func TestSwAVQueue(t *testing.T) {
	in(t, func() {
		z := normals(5, 2, 8, 4)
		inputs := []torch.Tensor{z[0], z[1], z[0], z[1]}
		b := swav(5, func(m *method.SwAV) { m.Queue, m.QueueFrom = 12, 2 })
		defer b.params.Free()
		plain := swav(5, func(*method.SwAV) {})
		defer plain.params.Free()
		without := plain.Loss(parallax.NewStep(0, 1), inputs).Item()
		for _, c := range []struct {
			epoch int
			used  bool // after this step
		}{{0, false}, {1, false}, {2, false}, {2, true}, {3, true}} {
			s := b.step(0, 8, uint64(c.epoch))
			s.Epoch = c.epoch
			b.Forward(s)
			b.Method.(parallax.Updater).Update(s)
			if used := math.Abs(b.Loss(s, inputs).Item()-without) > 1e-9; used != c.used {
				t.Errorf("after a step of epoch %d the queue is used: %v, want %v", c.epoch, used, c.used)
			}
		}
		// By hand: the codes of the batch, computed together with the queue.
		prototypes, _ := b.params.Get("prototypes.weight")
		total := 0.0
		for i := range 2 {
			queue, _ := b.params.Get(fmt.Sprintf("queue.%d.rows", i))
			scores := torch.Cat(0, queue, z[i].Normalize(1)).MatMul(prototypes.Detach().T())
			codes := sinkhornOf(rows(scores), 0.05, 3)[12:]
			predicted := rows(z[1-i].Normalize(1).MatMul(prototypes.Detach().T()).Scale(10).LogSoftmax(1))
			for row := range codes {
				total -= dot(codes[row], predicted[row]) / 16
			}
		}
		near(t, "the loss with a queue", b.Loss(parallax.NewStep(0, 1), inputs).Item(), total, 1e-9)
	})
}

// Both freeze_epochs and freeze_steps count: the prototypes are frozen until the later of the two.
func TestSwAVFreezesForSteps(t *testing.T) {
	for _, c := range []struct {
		epochs, steps, at int
		frozen            bool
	}{{0, 3, 2, true}, {0, 3, 3, false}, {1, 3, 3, true}, {0, 0, 0, false}} {
		m := swapped(func(m *method.SwAV) { m.FreezeEpochs, m.FreezeSteps = c.epochs, c.steps })
		if got := m.Groups(parallax.NewStep(c.at, 10))[0].Frozen; got != c.frozen {
			t.Errorf("%d epochs and %d steps: frozen is %v in step %d", c.epochs, c.steps, got, c.at)
		}
	}
}

// The prototypes are frozen in the first epoch, and have length 1 whenever they are used.
func TestSwAVFreezesItsPrototypes(t *testing.T) {
	in(t, func() {
		b := swav(5, func(*method.SwAV) {})
		defer b.params.Free()
		o := optim.New(optim.SGD{Momentum: 0.9, WeightDecay: 0.1}, b.params.Trainable())
		defer o.Free()
		prototypes, _ := b.params.Get("prototypes.weight")
		for epoch, moves := range []bool{false, true} {
			before := prototypes.Detach().Clone()
			s := b.step(0, 8, 1)
			s.Epoch = epoch
			b.train(o, 2, s)
			if moved := before.Sub(prototypes.Detach()).Abs().Max().Item() > 1e-9; moved != moves {
				t.Errorf("in epoch %d the prototypes moved: %v, want %v", epoch, moved, moves)
			}
			for k, length := range prototypes.Detach().Norm(1).Float64s() {
				near(t, fmt.Sprintf("the length of prototype %d", k), length, 1, 1e-12)
			}
		}
	})
}
