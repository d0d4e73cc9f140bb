// SPDX-License-Identifier: Apache-2.0

package train

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// mostCopied is how many bytes the networks may have of which a copy is kept during the first step: those of a
// ResNet-50 and its momentum target.
const mostCopied = 256 << 20

// Copied returns the bytes of the copy of the untrained networks that is kept during the first step, for hooks that see
// them after it; 0 if hooks see them before it. Hooks see them before it in four cases: with train.memory, which leaves
// no room for a copy; if the networks are large; with train.on_collapse rewind, whose first checkpoint depends on what
// hooks say of step 0; and with nn.FirstStatistics, since the first images that pass tune those layers.
func (t *Trainer) Copied() (bytes int, err error) {
	c := t.Config.Train
	if c.Memory != "" || c.OnCollapse == config.Rewind {
		return 0, nil
	}
	tuned := false
	err = torch.Scope(func() error {
		for _, n := range t.params.All() {
			bytes += n.Tensor.Len() * n.Tensor.DType().Bytes()
			tuned = tuned || strings.HasSuffix(n.Name, ".tuned")
		}
		return nil
	})
	if bytes > mostCopied || tuned {
		bytes = 0
	}
	return bytes, err
}

// copyUntrained keeps a copy of the networks, in a scope.
func (t *Trainer) copyUntrained() {
	for _, n := range t.params.All() {
		t.untrained = append(t.untrained, nn.Named{Name: n.Name, Tensor: n.Tensor.Clone().Own()})
	}
}

func (t *Trainer) freeUntrained() {
	for _, n := range t.untrained {
		torch.Free(n.Tensor)
	}
	t.untrained = nil
}

// showUntrained calls the hooks for step 0 after the first step, with the untrained networks, and puts the trained ones
// back. An error leaves the run at step 0: a resume begins anew, which costs no more than the first step.
func (t *Trainer) showUntrained() (by string, d Decision, err error) {
	step := t.step
	if err := t.swapUntrained(); err != nil {
		return "", nil, err
	}
	t.step = 0
	if by, d, err = t.callHooks(t.Hooks, call{}); err != nil {
		return "", nil, err
	}
	t.step, t.rating = step, rating{}
	err = t.swapUntrained()
	t.freeUntrained()
	return by, d, err
}

// exchange gives each of two tensors the other's values.
func exchange(a, b torch.Tensor) {
	was := a.Clone()
	b.CopyInto(a)
	was.CopyInto(b)
	torch.Free(was)
}

// swapUntrained exchanges the networks for their copy, tensor by tensor.
func (t *Trainer) swapUntrained() error {
	return torch.Scope(func() error {
		for i, n := range t.params.All() {
			copied := t.untrained[i]
			if copied.Name != n.Name {
				return fmt.Errorf("the networks have changed in the first step: there is %s, and was %s", n.Name,
					copied.Name)
			}
			exchange(n.Tensor, copied.Tensor)
		}
		return nil
	})
}
