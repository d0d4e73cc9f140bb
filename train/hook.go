// SPDX-License-Identifier: Apache-2.0

package train

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/internal/trace"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// A Hook watches a run. It is called on libtorch's thread, inside a scope, and must leave the networks as they were.
type Hook interface {
	// Name is unique among the hooks of a run. It marks the hook's errors and its state.
	Name() string
	// After is called with the untrained networks, as step 0, and after every optimiser step. The call of step 0 is
	// made before the first step or just after it, with the networks as they were before. A decision takes effect at
	// once: later hooks are not called for this step. An error leaves the hook and the networks as they were before
	// the call: after a signal, the resumed run makes the call again.
	After(p *Progress) (Decision, error)
}

// A Decision tells the trainer how to proceed after a step: nil to continue, a [Stop], a [Rewind] or a [Replan].
type Decision interface{ decision() }

// Stop ends the run because it has collapsed. Like an interrupted run, it saves a checkpoint first. The run's error
// wraps [ErrCollapsed].
type Stop struct{ Why string }

// Rewind sends the run back to its newest checkpoint that no hook has doubted (see [Progress]). With train.on_collapse
// rewind there always is one: the first holds the untrained network.
type Rewind struct {
	Times int    // how often the run has gone back, this time included
	Why   string // the message of the event
	Halve string // why the learning rate is halved, for its source in the config; "" keeps the rate
}

// Replan changes the length of the run, and with it where its stages end. At the end of a stage, a plan that changes
// only the stages to come leaves everything before it as it was; see config.Stages. The run's config records the new
// plan before the next step, so that a resume follows it.
type Replan struct {
	Steps int    // of the whole run, more than are done
	Ends  []int  // the new stages.ends; those that have passed must not change
	Why   string // the message of the event
}

func (Stop) decision()   {}
func (Rewind) decision() {}
func (Replan) decision() {}

// A Keeper is a Hook with state that a resumed run must get back.
type Keeper interface {
	Hook
	State() []nn.State
	Load(states []nn.State) error
}

// A Blind hook reports by its method whether it ignores the features of batches, see [Progress]. If all hooks of a run
// ignore them, its processes do not gather them.
type Blind interface {
	Hook
	Blind() bool
}

// Progress is what a Hook sees.
type Progress struct {
	Step, Of, Epoch int // optimiser steps done; steps of the whole run; the epoch from 0
	// Due says whether an evaluation is due: at step 0, every train.eval_every steps and at the end; with
	// train.eval_early also after 1, 2, 5, 10, ... steps.
	Due     bool
	Encoder parallax.Encoder
	Params  *nn.Params
	// Features are h of the last batch's first view, N x Features, without gradient. They are undefined at step 0 and,
	// in a run of several processes, where all hooks are [Blind].
	Features torch.Tensor
	Labels   []int // of the rows of Features; -1 is unknown
	Index    []int // the numbers of the images of these rows
	Emit     func(e run.Event) error
	// Score rates the current weights; higher is better. The best checkpoint is the newest whose rating is at most
	// slack, a share of the highest rating, below the highest.
	Score func(v, slack float64)
	// Doubt says whether something is wrong with the weights. From Doubt(true) to Doubt(false) no checkpoint becomes
	// the best or one to go back to.
	Doubt func(wrong bool)
}

// tap is a Backbone that records features for the hooks, which the method computes anyway. It records the network that
// is evaluated, while recording is on, and only the first rows: a method may pass several views at once, or one view in
// groups. The tap also gives the starting weights to every network built from it.
type tap struct {
	parallax.Backbone
	init      []nn.State // nil for random weights
	prefix    string     // of the names of the weights that were loaded
	err       error
	watched   string // prefix of the parameters of the network that is evaluated
	recording bool
	rows      int
	features  torch.Tensor
	trace     *trace.Recorder
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
	if t.init != nil {
		var err error
		if t.prefix, err = p.Adopt(t.init); err != nil {
			t.err = fmt.Errorf("loading the weights to start from: %w", err)
		}
	}
	return nn.Func(func(x torch.Tensor) torch.Tensor {
		defer t.trace.Begin(laneTrack(), "network").End()
		h := layer.Forward(x)
		if t.recording && p.Prefix() == t.watched {
			rows := h.Detach() // h itself may be freed before
			torch.Later(func() { t.record(rows) })
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
	part := h.Narrow(0, 0, min(left, h.Size(0))).To(torch.F32)
	if t.features.Defined() {
		part = torch.Cat(0, t.features, part)
	}
	t.features = part.Keep()
}
