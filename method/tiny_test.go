// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// tiny is a backbone of one convolution: N x 3 x H x W -> N x 8.
type tiny struct{}

func (tiny) Features() int { return 8 }

func (tiny) Build(p *nn.Params) nn.Layer {
	return nn.Sequential{
		nn.NewConv(p.Sub("conv1"), 3, 8, 3, 2, 1), nn.NewBatchNorm(p.Sub("bn1"), 8, true), nn.ReLU,
		nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }),
	}
}

const (
	pixels      = 8    // side of an image
	width       = 5    // of the embeddings
	queueLength = 2001 // not a multiple of a batch, and mostly random rows after a few steps
)

// wide names the fields that count thousands of things. shrink sets them to few.
var wide = []string{"Prototypes", "Outputs", "Hidden", "Bottleneck", "Directions"}

const few = 4

// shrink makes every MLP of a method narrow with its number of layers unchanged, the queues short, and the fields in
// wide small.
func shrink(m parallax.Method) parallax.Method {
	shrinkFields(reflect.ValueOf(m).Elem())
	return m
}

func shrinkFields(v reflect.Value) {
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		if v.Type().Field(i).Anonymous {
			shrinkFields(v.Field(i))
		}
		if v.Type().Field(i).Name == "SupportImages" {
			v.Field(i).SetInt(2) // of each class
		}
		if v.Type().Field(i).Name == "Queue" {
			v.Field(i).SetInt(queueLength)
		}
		if slices.Contains(wide, v.Type().Field(i).Name) {
			v.Field(i).SetInt(few)
		}
		mlp, ok := v.Field(i).Addr().Interface().(*nn.MLP)
		if !ok || len(mlp.Widths) == 0 {
			continue
		}
		widths := make([]int, len(mlp.Widths))
		for k := range widths {
			widths[k] = 7
		}
		widths[len(widths)-1] = width
		mlp.Widths = widths
	}
}

// subject is a method of the list, perhaps with changed hyperparameters or a variant around it.
type subject struct {
	name string
	method.Entry
	set  func(parallax.Method)
	vary func(*config.Variant)
	properties
}

// subjects are all methods with their default hyperparameters, and then with their switches and variants.
func subjects() []subject {
	var all []subject
	for _, e := range method.All {
		all = append(all, subject{e.Name, e, nil, nil, declared[e.Name]})
		all = append(all, switched(e)...)
	}
	for _, e := range method.Later { // their defaults are for a trained network
		all = append(all, switched(e)...)
	}
	return all
}

func switched(e method.Entry) (all []subject) {
	for _, s := range switches[e.Name] {
		all = append(all, subject{e.Name + "/" + s.name, e, s.set, nil, s.properties})
	}
	for _, v := range variants[e.Name] {
		all = append(all, subject{e.Name + "/" + v.name, e, v.set, v.vary, v.properties})
	}
	return all
}

// new returns the subject's shrunk method.
func (s subject) new() parallax.Method {
	m := shrink(s.New())
	if s.set != nil {
		s.set(m)
	}
	c := small(s.Name, m)
	if s.vary != nil {
		s.vary(&c.Variant)
	}
	return wrap(m, &c)
}

// small returns the config of a shrunk method, with shrunk variants.
func small(name string, m parallax.Method) config.Config {
	c := config.Default()
	c.Method = config.MethodConfig{Name: name, Fields: m}
	c.Variant.Asymmetric.Predictor.Widths = []int{7, width}
	return c
}

// vary returns a shrunk method with a variant.
func vary(m parallax.Method, set func(*config.Variant)) parallax.Method {
	c := small("", m)
	set(&c.Variant)
	return wrap(m, &c)
}

// wrap returns the method with the config's variants.
func wrap(m parallax.Method, c *config.Config) parallax.Method {
	wrapped, err := variant.Wrap(m, c)
	if err != nil {
		panic(err) // a mistake in a table
	}
	return wrapped
}

// built is a method with its networks.
type built struct {
	parallax.Method
	params  *nn.Params
	encoder parallax.Encoder
}

const steps = 20 // the length of the run that a method is built for

// build makes a method's networks for n images. The caller frees its params.
func build(m parallax.Method, dtype torch.DType, n int) built { return buildShared(m, dtype, n, nil) }

// buildShared is build in the processes of a group that share the n images.
func buildShared(m parallax.Method, dtype torch.DType, n int, g *torch.Group) built {
	p := nn.NewParams(3, dtype)
	p.Share(g)
	e := m.Build(&parallax.Build{Params: p, Backbone: tiny{}, Size: pixels, Batch: n, Images: n, Steps: steps})
	b := built{m, p, e}
	if s, ok := parallax.As[parallax.Starter](m); ok {
		epoch := b.epoch(0, n)
		if visit := epoch.Visit; g != nil {
			epoch.Visit = func(f func(*parallax.Step)) error {
				return visit(func(s *parallax.Step) { f(shareOf(s, g)) })
			}
		}
		if err := s.Start(epoch); err != nil {
			torch.Fail("Start", "%v", err)
		}
	}
	return b
}

// epoch returns an epoch of a single batch of n images.
func (b built) epoch(number, n int) *parallax.Epoch {
	return &parallax.Epoch{
		Number: number, Rand: rand.New(rand.NewPCG(3, uint64(number))),
		Visit: func(f func(*parallax.Step)) error {
			s := b.step(0, n, uint64(number))
			torch.NoGrad(func() { f(s) })
			return nil
		},
	}
}

// step returns the step with number at, with n random images that the seed determines.
func (b built) step(at, n int, seed uint64) *parallax.Step {
	r := rand.New(rand.NewPCG(seed, 7))
	s := parallax.NewStep(at, steps)
	for _, recipe := range b.Views(pixels) {
		view := recipe.View(augment.NewImage(pixels, pixels), augment.ViewRand(0, 0, 0, 0))
		s.Views = append(s.Views, normal(r, n, 3, view.H, view.W).To(b.params.DType()))
	}
	for i := range n {
		s.Index, s.Labels = append(s.Index, i), append(s.Labels, i%3)
	}
	if m, ok := parallax.As[parallax.Supporter](b.Method); ok {
		spec := m.Support()
		s.Support = &parallax.Support{Classes: 3}
		for i := range 3 * spec.PerClass {
			s.Support.Labels = append(s.Support.Labels, i/spec.PerClass)
		}
		for range spec.Views {
			view := normal(r, len(s.Support.Labels), 3, pixels, pixels)
			s.Support.Views = append(s.Support.Views, view.To(b.params.DType()))
		}
	}
	return s
}

// Loss calls the method's Loss with the step's random numbers from their start, because a Loss in a run is called once
// per step.
func (b built) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	s.Rand = parallax.NewStep(s.At, s.Of).Rand
	return b.Method.Loss(s, z)
}

// loss runs a step's forward pass and loss.
func (b built) loss(s *parallax.Step) torch.Tensor { return b.Loss(s, b.Forward(s)) }

// memory returns what the method keeps of other batches, such as queues, centres and covariances: the buffers that are
// part of no network.
func (b built) memory() (memory []nn.Named) {
	for _, n := range b.params.All() {
		part, _, _ := strings.Cut(n.Name, ".")
		if n.Buffer && !slices.Contains([]string{"backbone", "projector", "predictor", "target", "second"}, part) {
			memory = append(memory, n)
		}
	}
	return memory
}

// clearGradients removes the gradients that backward accumulated.
func (b built) clearGradients() {
	for _, p := range b.params.Trainable() {
		p.Tensor.SetGrad(torch.Tensor{})
	}
}

// in runs f in a Scope. It fails the test on an error or if tensors are left.
func in(t *testing.T, f func()) {
	t.Helper()
	before, after := 0, 0
	err := torch.Scope(func() error {
		torch.SetThreads(1) // more threads would only wait for each other on tensors this small
		before = torch.Live()
		err := torch.Scope(func() error { f(); return nil })
		after = torch.Live()
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if before != after {
		t.Errorf("%d tensors before, %d after", before, after)
	}
}

// with builds the method for n images in a Scope and calls f with it.
func with(t *testing.T, m parallax.Method, dtype torch.DType, n int, f func(b built)) {
	t.Helper()
	in(t, func() {
		b := build(m, dtype, n)
		defer b.params.Free()
		f(b)
	})
}

// near fails the test unless |got - want| <= tolerance·max(1, |want|).
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// normal draws a float64 tensor from the standard normal distribution.
func normal(r *rand.Rand, shape ...int) torch.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	return torch.FromFloat64(values, shape...)
}

// normals draws k matrices.
func normals(seed uint64, k, n, d int) []torch.Tensor {
	r := rand.New(rand.NewPCG(seed, 11))
	z := make([]torch.Tensor, k)
	for i := range z {
		z[i] = normal(r, n, d)
	}
	return z
}
