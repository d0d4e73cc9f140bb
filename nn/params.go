// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/torch"
)

// Params is a tree of named tensors: parameters, which optimisers move, and buffers, which are state of other kinds
// (running statistics, queues, centres). A Params value is one subtree; [Params.Sub] descends. All tensors are Owned
// and live until [Params.Free]. Use Params inside torch.Scope.
type Params struct {
	tree   *tree
	prefix string
}

type tree struct {
	seed     uint64
	dtype    torch.DType
	training bool
	fused    bool
	group    *torch.Group // that shares the batch
	order    []string
	entries  map[string]Named
}

// Named is one tensor of a Params, with its full name.
type Named struct {
	Name   string
	Tensor torch.Tensor
	Buffer bool // true: no optimiser moves it
}

// NewParams returns an empty tree in training mode. Its floating-point tensors will be of type dtype (torch.F32, or
// F64 for tests). Their initial values depend on seed and full name alone: a network keeps its initialisation when
// another part of the tree changes.
func NewParams(seed uint64, dtype torch.DType) *Params {
	return &Params{tree: &tree{seed: seed, dtype: dtype, training: true, entries: map[string]Named{}}}
}

// Sub returns the subtree called name.
func (p *Params) Sub(name string) *Params {
	return &Params{tree: p.tree, prefix: p.prefix + name + "."}
}

// Prefix returns the beginning of the full names of the subtree's tensors: "backbone.", or "" for the whole tree.
func (p *Params) Prefix() string { return p.prefix }

// Param makes the parameter called name with values drawn by init.
func (p *Params) Param(name string, init Init, shape ...int) torch.Tensor {
	full := p.prefix + name
	t := init.tensor(p.tree.seed, full, p.tree.dtype, shape).RequireGrad(true)
	return p.add(full, t, false)
}

// Buffer makes the buffer called name, with the value v.
func (p *Params) Buffer(name string, v torch.Tensor) torch.Tensor {
	return p.add(p.prefix+name, v, true)
}

// DType returns the type of the tree's floating-point tensors.
func (p *Params) DType() torch.DType { return p.tree.dtype }

func (p *Params) add(full string, t torch.Tensor, buffer bool) torch.Tensor {
	if _, taken := p.tree.entries[full]; taken {
		torch.Fail("Params", "two tensors are called %q", full)
	}
	p.tree.entries[full] = Named{full, t.Own(), buffer}
	p.tree.order = append(p.tree.order, full)
	return t
}

// Train puts the whole tree in training mode (batch statistics) or out of it (running statistics).
func (p *Params) Train(on bool) { p.tree.training = on }

// Training reports whether the tree is in training mode.
func (p *Params) Training() bool { return p.tree.training }

// Fuse makes the whole tree compute batch norm, the addition of a shortcut and ReLU in one operation where they follow
// each other, and moving averages in one pass; or not, which is the reference. The two differ by rounding.
func (p *Params) Fuse(on bool) { p.tree.fused = on }

// Share makes layers use the statistics of the rows of all processes of a group; nil: of the own rows alone.
func (p *Params) Share(group *torch.Group) { p.tree.group = group }

// Shared returns the group of [Params.Share].
func (p *Params) Shared() *torch.Group { return p.tree.group }

// Alone runs f, in which layers use the statistics of the own rows.
func (p *Params) Alone(f func()) {
	defer p.Share(p.tree.group)
	p.Share(nil)
	f()
}

// Lerp is how moving averages move.
func (p *Params) Lerp() func(dst, src []torch.Tensor, weight float64) {
	if p.tree.fused {
		return torch.LerpAll
	}
	return torch.LerpInto
}

// All returns the tensors of the subtree in the order they were made; for torchvision's networks that is its order.
func (p *Params) All() []Named {
	var all []Named
	for _, name := range p.tree.order {
		if strings.HasPrefix(name, p.prefix) {
			all = append(all, p.tree.entries[name])
		}
	}
	return all
}

// Trainable returns the parameters of the subtree without those that [Params.Freeze] froze.
func (p *Params) Trainable() []Named {
	var out []Named
	for _, n := range p.All() {
		if !n.Buffer && n.Tensor.RequiresGrad() {
			out = append(out, n)
		}
	}
	return out
}

// Freeze takes the parameters of the subtree out of training for good, for a momentum target or a fixed predictor.
func (p *Params) Freeze() {
	for _, n := range p.All() {
		if !n.Buffer {
			n.Tensor.RequireGrad(false)
		}
	}
}

// Local returns the name of n within the subtree.
func (p *Params) Local(n Named) string { return strings.TrimPrefix(n.Name, p.prefix) }

// Get returns the tensor with the given name within the subtree.
func (p *Params) Get(name string) (torch.Tensor, bool) {
	n, ok := p.tree.entries[p.prefix+name]
	return n.Tensor, ok
}

// Free frees every tensor of the subtree.
func (p *Params) Free() {
	kept := p.tree.order[:0]
	for _, name := range p.tree.order {
		if !strings.HasPrefix(name, p.prefix) {
			kept = append(kept, name)
			continue
		}
		torch.Free(p.tree.entries[name].Tensor)
		delete(p.tree.entries, name)
	}
	p.tree.order = kept
}

// pair returns the tensors of p and other that have the same local name.
func (p *Params) pair(other *Params, buffers bool) (mine, theirs []torch.Tensor) {
	for _, n := range p.All() {
		if n.Buffer && !buffers {
			continue
		}
		t, ok := other.Get(p.Local(n))
		if !ok {
			torch.Fail("Params", "%q has no %q", strings.TrimSuffix(other.prefix, "."), p.Local(n))
		}
		mine, theirs = append(mine, n.Tensor), append(theirs, t)
	}
	return mine, theirs
}

// CopyFrom overwrites every tensor of the subtree, buffers too, with the one of the same name in other.
func (p *Params) CopyFrom(other *Params) {
	mine, theirs := p.pair(other, true)
	for i := range mine {
		theirs[i].CopyInto(mine[i])
	}
}

// MoveTowards makes every parameter φ of the subtree momentum·φ + (1-momentum)·θ, where θ is the parameter of the same
// name in online. It leaves buffers alone: the batch-norm statistics of a momentum target are those of its own forward
// passes, as in MoCo's and BYOL's official code.
func (p *Params) MoveTowards(online *Params, momentum float64) {
	mine, theirs := p.pair(online, false)
	p.Lerp()(mine, theirs, 1-momentum)
}

// State copies every tensor of the subtree out.
func (p *Params) State() []State { return p.states(StateOf) }

// Lend is State by [Lend].
func (p *Params) Lend() []State { return p.states(Lend) }

func (p *Params) states(of func(name string, t torch.Tensor) State) []State {
	all := p.All()
	out := make([]State, len(all))
	for i, n := range all {
		out[i] = of(n.Name, n.Tensor)
	}
	return out
}

// Load overwrites the subtree with states of the same full names and converts floating-point types. It is strict: a
// missing tensor, a surplus one, another shape, and whole numbers for others are errors. Then Load changes nothing.
func (p *Params) Load(states []State) error {
	local := make([]State, len(states))
	for i, s := range states {
		name, ok := strings.CutPrefix(s.Name, p.prefix)
		if !ok {
			return fmt.Errorf("tensor %s belongs to no part of the network", printable.Short(s.Name))
		}
		local[i], local[i].Name = s, name
	}
	return p.LoadLocal(local)
}

// LoadLocal is Load for states under their local names.
func (p *Params) LoadLocal(states []State) error {
	if err := p.fit(states, false); err != nil {
		return err
	}
	p.set(states)
	return nil
}

// set copies states that fit into the subtree.
func (p *Params) set(states []State) {
	for _, s := range states {
		s.Tensor().CopyInto(p.tree.entries[p.prefix+s.Name].Tensor)
	}
}

// fit returns why states, under their local names, cannot be loaded. With lenient, counters of batch norms may be
// missing.
func (p *Params) fit(states []State, lenient bool) error {
	byName := make(map[string]State, len(states))
	for _, s := range states {
		byName[s.Name] = s
	}
	for _, n := range p.All() {
		local := p.Local(n)
		s, ok := byName[local]
		if !ok {
			if lenient && strings.HasSuffix(local, counter) {
				continue
			}
			return fmt.Errorf("tensor %s is missing", printable.Short(n.Name))
		}
		if want := n.Tensor.Shape(); !slices.Equal(s.Shape, want) {
			return fmt.Errorf("tensor %s has shape %v, but the network has %v", printable.Short(n.Name), s.Shape, want)
		}
		if floating(s.DType) != floating(n.Tensor.DType()) {
			return fmt.Errorf("tensor %s holds numbers of type %s, but the network's are of type %s",
				printable.Short(n.Name), s.DType, n.Tensor.DType())
		}
		delete(byName, local)
	}
	for _, s := range states {
		if _, left := byName[s.Name]; left {
			return fmt.Errorf("tensor %s belongs to no part of the network", printable.Short(s.Name))
		}
	}
	return nil
}

func floating(d torch.DType) bool {
	return d == torch.F64 || d == torch.F32 || d == torch.F16 || d == torch.BF16
}
