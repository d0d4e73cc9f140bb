// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/torch"
)

// With groups, the queries are those that each group alone would give. The same holds for keys that are not shuffled,
// so an image's query and key have the statistics of the same images. The shuffle leaves the queries as they are and
// gives the keys the statistics of other groups.
func TestQueriesAndKeysInGroups(t *testing.T) {
	const n, groups = 11, 3
	in(t, func() {
		whole := build(moCo(func(m *method.MoCo) {}), torch.F64, n)
		defer whole.params.Free()
		forward := func(shuffle int) []torch.Tensor {
			b := build(moCo(func(m *method.MoCo) { m.Groups, m.ShuffleGroups = groups, shuffle }), torch.F64, n)
			defer b.params.Free()
			s := b.step(0, n, 1)
			s.Rand = rand.New(rand.NewPCG(8, 1))
			return b.Forward(s)
		}
		shared, shuffled := forward(1), forward(groups)
		s := whole.step(0, n, 1)
		if whole.Forward(s)[1].Sub(shared[1]).Abs().Max().Item() < 1e-6 {
			t.Error("the queries are those of one group")
		}
		for g := range groups {
			from, to := g*n/groups, (g+1)*n/groups
			group := func(all torch.Tensor) torch.Tensor { return all.Narrow(0, from, to-from) }
			alone := whole.Forward(parallax.NewStep(0, 1, group(s.Views[0]), group(s.Views[1])))
			for i, what := range []string{"keys", "queries"} {
				difference := group(shared[i]).Sub(alone[i]).Abs().Max().Item()
				near(t, fmt.Sprintf("the difference of the %s of group %d", what, g), difference, 0, 1e-12)
			}
		}
		near(t, "what the shuffle changes in queries", shuffled[1].Sub(shared[1]).Abs().Max().Item(), 0, 0)
		if shuffled[0].Sub(shared[0]).Abs().Max().Item() < 1e-6 {
			t.Error("the shuffled keys have the statistics of their queries")
		}
	})
}

// By hand: the first query is nearest to its key, the second to a row of the queue, and the third is equally near to
// both, which does not count as a hit.
func TestAccuracyOfPickingTheKey(t *testing.T) {
	with(t, moCo(func(m *method.MoCo) { m.Queue = 2 }), torch.F64, 3, func(b built) {
		axes := torch.Eye(width, torch.F64)
		b.fill(axes.Narrow(0, 0, 2))
		keys := torch.Cat(0, axes.Narrow(0, 2, 1), axes.Narrow(0, 2, 1), axes.Narrow(0, 0, 1))
		queries := torch.Cat(0, axes.Narrow(0, 2, 1), axes.Narrow(0, 1, 1), axes.Narrow(0, 0, 1))
		terms := reported(b, parallax.NewStep(0, 1), func(s *parallax.Step) {
			b.Loss(s, []torch.Tensor{keys, queries})
		})
		near(t, "the accuracy", terms["accuracy"], 1./3, 1e-6)
	})
}

// The leak is the accuracy in training mode minus the accuracy in evaluation mode. Measuring it does not change a
// single bit of the run.
func TestMeasuringTheLeakChangesNothing(t *testing.T) {
	const n = 16
	for _, symmetric := range []bool{false, true} {
		in(t, func() {
			var states [2]any
			for i, measure := range []bool{false, true} {
				var m parallax.Method = moCo(func(m *method.MoCo) {
					m.Queue, m.Groups, m.ShuffleGroups, m.Symmetric = 20, 4, 4, symmetric
				})
				b := build(leaking(t, m, measure), torch.F64, n)
				o := optim.New(optim.SGD{Momentum: 0.9}, b.params.Trainable())
				b.train(o, 3, b.step(0, n, 1))
				if states[i] = b.params.State(); !b.params.Training() {
					t.Error("the network is left in evaluation mode")
				}
				if measure {
					b.checkLeak(t, n)
				}
				o.Free()
				b.params.Free()
			}
			if !reflect.DeepEqual(states[0], states[1]) {
				t.Errorf("symmetric %v: weights, buffers or the queue differ", symmetric)
			}
		})
	}
}

// leaking returns the method with or without the measurement of the leak.
func leaking(t *testing.T, m parallax.Method, measure bool) parallax.Method {
	t.Helper()
	var c config.Config
	c.Probe.Leak = measure
	m, err := probe.WithLeak(m, &c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A method that cannot measure a leak is refused.
func TestLeakOfAnotherMethod(t *testing.T) {
	c := config.Config{Probe: config.Probe{Leak: true}, Method: config.MethodConfig{Name: "simclr"}}
	_, err := probe.WithLeak(method.NewSimCLR(), &c)
	const want = "probe.leak does not go with simclr: leave it out, or train mocov1, mocov2 or mocov2plus"
	if err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

func (b built) checkLeak(t *testing.T, n int) {
	t.Helper()
	terms := func() map[string]float64 { return reported(b, b.step(3, n, 2), func(s *parallax.Step) { b.loss(s) }) }
	training := terms()
	b.params.Train(false)
	evaluation := terms()
	b.params.Train(true)
	if training["accuracy"] == evaluation["accuracy"] {
		t.Errorf("both accuracies are %v, which tests nothing", training["accuracy"])
	}
	near(t, "the leak", training["bn_leak"], training["accuracy"]-evaluation["accuracy"], 1e-6)
	near(t, "the leak in evaluation mode", evaluation["bn_leak"], 0, 0)
}

// reported returns the terms that f reports for the step.
func reported(b built, s *parallax.Step, f func(*parallax.Step)) map[string]float64 {
	terms := map[string]float64{}
	s.Report = func(name string, v torch.Tensor) { terms[name] = v.Item() }
	f(s)
	return terms
}
