// SPDX-License-Identifier: Apache-2.0

package train

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// average is an exponential moving average of the weights that the optimiser moves, and of batch norm's running
// statistics (Polyak & Juditsky 1992; Tarvainen & Valpola, arXiv:1703.01780, whose average is short at first, too).
// Hooks and the exported encoder see it in place of the weights. Training does not. A nil average is none.
type average struct {
	decay float64
	of    []nn.Named
	means []torch.Tensor
	lerp  func(dst, src []torch.Tensor, weight float64) // of the networks' tree
}

// newAverage starts the average at the current weights; nil if the config asks for none.
func (t *Trainer) newAverage() *average {
	if t.Config.Optim.Average == 0 {
		return nil
	}
	a := &average{decay: t.Config.Optim.Average, of: t.params.Trainable(), lerp: t.params.Lerp()}
	for _, n := range t.params.All() {
		if n.Buffer && strings.HasPrefix(n.Name[strings.LastIndexByte(n.Name, '.')+1:], "running_") {
			a.of = append(a.of, n)
		}
	}
	for _, n := range a.of {
		a.means = append(a.means, n.Tensor.Detach().Clone().Own())
	}
	return a
}

// update takes the weights after step number step, from 1, into the average.
func (a *average) update(step int) {
	if a == nil {
		return
	}
	weights := make([]torch.Tensor, len(a.of))
	for i, n := range a.of {
		weights[i] = n.Tensor
	}
	n := float64(step)
	a.lerp(a.means, weights, 1-min(a.decay, (1+n)/(10+n)))
}

// show puts the average in the place of the weights until hide is called.
func (a *average) show() (hide func()) {
	if a == nil {
		return func() {}
	}
	a.swap()
	return a.swap
}

func (a *average) swap() {
	for i, n := range a.of {
		exchange(n.Tensor, a.means[i])
	}
}

func (a *average) lend() (states []nn.State) {
	if a == nil {
		return nil
	}
	for i, n := range a.of {
		states = append(states, nn.Lend(n.Name, a.means[i]))
	}
	return states
}

func (a *average) load(states []nn.State) error {
	if a == nil {
		return nil
	}
	found := make(map[string]nn.State, len(states))
	for _, s := range states {
		found[s.Name] = s
	}
	for i, n := range a.of {
		s, ok := found[n.Name]
		if !ok || fmt.Sprint(s.Shape) != fmt.Sprint(n.Tensor.Shape()) {
			return fmt.Errorf("%w: it has no average of %s", checkpoint.ErrMisfit, n.Name)
		}
		s.Tensor().CopyInto(a.means[i])
	}
	if len(found) != len(a.of) {
		return fmt.Errorf("%w: it has averages of other weights", checkpoint.ErrMisfit)
	}
	return nil
}

func (a *average) free() {
	if a != nil {
		torch.Free(a.means...)
	}
}
