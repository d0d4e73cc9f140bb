// SPDX-License-Identifier: Apache-2.0

package optim

import (
	"encoding/binary"
	"fmt"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// stepSlot holds how many steps a parameter has made. Every parameter has its own, since a group may be frozen at
// first.
const stepSlot = "step"

// State copies out the optimiser's state: for each parameter NAME the tensors SLOT.NAME, and step.NAME, the number of
// steps made, an int64 scalar.
func (o *Optimizer) State() []nn.State { return o.states(nn.StateOf) }

// Lend is State by [nn.Lend].
func (o *Optimizer) Lend() []nn.State { return o.states(nn.Lend) }

func (o *Optimizer) states(of func(name string, t torch.Tensor) nn.State) []nn.State {
	var out []nn.State
	for _, e := range o.entries {
		steps := binary.LittleEndian.AppendUint64(nil, uint64(e.steps))
		out = append(out, nn.State{Name: stepSlot + "." + e.Name, DType: torch.I64, Bytes: steps})
		for i, slot := range o.rule.Slots() {
			out = append(out, of(slot+"."+e.Name, e.slots[i]))
		}
	}
	return out
}

// Load restores what State returned. It is strict: a missing tensor, a surplus one or another shape is an error, and
// then Load changes nothing.
func (o *Optimizer) Load(states []nn.State) error {
	byName := make(map[string]nn.State, len(states))
	for _, s := range states {
		byName[s.Name] = s
	}
	steps := make([]int, len(o.entries))
	for k, e := range o.entries {
		s, err := find(byName, stepSlot+"."+e.Name, nil)
		if err != nil {
			return err
		}
		if s.DType != torch.I64 || len(s.Bytes) != 8 {
			return fmt.Errorf("optimiser state %q is not one int64: the checkpoint is damaged", s.Name)
		}
		steps[k] = int(binary.LittleEndian.Uint64(s.Bytes))
		if steps[k] < 0 {
			return fmt.Errorf("optimiser state %q is %d, a negative number of steps: the checkpoint is damaged",
				s.Name, steps[k])
		}
		for i, slot := range o.rule.Slots() {
			s, err := find(byName, slot+"."+e.Name, e.slots[i].Shape())
			if err != nil {
				return err
			}
			if want := len(e.slots[i].Bytes()); s.DType == e.slots[i].DType() && len(s.Bytes) != want {
				return fmt.Errorf("optimiser state %q has %d bytes, not %d: the checkpoint is damaged", s.Name,
					len(s.Bytes), want)
			}
		}
	}
	if want := len(o.entries) * (1 + len(o.rule.Slots())); len(states) != want {
		return fmt.Errorf("%d optimiser states instead of %d: they belong to another optimiser or network",
			len(states), want)
	}
	for k, e := range o.entries {
		e.steps = steps[k]
		for i, slot := range o.rule.Slots() {
			byName[slot+"."+e.Name].Tensor().CopyInto(e.slots[i])
		}
	}
	return nil
}

func find(byName map[string]nn.State, name string, shape []int) (nn.State, error) {
	s, ok := byName[name]
	if !ok {
		return s, fmt.Errorf("optimiser state %q is missing: the states belong to another optimiser or network", name)
	}
	if fmt.Sprint(s.Shape) != fmt.Sprint(shape) {
		return s, fmt.Errorf("optimiser state %q has shape %v, but the network has %v", name, s.Shape, shape)
	}
	return s, nil
}
