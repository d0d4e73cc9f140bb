// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// queues returns the rows of a method's queues with their full names.
func (b built) queues() (all []nn.Named) {
	for _, n := range b.params.Sub("queue").All() {
		if strings.HasSuffix(n.Name, "rows") {
			all = append(all, n)
		}
	}
	return all
}

// fill overwrites the rows of every queue.
func (b built) fill(rows torch.Tensor) {
	for _, q := range b.queues() {
		rows.CopyInto(q.Tensor)
	}
}

// waveQueue is the queue of the values below, 6 x 4: cos(0.9t + 0.07t²) with t = 4i + j, its rows normalised.
func waveQueue() torch.Tensor {
	values := make([]float64, 6*4)
	for i := range values {
		t := float64(i)
		values[i] = math.Cos(0.9*t + 0.07*t*t)
	}
	return torch.FromFloat64(values, 6, 4).Normalize(1)
}

// The values were computed with PyTorch in float64, directly from the papers' formulas and independently of this
// package's code.
func TestValuesWithAQueue(t *testing.T) {
	linear := nn.MLP{Widths: []int{4}}
	in(t, func() {
		z1, z2 := waves()
		for _, c := range []struct {
			name   string
			method parallax.Method
			z      []torch.Tensor
			want   float64
		}{
			{"MoCo", &method.MoCo{
				Temperature: 0.07, Queue: 6, Projector: linear, Negatives: true, ShuffleGroups: 1,
			}, []torch.Tensor{z2, z1}, 0.4075785417},
			{"MoCo without negatives", &method.MoCo{
				Temperature: 0.5, Queue: 6, Projector: linear,
			}, []torch.Tensor{z1, z2}, -2 * 0.9639001231},
			{"ReSSL", &method.ReSSL{
				StudentTemperature: 0.1, TeacherTemperature: 0.04, Queue: 6, Projector: linear,
			}, []torch.Tensor{z2, z1}, 0.5317325143},
			{"NNCLR, one direction", &method.NNCLR{
				Temperature: 0.1, Queue: 6, Projector: linear, PredictorMode: "none",
				Neighbour: true, Negatives: true, ViewCount: 2,
			}, []torch.Tensor{z2, z1, z2, z1}, 2.7436637299}, // p₁ with nn(z₂)
		} {
			b := build(c.method, torch.F64, 8)
			b.fill(waveQueue())
			near(t, c.name, b.Loss(parallax.NewStep(0, 1), c.z).Item(), c.want, 1e-9)
			b.params.Free()
		}
	})
}

// infoNCE computes equation 1 of MoCo with plain loops: -log of the share of the positive among 1 + K keys.
func infoNCE(q, k, queue [][]float64, temperature float64) (total float64) {
	for i := range q {
		positive := math.Exp(cosineOf(q[i], k[i]) / temperature)
		all := positive
		for _, other := range queue {
			all += math.Exp(cosineOf(q[i], other) / temperature)
		}
		total -= math.Log(positive/all) / float64(len(q))
	}
	return total
}

func reSSL(set func(*method.ReSSL)) *method.ReSSL {
	m := shrink(method.NewReSSL()).(*method.ReSSL)
	set(m)
	return m
}

func moCo(set func(*method.MoCo)) *method.MoCo {
	m := shrink(method.NewMoCoV2()).(*method.MoCo)
	set(m)
	return m
}

func TestMoCoAgainstLoops(t *testing.T) {
	with(t, moCo(func(m *method.MoCo) { m.Symmetric, m.Temperature = true, 0.3 }), torch.F64, 6, func(b built) {
		z := normals(7, 4, 6, width) // k₁, k₂, q₁, q₂
		queues := b.queues()
		want := infoNCE(rows(z[2]), rows(z[1]), rows(queues[1].Tensor), 0.3)
		want += infoNCE(rows(z[3]), rows(z[0]), rows(queues[0].Tensor), 0.3)
		near(t, "the loss", b.Loss(parallax.NewStep(0, 1), z).Item(), want/2, 1e-12)
	})
}

// With more than two views, the key of the last view is compared with the queries of all other views. If symmetric, the
// key of every view is.
func TestMoCoOfMoreViewsAgainstLoops(t *testing.T) {
	with(t, moCo(func(m *method.MoCo) { m.ViewCount = 4 }), torch.F64, 6, func(b built) {
		z := normals(7, 4, 6, width) // k₄, q₁, q₂, q₃
		queue, want := rows(b.queues()[0].Tensor), 0.0
		for _, q := range z[1:] {
			want += infoNCE(rows(q), rows(z[0]), queue, 0.2) / 3
		}
		near(t, "the loss", b.Loss(parallax.NewStep(0, 1), z).Item(), want, 1e-12)
	})
	with(t, moCo(func(m *method.MoCo) { m.ViewCount, m.Symmetric = 3, true }), torch.F64, 6, func(b built) {
		z, want := normals(7, 6, 6, width), 0.0 // k₁, k₂, k₃, q₁, q₂, q₃
		for i := range 3 {
			for j := range 3 {
				if i != j {
					want += infoNCE(rows(z[3+i]), rows(z[j]), rows(b.queues()[j].Tensor), 0.2) / 6
				}
			}
		}
		near(t, "the symmetric loss", b.Loss(parallax.NewStep(0, 1), z).Item(), want, 1e-12)
	})
}

// ReSSL's loss with several strong views is the mean over them, each with the teacher's view. The teacher's view is
// weakly augmented unless weak is off.
func TestReSSLOfMoreViews(t *testing.T) {
	with(t, reSSL(func(m *method.ReSSL) { m.ViewCount = 3 }), torch.F64, 6, func(b built) {
		z := normals(7, 3, 6, width) // k, q₁, q₂
		step := parallax.NewStep(0, 1)
		want := (b.Loss(step, []torch.Tensor{z[0], z[1]}).Item() + b.Loss(step, []torch.Tensor{z[0], z[2]}).Item()) / 2
		near(t, "the loss", b.Loss(step, z).Item(), want, 1e-12)
	})
	for _, weak := range []bool{true, false} {
		recipes := reSSL(func(m *method.ReSSL) { m.Weak, m.ViewCount = weak, 3 }).Views(64)
		if len(recipes) != 3 || len(recipes[0]) != len(recipes[1]) || (len(recipes[2]) < len(recipes[0])) != weak {
			t.Errorf("weak %v: recipes of %d, %d and %d ops", weak, len(recipes[0]), len(recipes[1]), len(recipes[2]))
		}
	}
}

// A constant embedding has the loss ln(1+K), because the positive is one of 1 + K equal keys.
func TestMoCoOfAConstant(t *testing.T) {
	with(t, moCo(func(m *method.MoCo) {}), torch.F64, 6, func(b built) {
		constant := torch.Ones(torch.F64, 6, width)
		b.fill(torch.Ones(torch.F64, queueLength, width).Normalize(1))
		loss := b.Loss(parallax.NewStep(0, 1), []torch.Tensor{constant, constant}).Item()
		near(t, "the loss", loss, math.Log(1+queueLength), 1e-12)
	})
}

// nnCLR computes NNCLR's loss of one direction with plain loops: p compared with the neighbours of z.
func nnCLR(p, z, queue [][]float64, temperature float64) (total float64) {
	for i := range z {
		neighbour := slices.MaxFunc(queue, func(a, b []float64) int {
			return cmp.Compare(cosineOf(z[i], a), cosineOf(z[i], b))
		})
		all := 0.0
		for k := range p {
			all += math.Exp(cosineOf(neighbour, p[k]) / temperature)
		}
		total -= math.Log(math.Exp(cosineOf(neighbour, p[i])/temperature)/all) / float64(len(z))
	}
	return total
}

func TestNNCLRAgainstLoops(t *testing.T) {
	m := shrink(method.NewNNCLR()).(*method.NNCLR)
	with(t, m, torch.F64, 6, func(b built) {
		z := normals(9, 4, 6, width) // z₁, z₂, p₁, p₂
		queue := rows(b.queues()[0].Tensor)
		want := nnCLR(rows(z[2]), rows(z[1]), queue, 0.1) + nnCLR(rows(z[3]), rows(z[0]), queue, 0.1)
		near(t, "the loss", b.Loss(parallax.NewStep(0, 1), z).Item(), want/2, 1e-12)
		half, whole := parallax.NewStep(0, 1), map[torch.Tensor]torch.Tensor{}
		var mine []torch.Tensor
		for _, v := range z {
			mine = append(mine, v.Narrow(0, 3, 3))
			whole[mine[len(mine)-1]] = v
		}
		half.Gather = func(z torch.Tensor) torch.Tensor { return whole[z] }
		near(t, "the loss of the gathered rows", b.Loss(half, mine).Item(), want/2, 1e-12)
	})
}

// If the queue contains every embedding, each embedding is its own nearest neighbour. Then NNSiam is SimSiam, and
// NNBYOL is BYOL.
func TestNearestNeighbourOfWhatIsInTheQueue(t *testing.T) {
	for _, symmetric := range []bool{true, false} {
		for name, pair := range map[string][2]parallax.Method{
			"NNSiam": {
				nnSiam(func(m *method.NNSiam) { m.Queue, m.Symmetric = 12, symmetric }),
				siamese(func(m *method.SimSiam) { m.Symmetric = symmetric }),
			},
			"NNBYOL": {
				nnBYOL(func(m *method.NNBYOL) { m.Queue, m.Symmetric = 12, symmetric }),
				bootstrap(func(m *method.BYOL) { m.Symmetric = symmetric }),
			},
		} {
			with(t, pair[0], torch.F64, 6, func(b built) {
				z := normals(4, 4, 6, width)
				b.fill(torch.Cat(0, z[0], z[1]).Normalize(1))
				want := pair[1].Loss(parallax.NewStep(0, 1), z).Item()
				got := b.Loss(parallax.NewStep(0, 1), z).Item()
				near(t, fmt.Sprintf("%s, symmetric %v", name, symmetric), got, want, 1e-12)
			})
		}
	}
}

// Without the search for neighbours, NNSiam is SimSiam and NNBYOL is BYOL, whatever is in the queue. NNCLR then picks
// p₁ by z₂ itself, and its loss is the mean of both directions of MoCo v3's, which is the sum of 2τ times each.
func TestWithoutNeighbours(t *testing.T) {
	for name, c := range map[string]struct {
		method, like parallax.Method
		scale        float64
	}{
		"NNSiam": {nnSiam(func(m *method.NNSiam) { m.Neighbour = false }), siamese(func(*method.SimSiam) {}), 1},
		"NNBYOL": {nnBYOL(func(m *method.NNBYOL) { m.Neighbour = false }), bootstrap(func(*method.BYOL) {}), 1},
		"NNCLR": {func() parallax.Method {
			m := shrink(method.NewNNCLR()).(*method.NNCLR)
			m.Neighbour = false
			return m
		}(), keyed(func(m *method.MoCoV3) { m.Temperature = 0.1 }), 1 / 0.4},
	} {
		with(t, c.method, torch.F64, 6, func(b built) {
			z := normals(4, 4, 6, width)
			want := c.like.Loss(parallax.NewStep(0, 1), z).Item() * c.scale
			if name == "NNCLR" { // its rows are z and its columns p; MoCo v3 has them the other way round
				want = c.like.Loss(parallax.NewStep(0, 1), []torch.Tensor{z[3], z[2], z[1], z[0]}).Item() * c.scale
			}
			near(t, name, b.Loss(parallax.NewStep(0, 1), z).Item(), want, 1e-12)
		})
	}
}

func nnSiam(set func(*method.NNSiam)) *method.NNSiam {
	m := shrink(method.NewNNSiam()).(*method.NNSiam)
	set(m)
	return m
}

func nnBYOL(set func(*method.NNBYOL)) *method.NNBYOL {
	m := shrink(method.NewNNBYOL()).(*method.NNBYOL)
	set(m)
	return m
}

// The embeddings of the first view enter the queue, or those of all views with enqueue_all. NNBYOL enqueues the
// target's embeddings.
func TestNeighboursAreEnqueued(t *testing.T) {
	for _, c := range []struct {
		name   string
		method parallax.Method
		views  int
	}{
		{"NNCLR", shrink(method.NewNNCLR()), 1},
		{"NNSiam", nnSiam(func(m *method.NNSiam) {}), 1},
		{"NNSiam, all", nnSiam(func(m *method.NNSiam) { m.EnqueueAll = true }), 2},
		{"NNBYOL", nnBYOL(func(m *method.NNBYOL) {}), 1},
		{"NNBYOL, all", nnBYOL(func(m *method.NNBYOL) { m.EnqueueAll = true }), 2},
	} {
		with(t, c.method, torch.F64, 6, func(b built) {
			s := b.step(0, 6, 1)
			queue := b.queues()[0].Tensor
			before := queue.Clone()
			z := b.Forward(s)
			b.Loss(s, z)
			near(t, c.name+": what was enqueued before the loss", queue.Sub(before).Abs().Max().Item(), 0, 0)
			b.Method.(parallax.Updater).Update(s)
			n := 6 * c.views
			entered := torch.Cat(0, z[:c.views]...).Normalize(1).MatMul(queue.Narrow(0, 0, n).T()).Max(1)
			near(t, c.name+": the cosine with the nearest enqueued row", -entered.Neg().Max().Item(), 1, 1e-12)
			rest := queue.Narrow(0, n, queueLength-n).Sub(before.Narrow(0, n, queueLength-n))
			near(t, c.name+": the change of the other rows", rest.Abs().Max().Item(), 0, 0)
		})
	}
}

// Update puts the keys of Forward into the queue, normalised. Before Update they are not in it, so the loss of a batch
// compares only with earlier batches. With several processes, the keys of all of them enter.
func TestMoCoEnqueues(t *testing.T) {
	for _, symmetric := range []bool{false, true} {
		with(t, moCo(func(m *method.MoCo) { m.Symmetric = symmetric }), torch.F64, 12, func(b built) {
			s := b.step(0, 6, 1)
			s.Gather = func(z torch.Tensor) torch.Tensor { return torch.Cat(0, z.Scale(-1), z) }
			var before [][]float64
			for _, q := range b.queues() {
				before = append(before, q.Tensor.Float64s())
			}
			z := b.Forward(s)
			for i, q := range b.queues() {
				if !slices.Equal(before[i], q.Tensor.Float64s()) {
					t.Errorf("Forward changed %s", q.Name)
				}
			}
			b.Method.(parallax.Updater).Update(s)
			for i, q := range b.queues() {
				keys := z[i].Normalize(1)
				cosines := torch.Cat(0, keys.Scale(-1), keys).MatMul(q.Tensor.Narrow(0, 0, 12).T()) // 12 x 12
				for row, best := range cosines.Max(1).Float64s() {
					what := fmt.Sprintf("%s: the cosine of key %d with the nearest enqueued row", q.Name, row)
					near(t, what, best, 1, 1e-12)
				}
				if !slices.Equal(before[i][12*width:], q.Tensor.Float64s()[12*width:]) {
					t.Errorf("more than the keys were enqueued in %s", q.Name)
				}
			}
		})
	}
}

// With shuffled batch norm, every key is what its group alone would give it, and the keys return to the order of the
// batch.
func TestShuffledBatchNorm(t *testing.T) {
	const n, groups = 11, 3
	in(t, func() {
		whole := build(moCo(func(m *method.MoCo) {}), torch.F64, n)
		defer whole.params.Free()
		split := build(moCo(func(m *method.MoCo) { m.ShuffleGroups = groups }), torch.F64, n)
		defer split.params.Free()
		s := split.step(0, n, 1)
		shuffle := func() *rand.Rand { return rand.New(rand.NewPCG(8, 1)) }
		s.Rand = shuffle()
		keys := split.Forward(s)[0]
		if whole.Forward(s)[0].Sub(keys).Abs().Max().Item() < 1e-6 {
			t.Error("the keys are those of one group")
		}
		order := shuffle().Perm(n)
		for g := range groups {
			index := order[g*n/groups : (g+1)*n/groups]
			pick := torch.FromInts(index, len(index))
			group := parallax.NewStep(0, 1, s.Views[0].IndexSelect(0, pick), s.Views[1].IndexSelect(0, pick))
			difference := keys.IndexSelect(0, pick).Sub(whole.Forward(group)[0]).Abs().Max().Item()
			near(t, fmt.Sprintf("the difference of the keys of group %d", g), difference, 0, 1e-12)
		}
	})
}

// In groups, ReSSL's q and k are what each group alone would give.
func TestReSSLInGroups(t *testing.T) {
	const n, groups = 11, 3
	in(t, func() {
		whole := build(reSSL(func(m *method.ReSSL) { m.ViewCount = 3 }), torch.F64, n)
		defer whole.params.Free()
		split := build(reSSL(func(m *method.ReSSL) { m.ViewCount, m.Groups = 3, groups }), torch.F64, n)
		defer split.params.Free()
		s := split.step(0, n, 1)
		all := split.Forward(s)
		for g := range groups {
			part := parallax.NewStep(0, 1)
			for _, view := range s.Views {
				part.Views = append(part.Views, view.Narrow(0, g*n/groups, (g+1)*n/groups-g*n/groups))
			}
			for i, z := range whole.Forward(part) {
				of := all[i].Narrow(0, g*n/groups, z.Size(0))
				near(t, fmt.Sprintf("the difference of output %d of group %d", i, g),
					of.Sub(z).Abs().Max().Item(), 0, 1e-12)
			}
		}
	})
}

// With momentum 0, the target becomes a copy of the online network at every step. With momentum 1, it never changes.
func TestTargetsOfMethodsWithAQueue(t *testing.T) {
	for name, make := range map[string]func(momentum float64) parallax.Method{
		"MoCo": func(v float64) parallax.Method {
			return moCo(func(m *method.MoCo) { m.TargetMomentum, m.FinalTargetMomentum = v, v })
		},
		"ReSSL": func(v float64) parallax.Method {
			return reSSL(func(m *method.ReSSL) { m.TargetMomentum, m.FinalTargetMomentum = v, v })
		},
		"NNBYOL": func(v float64) parallax.Method {
			return nnBYOL(func(m *method.NNBYOL) { m.TargetMomentum, m.FinalTargetMomentum = v, v })
		},
	} {
		for _, momentum := range []float64{0, 1} {
			with(t, make(momentum), torch.F64, 8, func(b built) {
				target := b.params.Sub("target")
				before := parameters(target)
				for _, p := range b.params.Trainable() {
					if strings.HasPrefix(p.Name, "target.") {
						t.Errorf("%s: %s is trained", name, p.Name)
					}
					p.Tensor.Detach().ScaleInto(1.5) // as an optimiser's step would
				}
				s := b.step(0, 8, 1)
				b.Forward(s)
				b.Method.(parallax.Updater).Update(s)
				online := parameters(b.params)
				for local, after := range parameters(target) {
					want := before[local]
					if momentum == 0 {
						want = online[local]
					}
					if !bytes.Equal(after, want) {
						t.Errorf("%s, momentum %v: target.%s is not as it should be", name, momentum, local)
					}
				}
			})
		}
	}
}
