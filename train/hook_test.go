// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/train"
)

// seen keeps the features that hooks get at the last step.
type seen struct{ h []float64 }

func (*seen) Name() string { return "seen" }
func (s *seen) After(p *train.Progress) (train.Decision, error) {
	if p.Features.Defined() {
		s.h = p.Features.Float64s()
	}
	return nil, nil
}

// Hooks see the features of the network that is evaluated. For DINO it is the teacher. A teacher that never moves gives
// the same features whatever the student learns; a teacher that follows the student at once does not.
func TestFeaturesAreThoseOfTheEvaluatedNetwork(t *testing.T) {
	for _, momentum := range []float64{1, 0} {
		var h [2][]float64
		for i, rate := range []float64{0.005, 0.05} {
			var s seen
			job{method: "dino", hooks: []train.Hook{&s}, set: func(c *config.Config) {
				m := c.Method.Fields.(*method.DINO)
				m.TargetMomentum, m.FinalTargetMomentum = momentum, momentum
				c.Optim.Rate, c.Train.MaxSteps = rate, 3
			}}.whole(t)
			h[i] = s.h
		}
		if len(h[0]) == 0 {
			t.Fatal("no features were seen")
		}
		if same := slices.Equal(h[0], h[1]); same != (momentum == 1) {
			t.Errorf("momentum %g: the features are the same with two rates: %v", momentum, same)
		}
	}
}

// Hooks get the features of all groups of a view that goes through the backbone in groups. Measuring MoCo's leak does
// not change them.
func TestFeaturesOfABatchInGroups(t *testing.T) {
	features := func(groups int, leak bool) []float64 {
		var s seen
		job{method: "mocov2", hooks: []train.Hook{&s}, set: func(c *config.Config) {
			c.Method.Fields.(*method.MoCo).Groups, c.Train.MaxSteps = groups, 2
		}, wrap: func(m parallax.Method) parallax.Method {
			m, err := probe.WithLeak(m, &config.Config{Probe: config.Probe{Leak: leak}})
			must(t, err)
			return m
		}}.whole(t)
		return s.h
	}
	whole, split := features(1, false), features(4, false)
	if len(whole) == 0 || len(whole) != len(split) || slices.Equal(whole, split) {
		t.Errorf("%d features of a batch, %d of one in groups", len(whole), len(split))
	}
	if !slices.Equal(split, features(4, true)) {
		t.Error("measuring the leak changes the features")
	}
}
