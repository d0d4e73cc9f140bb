// SPDX-License-Identifier: Apache-2.0

package train

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// A Hook watches a run. It is called on libtorch's thread, inside a scope, and must leave the networks as they were.
type Hook interface {
	// Name is unique among the hooks of a run and tells its errors and its state apart.
	Name() string
	// After is called once before the first step and then after every optimiser step. What it decides is done before the
	// hooks after it are asked.
	After(p *Progress) (Decision, error)
}

// A Decision is what a Hook wants of the run after a step: nil to go on, a [Stop] or a [Rewind].
type Decision interface{ decision() }

// Stop ends the run because it has collapsed: after a checkpoint, as an interruption does. The run's error wraps
// [ErrCollapsed].
type Stop struct{ Why string }

// Rewind sends the run back to the newest checkpoint that no hook had a doubt about. With train.on_collapse rewind there
// always is one: the untrained network is the first.
type Rewind struct {
	Times int    // how often the run has then gone back
	Why   string // the message of the event
	Halve string // why the learning rate is halved from there on, for its source in the config; "" leaves the rate
}

func (Stop) decision()   {}
func (Rewind) decision() {}

// A Keeper is a Hook with state that a resumed run must have back.
type Keeper interface {
	Hook
	State() []nn.State
	Load(states []nn.State) error
}

// Progress is what a Hook sees.
type Progress struct {
	Step, Of, Epoch int  // optimiser steps done, of how many; the epoch from 0
	Due             bool // whether an evaluation is due: at step 0, every train.eval_every steps, with train.eval_early after 1, 2, 5, 10, ..., and at the end
	Encoder         parallax.Encoder
	Params          *nn.Params
	Features        torch.Tensor // h of the last batch's first view, without gradient, N x Features; none at step 0
	Labels          []int        // of its rows; -1 is unknown
	Emit            func(e run.Event) error
	// Score rates the weights as they are. The best checkpoint, which is kept, is the newest of those whose rating is within
	// slack, a share of it, of the highest.
	Score func(v, slack float64)
	// Doubt says whether, by this evaluation, something is wrong with the weights: until the next one no checkpoint is the best,
	// or one to go back to.
	Doubt func(wrong bool)
}

// tap is a Backbone that lets hooks see the features which the method computes anyway: of the network that is evaluated, while
// recording is on, and of the first rows: a method may send several views through at once, or one in groups. It also gives every network built
// from it the weights to start from.
type tap struct {
	parallax.Backbone
	init      []nn.State
	err       error
	watched   string // the prefix of the network that is evaluated
	recording bool
	rows      int
	features  torch.Tensor
}

// startFrom copies weights into the networks.
func (t *Trainer) startFrom(states []nn.State) error {
	for _, s := range states {
		to, ok := t.params.Get(s.Name)
		if !ok || fmt.Sprint(to.Shape()) != fmt.Sprint(s.Shape) {
			return fmt.Errorf("starting from weights: the networks have no tensor %q of shape %v", s.Name, s.Shape)
		}
		s.Tensor().CopyInto(to)
	}
	return nil
}

func (t *tap) Build(p *nn.Params) nn.Layer {
	layer := t.Backbone.Build(p)
	if len(t.init) > 0 {
		if err := p.LoadLocal(t.init); err != nil {
			t.err = fmt.Errorf("loading the weights to start from: %w", err)
		}
	}
	return nn.Func(func(x torch.Tensor) torch.Tensor {
		h := layer.Forward(x)
		if t.recording && p.Prefix() == t.watched {
			t.record(h)
		}
		return h
	})
}

func (t *tap) record(h torch.Tensor) {
	left := t.rows
	if t.features.Defined() {
		left -= t.features.Size(0)
	}
	if left == 0 {
		return
	}
	part := h.Detach().Narrow(0, 0, min(left, h.Size(0))).To(torch.F32)
	if t.features.Defined() {
		part = torch.Cat(0, t.features, part)
	}
	t.features = part.Keep()
}
