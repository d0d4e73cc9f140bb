// SPDX-License-Identifier: Apache-2.0

package optim

import (
	"math"
	"strings"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// A Rule is how an optimiser moves parameters. Rules are plain data: their fields are the hyperparameters except the
// learning rate, which comes with every step.
type Rule interface {
	// Slots names the tensors that the rule keeps for each parameter. They have its shape and start at zero.
	Slots() []string
	// Move makes one step for parameters that are treated the same way.
	Move(p Part)
}

// Part is the parameters of one step that are treated the same way.
type Part struct {
	Params    []torch.Tensor   // each with its gradient, which the rule may overwrite
	Slots     [][]torch.Tensor // Slots[i][k] belongs to Params[k]; i as in Rule.Slots
	Step      int              // number of the step for these parameters, from 1
	Rate      float64          // the learning rate, at least 0
	Vector    bool             // at most one dimension: biases, and the weights of norms
	Undecayed bool             // the group has no weight decay
	Fused     bool             // see [Optimizer.Fuse]
}

// Optimizer moves parameters by a Rule and keeps the state of each.
type Optimizer struct {
	rule    Rule
	fused   bool
	entries []*entry
}

type entry struct {
	nn.Named
	slots  []torch.Tensor
	steps  int // made so far
	vector bool
}

// New starts an optimiser over params: nn.Params.Trainable() of the networks to train. Its tensors live until
// [Optimizer.Free].
func New(rule Rule, params []nn.Named) *Optimizer {
	o := &Optimizer{rule: rule}
	count := 0
	for _, p := range params {
		n := 1
		for _, side := range p.Tensor.Shape() {
			n *= side
		}
		count += n
	}
	torch.Room("what the optimiser keeps of every weight, with its gradient,", 4*float64(count*(1+len(rule.Slots()))))
	for _, p := range params {
		shape := p.Tensor.Shape()
		e := &entry{Named: p, vector: len(shape) <= 1}
		for range rule.Slots() {
			// A clone has the parameter's memory layout; the fused steps run through both in memory order.
			slot := p.Tensor.Detach().Clone()
			torch.Zeros(slot.DType()).CopyInto(slot)
			e.slots = append(e.slots, slot.Own())
		}
		o.entries = append(o.entries, e)
	}
	return o
}

// Use continues with another rule that keeps the same tensors, for example one with another weight decay.
func (o *Optimizer) Use(rule Rule) { o.rule = rule }

// Fuse makes the optimiser move parameters of one rate in one pass over memory, or not, which is the reference. The two
// differ by rounding. A fused optimiser takes parameters on the CPU.
func (o *Optimizer) Fuse(on bool) { o.fused = on }

// Step moves the parameters that have a gradient; as in PyTorch, those that backward did not reach stay. rate is the
// learning rate of this step, peak the largest of its schedule. A parameter belongs to the group with the longest
// prefix of its name, if any. Its rate is rate·Scale, or peak·Scale if Constant. Undecayed switches weight decay off;
// Frozen stops the parameter, its momentum and its weight decay. Step may overwrite the gradients: clear them
// afterwards.
func (o *Optimizer) Step(rate, peak float64, groups []nn.Group) {
	type kind struct {
		rate              float64
		step              int
		vector, undecayed bool
	}
	parts := map[kind]*Part{}
	var order []*Part
	for _, e := range o.entries {
		g := groupOf(e.Name, groups)
		if g.Frozen || !e.Tensor.Grad().Defined() {
			continue
		}
		e.steps++
		r := rate * g.Scale
		if g.Constant {
			r = peak * g.Scale
		}
		k := kind{r, e.steps, e.vector, g.Undecayed}
		p := parts[k]
		if p == nil {
			p = &Part{Slots: make([][]torch.Tensor, len(e.slots)), Step: e.steps, Rate: r, Vector: e.vector,
				Undecayed: g.Undecayed, Fused: o.fused}
			parts[k] = p
			order = append(order, p)
		}
		p.Params = append(p.Params, e.Tensor)
		for i, slot := range e.slots {
			p.Slots[i] = append(p.Slots[i], slot)
		}
	}
	for _, p := range order {
		o.rule.Move(*p)
	}
}

// groupOf is the group with the longest prefix of the name; if there is none, a group that changes nothing.
func groupOf(name string, groups []nn.Group) nn.Group {
	of, longest := nn.Group{Scale: 1}, -1
	for _, g := range groups {
		if strings.HasPrefix(name, g.Prefix) && len(g.Prefix) > longest {
			of, longest = g, len(g.Prefix)
		}
	}
	return of
}

// Free frees the optimiser's tensors.
func (o *Optimizer) Free() {
	for _, e := range o.entries {
		torch.Free(e.slots...)
		e.slots = nil
	}
}

// ClipNorm is the function ClipNorm over all parameters of the optimiser: in one call if it is fused.
func (o *Optimizer) ClipNorm(limit float64) (norm float64) {
	if !o.fused {
		params := make([]nn.Named, len(o.entries))
		for i, e := range o.entries {
			params[i] = e.Named
		}
		return ClipNorm(params, limit)
	}
	tensors := make([]torch.Tensor, len(o.entries))
	for i, e := range o.entries {
		tensors[i] = e.Tensor
	}
	return torch.ClipGradNorm(tensors, limit)
}

// ClipNorm scales all gradients by one factor so that their global l2 norm is at most limit, as PyTorch's
// clip_grad_norm_ does, and returns the norm before that. With a limit of 0 or less, or a norm that is not finite, it
// only measures.
func ClipNorm(params []nn.Named, limit float64) (norm float64) {
	if len(params) == 0 {
		return 0
	}
	tensors := make([]torch.Tensor, len(params))
	for i, p := range params {
		tensors[i] = p.Tensor
	}
	norm = torch.GradNorms(tensors).Norm().Item()
	if limit <= 0 || norm <= limit || math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm
	}
	for _, t := range tensors {
		if g := t.Grad(); g.Defined() {
			g.ScaleInto(limit / (norm + 1e-6))
		}
	}
	return norm
}
