// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"
	"maps"
	"slices"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// A trial is one step of a method on a case's tensors. The method's own Build and Forward run. The networks compute
// nothing: what they give is written in the views, so that Forward returns the case's embeddings in the method's order,
// with the method's stop-gradients.
type trial struct {
	c      *Case
	method parallax.Method
	// views has, for every view, what each network gives for it, in the order in which Build makes the networks: the
	// online one and then the target, N x d each. One that is not defined must not reach the loss.
	views   [][]torch.Tensor
	support torch.Tensor   // the embeddings of the labelled batch, beside its labels
	labels  torch.Tensor   // of the support: one-hot rows
	queued  []torch.Tensor // what the first view or, if several, each view puts into the queue
	// state has the values of parameters and buffers: what a network with layers of its own needs, and what earlier
	// steps have left
	state map[string]torch.Tensor
	// loss replaces Loss, for what Loss would draw at random and the case gives; nil: Loss
	loss func(s *parallax.Step, z []torch.Tensor) torch.Tensor
	// terms compares expected values beside the loss, given what Forward returned. What is left in reported is compared
	// by name.
	terms func(z []torch.Tensor, reported map[string]torch.Tensor) error
	after func(p *nn.Params) error // compares the state after Update

	inputs map[string]torch.Tensor // the tensors that may get a gradient, by their names in the case
}

// input returns the case's tensor called name, N x d, which may get a gradient.
func (t *trial) input(name string) torch.Tensor {
	if v, ok := t.inputs[name]; ok {
		return v
	}
	v := t.c.In(name)
	if shape := v.Shape(); len(shape) != 2 {
		torch.Fail("Case", "tensor %q has shape %v, want rows of embeddings", "in."+name, shape)
	}
	v = v.RequireGrad(true)
	t.inputs[name] = v
	return v
}

// given is a backbone whose k-th network returns the k-th part of a view.
type given struct {
	width int
	built int
}

func (g *given) Features() int { return g.width }

func (g *given) Build(*nn.Params) nn.Layer {
	from := g.built * g.width
	g.built++
	return nn.Func(func(x torch.Tensor) torch.Tensor {
		// As a copy, for a tensor that shares memory calls itself differentiable also without gradients.
		return x.Reshape(x.Size(0), -1).Narrow(1, from, g.width).Clone()
	})
}

// withDecoys replaces what is not defined by something that changes the loss if the method uses it.
func withDecoys(parts []torch.Tensor) []torch.Tensor {
	at, out := slices.IndexFunc(parts, torch.Tensor.Defined), slices.Clone(parts)
	for i := range out {
		if !out[i].Defined() {
			out[i] = parts[at].Detach().Scale(-2).Shift(1)
		}
	}
	return out
}

// view makes a view of what the networks give for it: N x channels x 1 x 1.
func view(parts []torch.Tensor) torch.Tensor {
	all := torch.Cat(1, withDecoys(parts)...)
	return all.Reshape(append(all.Shape(), 1, 1)...)
}

// run makes the step and compares everything that the case expects of it.
func (t *trial) run() error {
	c, m := t.c, t.method
	first := t.views[0][slices.IndexFunc(t.views[0], torch.Tensor.Defined)]
	n, d := first.Size(0), first.Size(1)
	if err := t.shapes(n, d); err != nil {
		return err
	}
	if v, ok := parallax.As[parallax.Validator](m); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	batch := n
	for _, rows := range t.queued {
		batch = max(batch, rows.Size(0))
	}
	params := nn.NewParams(0, torch.F64)
	defer params.Free()
	m.Build(&parallax.Build{Params: params, Backbone: &given{width: d}, Size: 1, Batch: batch, Images: n, Steps: 1})
	for name, value := range t.state {
		own, ok := params.Get(name)
		if !ok {
			return fmt.Errorf("the method has no %s: it has %v", name, names(params))
		}
		if !slices.Equal(own.Shape(), value.Shape()) {
			return fmt.Errorf("%s has shape %v, want %v", name, value.Shape(), own.Shape())
		}
		value.CopyInto(own.Detach())
	}
	updater, updates := parallax.As[parallax.Updater](m)
	if t.queued != nil {
		m.Forward(t.filling())
		updater.Update(parallax.NewStep(0, 1))
	}

	step, reported := t.step(n)
	z := m.Forward(step)
	held := make([]torch.Tensor, len(z)) // what Loss sees, cut off from what Forward has made it of
	passes := make([]bool, len(z))       // whether Forward lets a gradient through
	for i := range z {
		passes[i] = z[i].RequiresGrad()
		held[i] = z[i].Clone().Detach().RequireGrad(true)
	}
	loss := m.Loss
	if t.loss != nil {
		loss = t.loss
	}
	value := loss(step, slices.Clone(held)) // a method may put other tensors into the slice
	value.Backward()
	wrong := []error{c.near("loss", value, c.Out("loss"))}
	if t.terms != nil {
		wrong = append(wrong, t.terms(held, reported))
	}
	for name, v := range reported {
		if c.Has("out." + name) {
			wrong = append(wrong, c.near(name, v, c.Out(name)))
		}
	}
	wrong = append(wrong, backward(z, held, passes))
	if c.HasGrads() {
		wrong = append(wrong, t.gradients(params))
	}
	if updates {
		updater.Update(step)
	}
	if t.after != nil {
		wrong = append(wrong, t.after(params))
	}
	return all(wrong...)
}

// shapes checks that all embeddings are n x d, but for the numbers of rows of the support and of the queue.
func (t *trial) shapes(n, d int) error {
	for i, parts := range t.views {
		for _, p := range parts {
			if p.Defined() && !slices.Equal(p.Shape(), []int{n, d}) {
				return fmt.Errorf("the embeddings of view %d have shape %v, those of view 0 %v", i, p.Shape(),
					[]int{n, d})
			}
		}
	}
	for _, rows := range t.queued {
		if shape := rows.Shape(); len(shape) != 2 || shape[1] != d {
			return fmt.Errorf("the queue has shape %v, and the embeddings %v", shape, []int{n, d})
		}
	}
	if s := t.support; s.Defined() && (s.Size(1) != d || s.Size(0) != t.labels.Size(0)) {
		return fmt.Errorf("the support has shape %v and its labels %v, and the embeddings %v", s.Shape(),
			t.labels.Shape(), []int{n, d})
	}
	return nil
}

// filling is a step whose embeddings are the rows of the queues.
func (t *trial) filling() *parallax.Step {
	var views []torch.Tensor
	for i, parts := range t.views {
		rows := t.queued[min(i, len(t.queued)-1)]
		views = append(views, view(slices.Repeat([]torch.Tensor{rows}, len(parts))))
	}
	return parallax.NewStep(0, 1, views...)
}

// step is the case's step for n images, and what the loss will report.
func (t *trial) step(n int) (*parallax.Step, map[string]torch.Tensor) {
	step, reported := parallax.NewStep(0, 1), map[string]torch.Tensor{}
	for _, parts := range t.views {
		step.Views = append(step.Views, view(parts))
	}
	step.Report = func(term string, v torch.Tensor) { reported[term] = v.Detach() }
	for i := range n {
		step.Index = append(step.Index, i)
	}
	if t.c.Has("in.labels") {
		step.Labels = t.c.In("labels").Ints()
	}
	if t.support.Defined() {
		step.Support = &parallax.Support{
			Views:  []torch.Tensor{view([]torch.Tensor{t.support})},
			Labels: t.labels.ArgMax(1).Ints(), Classes: t.labels.Size(1),
		}
	}
	return step, reported
}

// backward passes the gradients that held has through Forward, whose result is z. Where Forward lets none through, Loss
// must not make one either.
func backward(z, held []torch.Tensor, passes []bool) error {
	var wrong []error
	total := torch.Zeros(torch.F64).RequireGrad(true)
	for i := range z {
		g := held[i].Grad()
		switch {
		case !g.Defined():
		case passes[i]:
			total = total.Add(z[i].Mul(g).Sum())
		case g.Abs().Max().Item() != 0:
			err := fmt.Errorf("the loss has a gradient for number %d of Forward's results, which passes none on", i)
			wrong = append(wrong, err)
		}
	}
	total.Backward()
	return all(wrong...)
}

// gradients compares those of the inputs. An input without a gradient in the case must get none, or 0: that is the
// stop-gradient. Parameters that the case gives are compared if the case has their gradients.
func (t *trial) gradients(params *nn.Params) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(t.inputs)) {
		got, want := t.inputs[name].Grad(), torch.Zeros(torch.F64, t.inputs[name].Shape()...)
		if t.c.Has("grad." + name) {
			want = t.c.Grad(name)
		}
		if !got.Defined() {
			got = torch.Zeros(torch.F64, want.Shape()...)
		}
		wrong = append(wrong, t.c.near("gradient of "+name, got, want))
	}
	if p, ok := params.Get("prototypes.weight"); ok && t.c.Has("grad.prototypes") {
		wrong = append(wrong, t.c.near("gradient of prototypes", p.Grad(), t.c.Grad("prototypes")))
	}
	return all(wrong...)
}

func names(p *nn.Params) []string {
	var all []string
	for _, n := range p.All() {
		all = append(all, n.Name)
	}
	return all
}
