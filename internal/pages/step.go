// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/torch"
)

// The step's inputs: a small network, few small images, random pixels. Only which tensors move matters.
const (
	pixels = 16
	images = 8
	at, of = 10, 100 // the step
	late   = 1000    // an epoch when nothing is frozen any more
)

// part is a subtree of the parameters, or of the buffers.
type part struct {
	name     string
	buffer   bool
	gradient bool
	moved    []string // what moves it
	rate     string   // its learning rate, if it is special
}

// What moves a tensor, in the order of a step.
const (
	byStart     = "`Start`, before the epoch"
	byForward   = "`Forward`"
	byLoss      = "`Loss`"
	byOptimiser = "the optimiser"
	byUpdate    = "`Update`, after the optimiser's step"
)

// facts are the facts about a method that a training step shows.
type facts struct {
	parts      []part
	statistics []string // the parts with running statistics
	held, all  int      // the tensors passed to Loss that are behind a stop-gradient, and all of them
}

// facts runs one step of a method, once.
func (g *generator) facts(e method.Entry) (*facts, error) {
	if f := g.seen[e.Name]; f != nil {
		return f, nil
	}
	m, err := small(e)
	if err != nil {
		return nil, err
	}
	f := &facts{}
	if err := torch.Scope(func() error {
		torch.SetThreads(1)
		return f.observe(m)
	}); err != nil {
		return nil, err
	}
	if g.seen == nil {
		g.seen = map[string]*facts{}
	}
	g.seen[e.Name] = f
	return f, nil
}

// small returns a method with its paper's settings, except that widths and counts are small.
func small(e method.Entry) (parallax.Method, error) {
	m := e.New()
	fields, err := config.Fields(m)
	if err != nil {
		return nil, err
	}
	var given []preset.Setting
	for _, f := range fields {
		_, last, nested := strings.Cut(f.Path, ".")
		if !nested {
			last = f.Path
		}
		value := ""
		switch last {
		case "widths":
			value = "[" + strings.TrimSuffix(strings.Repeat("8, ", strings.Count(f.Text, ",")+1), ", ") + "]"
		case "queue", "prototypes", "outputs", "hidden", "bottleneck", "directions", "slice", "iter_norm_groups":
			value = "8"
		case "support_images":
			value = "2"
		}
		if value != "" && f.Text != "0" && f.Text != "[]" {
			given = append(given, preset.Setting{Path: "method." + f.Path, Value: value})
		}
	}
	l, err := configured(e, given, size)
	if err != nil {
		return nil, err
	}
	return l.Method.Fields.(parallax.Method), nil
}

// observe builds a method and runs a step.
func (f *facts) observe(m parallax.Method) error {
	b, err := backbone.Spec{Name: "resnet18", Width: 4, Stem: backbone.Small, Norm: nn.BatchStatistics,
		Size: pixels}.New()
	if err != nil {
		return err
	}
	p := nn.NewParams(1, torch.F32)
	defer p.Free()
	m.Build(&parallax.Build{Params: p, Backbone: b, Size: pixels, Batch: images, Images: images, Steps: of})
	w := watch{values: map[string][]float64{}, moved: map[string][]string{}, params: p}
	w.look("")
	if s, ok := parallax.As[parallax.Starter](m); ok {
		epoch := &parallax.Epoch{Number: late, Rand: rand.New(rand.NewPCG(1, 1)),
			Visit: func(visit func(*parallax.Step)) error {
				torch.NoGrad(func() { visit(step(m, late)) })
				return nil
			}}
		if err := s.Start(epoch); err != nil {
			return err
		}
		w.look(byStart)
	}
	first := groups(m, 0)
	s := step(m, late)
	z := m.Forward(s)
	w.look(byForward)
	m.Loss(s, slices.Clone(z)).Backward()
	w.look(byLoss)
	gradient := map[string]bool{}
	torch.NoGrad(func() {
		for _, n := range p.Trainable() {
			if g := n.Tensor.Grad(); g.Defined() && g.Abs().Max().Item() > 0 {
				gradient[n.Name] = true
				n.Tensor.Sub(g.Scale(0.1)).CopyInto(n.Tensor.Detach())
			}
		}
	})
	w.look(byOptimiser)
	if u, ok := parallax.As[parallax.Updater](m); ok {
		u.Update(s)
		w.look(byUpdate)
	}
	f.collect(p, gradient, w.moved, first, groups(m, late))
	f.hold(m, s, z)
	return nil
}

// groups returns the method's parameter groups in an epoch.
func groups(m parallax.Method, epoch int) []nn.Group {
	g, ok := parallax.As[parallax.Grouper](m)
	if !ok {
		return nil
	}
	return g.Groups(&parallax.Step{At: at, Of: of, Epoch: epoch})
}

// step returns a step of random pixels.
func step(m parallax.Method, epoch int) *parallax.Step {
	r := rand.New(rand.NewPCG(1, uint64(epoch)))
	s := parallax.NewStep(at, of)
	s.Epoch = epoch
	for _, recipe := range m.Views(pixels) {
		view := recipe.View(augment.NewImage(pixels, pixels), augment.ViewRand(0, 0, 0, 0))
		s.Views = append(s.Views, random(r, images, 3, view.H, view.W))
	}
	for i := range images {
		s.Index, s.Labels = append(s.Index, i), append(s.Labels, i%2)
	}
	if m, ok := parallax.As[parallax.Supporter](m); ok {
		spec := m.Support()
		s.Support = &parallax.Support{Classes: 2}
		for i := range 2 * spec.PerClass {
			s.Support.Labels = append(s.Support.Labels, i/spec.PerClass)
		}
		for range spec.Views {
			s.Support.Views = append(s.Support.Views, random(r, len(s.Support.Labels), 3, pixels, pixels))
		}
	}
	return s
}

func random(r *rand.Rand, shape ...int) torch.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	return torch.FromFloat32(values, shape...)
}

// watch records which tensors changed.
type watch struct {
	params *nn.Params
	values map[string][]float64
	moved  map[string][]string
}

// look compares every tensor with its value at the last look, and records what changed it.
func (w *watch) look(by string) {
	for _, n := range w.params.All() {
		now := n.Tensor.Detach().To(torch.F64).Float64s()
		if before, ok := w.values[n.Name]; ok && !slices.Equal(before, now) {
			w.moved[n.Name] = append(w.moved[n.Name], by)
		}
		w.values[n.Name] = now
	}
}

// partOf returns the subtree that shows a tensor: the first part of its name, or the first two for a target's.
func partOf(name string) string {
	parts := strings.Split(name, ".")
	if parts[0] == "target" && len(parts) > 2 {
		return parts[0] + "." + parts[1]
	}
	return parts[0]
}

// collect joins the observations of the tensors of each part. Buffers of a part with parameters are running statistics.
func (f *facts) collect(p *nn.Params, gradient map[string]bool, moved map[string][]string, first, then []nn.Group) {
	trained := map[string]bool{}
	for _, n := range p.All() {
		if !n.Buffer {
			trained[partOf(n.Name)] = true
		}
	}
	for _, n := range p.All() {
		name := partOf(n.Name)
		if n.Buffer && trained[name] {
			if !slices.Contains(f.statistics, name) {
				f.statistics = append(f.statistics, name)
			}
			continue
		}
		i := slices.IndexFunc(f.parts, func(p part) bool { return p.name == name })
		if i < 0 {
			i = len(f.parts)
			f.parts = append(f.parts, part{name: name, buffer: n.Buffer})
		}
		f.parts[i].gradient = f.parts[i].gradient || gradient[n.Name]
		for _, by := range moved[n.Name] {
			if !slices.Contains(f.parts[i].moved, by) {
				f.parts[i].moved = append(f.parts[i].moved, by)
			}
			if by == byOptimiser {
				f.parts[i].rate = rate(name, first, then)
			}
		}
	}
}

// rate describes a part's learning rate if it is special.
func rate(name string, first, then []nn.Group) (what string) {
	of := func(groups []nn.Group) (g nn.Group, ok bool) {
		i := slices.IndexFunc(groups, func(g nn.Group) bool { return strings.HasPrefix(name+".", g.Prefix) })
		if i < 0 {
			return g, false
		}
		return groups[i], true
	}
	if g, ok := of(first); ok && g.Frozen {
		what += ", but not in the first epochs"
	}
	if g, ok := of(then); ok && g.Constant {
		what += ", at a constant rate"
	}
	if g, ok := of(then); ok && g.Scale != 1 && g.Scale != 0 {
		what += ", at " + strconv.FormatFloat(g.Scale, 'g', -1, 64) + " times the rate"
	}
	return what
}

// hold counts the tensors passed to Loss that get no gradient.
func (f *facts) hold(m parallax.Method, s *parallax.Step, z []torch.Tensor) {
	leaves := make([]torch.Tensor, len(z))
	for i := range z {
		leaves[i] = z[i].Detach().Clone().RequireGrad(true)
	}
	m.Loss(s, slices.Clone(leaves)).Backward()
	f.all = len(leaves)
	for _, z := range leaves {
		if g := z.Grad(); !g.Defined() || g.Abs().Max().Item() == 0 {
			f.held++
		}
	}
}

// gradients returns a table of the parts.
func (f *facts) gradients() string {
	var b strings.Builder
	b.WriteString(row("part", "gets a gradient", "what moves it") + rule(3))
	for _, p := range f.parts {
		name := code(p.name)
		if p.buffer {
			name += " (no parameter: state)"
		}
		b.WriteString(row(name, yes(p.gradient, "yes", "no"), p.movedBy()))
	}
	if len(f.statistics) > 0 {
		var in []string
		for _, s := range f.statistics {
			in = append(in, code(s))
		}
		b.WriteString(row("running statistics of batch norm in "+strings.Join(in, ", "), "no", "`Forward`"))
	}
	held := fmt.Sprintf("%d get no gradient: they are behind a stop-gradient", f.held)
	switch f.held {
	case 0:
		held = "all get a gradient"
	case 1:
		held = "one gets no gradient: it is behind a stop-gradient"
	}
	fmt.Fprintf(&b, "\nObserved in one training step of the code. Of the %d tensors passed to `Loss`, %s.\n", f.all,
		held)
	return b.String()
}

// movedBy returns everything that moves a part, in the order of a step.
func (p part) movedBy() string {
	var all []string
	for _, by := range []string{byStart, byForward, byLoss, byOptimiser, byUpdate} {
		if slices.Contains(p.moved, by) {
			all = append(all, by+yes(by == byOptimiser, p.rate, ""))
		}
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, "; ")
}

func yes(is bool, then, otherwise string) string {
	if is {
		return then
	}
	return otherwise
}
