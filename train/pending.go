// SPDX-License-Identifier: Apache-2.0

package train

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// pending is a failed call of a hook. If a signal caused the failure, the step's checkpoint stores the call's
// arguments, and the resumed run starts by repeating the call. The run then ends with the same
// evaluations, best checkpoint and verdicts as a run that was never stopped.
type pending struct {
	hook string
	args []nn.State // of the call; empty before the first step
	mark *run.Mark  // the end of the log before the call; nil for a call of an earlier process
}

// call is what a hook is told of the step's last batch, as in [Progress]. Before the first step it is empty.
type call struct {
	features      torch.Tensor
	labels, index []int
}

// The names of a call's arguments among the states of the hooks. No hook is called pending.
const (
	pendingFeatures = "pending/features"
	pendingLabels   = "pending/labels"
	pendingIndex    = "pending/index"
)

func isArgument(s nn.State) bool { return strings.HasPrefix(s.Name, "pending/") }

// callHooks calls hooks in order, until one decides something. After the first step it calls all hooks for step 0 first
// if they have not seen that yet.
func (t *Trainer) callHooks(hooks []Hook, last call) (by string, d Decision, err error) {
	if t.untrained != nil && t.step > 0 {
		if by, d, err := t.showUntrained(); d != nil || err != nil {
			return by, d, err
		}
	}
	defer t.span("hooks").End()
	c := t.Config.Train
	p := &Progress{
		Step: t.step, Of: t.Steps, Due: t.step%c.EvalEvery == 0 || t.step == t.Steps || c.EvalEarly && early(t.step),
		Encoder: t.encoder, Params: t.params, Features: last.features, Labels: last.labels, Index: last.index,
		Emit:  t.emit,
		Score: func(v, slack float64) { t.rating = rating{v, slack, !math.IsNaN(v) && !math.IsInf(v, 0)} },
		Doubt: func(wrong bool) { t.doubted = wrong },
	}
	p.Epoch, _ = t.position(max(0, t.step-1))
	if p.Due && t.step > 0 {
		defer t.average.show()()
	}
	for _, h := range hooks {
		rating, doubted, mark := t.rating, t.doubted, t.log.Mark()
		called := t.span(h.Name())
		d, err := t.after(h, p)
		called.End()
		if err != nil {
			t.rating, t.doubted = rating, doubted
			t.pending = &pending{h.Name(), last.states(), &mark}
			return "", nil, t.blame(fmt.Errorf("%s: %w", h.Name(), err))
		}
		if d != nil {
			return h.Name(), d, nil
		}
	}
	return "", nil, nil
}

// after calls a hook.
func (t *Trainer) after(h Hook, p *Progress) (d Decision, err error) {
	if p.Due {
		t.together(func() { d, err = h.After(p) })
		return d, err
	}
	return h.After(p)
}

// makeUp makes the call of a hook again that a signal ended in the process before, calls the hooks that follow it, and
// writes the checkpoint of the step anew.
func (t *Trainer) makeUp() (by string, d Decision, err error) {
	if t.pending == nil || t.step == 0 { // the hooks' calls of step 0 were all made, or will be
		t.pending = nil
		return "", nil, nil
	}
	hooks := t.Hooks
	for len(hooks) > 0 && hooks[0].Name() != t.pending.hook {
		hooks = hooks[1:]
	}
	args := t.pending.args
	t.pending = nil
	err = torch.Scope(func() (err error) {
		by, d, err = t.callHooks(hooks, callOf(args))
		return err
	})
	if err != nil {
		return "", nil, err
	}
	t.saved = -1
	if _, back := d.(Rewind); !back {
		err = t.save()
	}
	return by, d, err
}

// states copies the arguments.
func (c call) states() []nn.State {
	if !c.features.Defined() {
		return nil
	}
	return []nn.State{
		nn.StateOf(pendingFeatures, c.features), numbers(pendingLabels, c.labels), numbers(pendingIndex, c.index),
	}
}

func numbers(name string, values []int) nn.State {
	s := nn.State{Name: name, DType: torch.I64, Shape: []int{len(values)}}
	for _, v := range values {
		s.Bytes = binary.LittleEndian.AppendUint64(s.Bytes, uint64(int64(v)))
	}
	return s
}

// callOf returns the call whose arguments are in states.
func callOf(states []nn.State) (c call) {
	for _, s := range states {
		switch s.Name {
		case pendingFeatures:
			c.features = s.Tensor()
		case pendingLabels:
			c.labels = s.Tensor().Ints()
		case pendingIndex:
			c.index = s.Tensor().Ints()
		}
	}
	return c
}
