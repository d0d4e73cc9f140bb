// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

const pixels = 16

// tiny is a backbone of one convolution: N x 3 x H x W -> N x width.
type tiny struct{ width int }

func (b tiny) Features() int { return b.width }

func (b tiny) Build(p *nn.Params) nn.Layer {
	return nn.Sequential{
		nn.NewConv(p.Sub("conv1"), 3, b.width, 3, 2, 1), nn.NewBatchNorm(p.Sub("bn1"), b.width, true), nn.ReLU,
		nn.Func(func(x torch.Tensor) torch.Tensor { return x.Mean(2, 3) }),
	}
}

// shrink makes a method small: its MLPs, its queue and its other wide parts.
func shrink(m parallax.Method) parallax.Method {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		switch v.Type().Field(i).Name {
		case "Queue":
			v.Field(i).SetInt(21)
		case "Prototypes", "Outputs", "Hidden", "Bottleneck":
			v.Field(i).SetInt(6)
		}
		if v.Type().Field(i).Name == "SupportImages" {
			v.Field(i).SetInt(2) // of each class
		}
		if mlp, ok := v.Field(i).Addr().Interface().(*nn.MLP); ok {
			mlp.Widths = []int{7, 5}
		}
	}
	return m
}

// images are 64 synthetic images, drawn once: 8 batches of 8.
var images = sync.OnceValues(func() (*dataset.Source, error) {
	return dataset.Open("synthetic:64", dataset.Options{Size: pixels})
})

// job is a run to be started or resumed. Its zero value gives the run that most tests use.
type job struct {
	method string                                // "simclr" when empty
	set    func(c *config.Config)                // after the defaults below
	wrap   func(parallax.Method) parallax.Method // around the method
	hooks  []train.Hook
	watch  func(run.Event)
	change func(o *train.Options)
}

func (j job) config() (*config.Layered, parallax.Method, error) {
	name := j.method
	if name == "" {
		name = "simclr"
	}
	entry, err := method.Find(name)
	if err != nil {
		return nil, nil, err
	}
	m := shrink(entry.New())
	c := config.Default()
	c.Method = config.MethodConfig{Name: name, Fields: m}
	c.Data.Path, c.Data.Size = "synthetic:64", pixels
	c.Data.Mean, c.Data.Std = []float64{0.5, 0.5, 0.5}, []float64{0.25, 0.25, 0.25}
	c.Backbone = config.Backbone{Name: "tiny", Width: 8}
	c.Augment = m.Views(pixels)
	c.Optim.Rate, c.Optim.WarmupSteps = 0.005, 2 // small enough for VICReg, whose terms weigh 25
	c.Train.Batch, c.Train.MaxSteps = 8, 10
	c.Train.Threads, c.Train.Workers = 1, 2
	c.Train.EvalEvery, c.Train.SaveEvery, c.Train.LogEvery = 3, 100, 1
	if j.set != nil {
		j.set(&c)
	}
	l, err := config.New(&c)
	if err != nil {
		return nil, nil, err
	}
	return l, m, l.Mark("optim.rate", "the test") // a given rate stays as it is, and can be halved
}

// trainer makes the job's trainer in a new directory, or with resume in the directory of a run. closeAll frees both.
func (j job) trainer(dir string, resume bool, warn func(string)) (t *train.Trainer, closeAll func() error, err error) {
	source, err := images()
	if err != nil {
		return nil, nil, err
	}
	config, m, err := j.config()
	if err != nil {
		return nil, nil, err
	}
	open := func() (*run.Dir, error) { return run.Create(dir, config) }
	if resume {
		open = func() (*run.Dir, error) { return run.Open(dir) }
	}
	d, err := open()
	if err != nil {
		return nil, nil, err
	}
	if j.wrap != nil {
		m = j.wrap(m)
	}
	o := train.Options{
		Config: config, Method: m, Backbone: tiny{config.Backbone.Width}, Dir: d, Hooks: j.hooks,
		Loader: &dataset.Loader{
			Data: source, Recipes: config.Augment, Batch: config.Train.Batch,
			Workers: config.Train.Workers, Seed: config.Seed,
			Normalize: augment.Normalize{Mean: []float32{0.5, 0.5, 0.5}, Std: []float32{0.25, 0.25, 0.25}},
		},
	}
	if j.watch != nil {
		o.Watch = append(o.Watch, j.watch)
	}
	if j.change != nil {
		j.change(&o)
	}
	if t, err = train.New(o); err != nil {
		d.Close()
		return nil, nil, err
	}
	closeAll = func() error {
		err := t.Close()
		if closing := d.Close(); err == nil {
			err = closing
		}
		return err
	}
	if resume {
		if err := t.Resume(warn); err != nil {
			closeAll()
			return nil, nil, err
		}
	}
	return t, closeAll, nil
}

// run starts or resumes the job and returns the error with which it ended.
func (j job) run(t *testing.T, ctx context.Context, dir string, resume bool) error {
	t.Helper()
	tr, closeAll, err := j.trainer(dir, resume, func(w string) { t.Errorf("warning: %s", w) })
	if err != nil {
		t.Fatal(err)
	}
	err = tr.Run(ctx)
	must(t, closeAll())
	return err
}

// whole runs the job from start to end in a new directory.
func (j job) whole(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "whole")
	must(t, j.run(t, t.Context(), dir, false))
	return dir
}

// stopAt returns the job and a context that ends during the event of step.
func (j job) stopAt(ctx context.Context, step int) (job, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	j.watch = func(e run.Event) {
		if e.Event == run.StepEnd && e.Step == step {
			cancel(errStop)
		}
	}
	return j, ctx
}

type stop struct{}

func (stop) Error() string { return "stopped by the test" }

var errStop = stop{}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// oneLine fails the test unless err is one line that holds all of the texts.
func oneLine(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", texts)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

func stepFolder(step int) string { return fmt.Sprintf("step-%08d", step) }

// hashes returns the hash of every file of a checkpoint.
func hashes(t *testing.T, dir string, step int) map[string]string {
	t.Helper()
	all := map[string]string{}
	folder := filepath.Join(dir, run.CheckpointsDir, stepFolder(step))
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range entries {
		all[e.Name()] = hash(t, filepath.Join(folder, e.Name()))
	}
	return all
}

func hash(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// events returns the events of a run that hold computed numbers, without the numbers of the clock.
func events(t *testing.T, dir string) []run.Event {
	t.Helper()
	var kept []run.Event
	for _, e := range everything(t, dir) {
		if e.Event == run.StepEnd || e.Event == run.Eval || e.Event == run.Start {
			delete(e.Metrics, run.ImagesPerSecond)
			delete(e.Metrics, run.DataWait)
			kept = append(kept, e)
		}
	}
	return kept
}

func everything(t *testing.T, dir string) (all []run.Event) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, run.MetricsFile))
	must(t, err)
	for e, err := range run.ReadEvents(bytes.NewReader(text)) {
		must(t, err)
		all = append(all, e)
	}
	return all
}

// same fails the test unless two runs ended alike: checkpoint, encoder and metrics.
func same(t *testing.T, want, got string, step int) {
	t.Helper()
	files := hashes(t, want, step)
	number := 4
	if _, averaged := files["average.safetensors"]; averaged {
		number = 5
	}
	if names := slices.Sorted(maps.Keys(files)); len(names) != number {
		t.Errorf("the checkpoint holds %v", names)
	}
	if diff := cmp.Diff(files, hashes(t, got, step)); diff != "" {
		t.Errorf("the checkpoints of step %d differ: %s", step, diff)
	}
	if hash(t, filepath.Join(want, run.EncoderFile)) != hash(t, filepath.Join(got, run.EncoderFile)) {
		t.Error("the encoders differ")
	}
	a, b := events(t, want), events(t, got)
	if len(a) < 3 { // the start, the first step and the last
		t.Errorf("%d events in %d steps", len(a), step)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the metrics differ: %s", diff)
	}
}

// folders lists what a folder holds.
func folders(t *testing.T, path ...string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(path...))
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// copyDir copies a run's directory as it is now, for a test that resumes the copy.
func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o777)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o666)
	})
}

// average is a hook with state: the running mean of the features. The first element of the mean is the score.
type average struct{ values []float64 }

func (a *average) Name() string { return "average" }

func (a *average) After(p *train.Progress) (train.Decision, error) {
	if p.Features.Defined() {
		f := p.Features.Mean(0).Float64s()
		if a.values == nil {
			a.values = make([]float64, len(f))
		}
		for i := range f {
			a.values[i] = 0.9*a.values[i] + 0.1*f[i] + 0.01*float64(p.Labels[0])
		}
	}
	if !p.Due {
		return nil, nil
	}
	e := run.Event{Event: run.Eval, Probe: "average", Of: "backbone"}
	if a.values != nil {
		e.Set(run.Std, run.Num(a.values[0]))
		p.Score(a.values[0], 0)
	}
	return nil, p.Emit(e)
}

func (a *average) State() []nn.State {
	if a.values == nil {
		return nil
	}
	return []nn.State{nn.StateOf("values", torch.FromFloat64(a.values, len(a.values)))}
}

func (a *average) Load(states []nn.State) error {
	a.values = nil
	for _, s := range states {
		if s.Name != "values" {
			return fmt.Errorf("state %q", s.Name)
		}
		a.values = s.Tensor().Float64s()
	}
	return nil
}

// around wraps a method: forward is called at each forward pass, and loss changes each loss.
type around struct {
	parallax.Method
	forward func(s *parallax.Step)
	loss    func(s *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor
}

func (a around) Forward(s *parallax.Step) []torch.Tensor {
	if a.forward != nil {
		a.forward(s)
	}
	return a.Method.Forward(s)
}

func (a around) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	loss := a.Method.Loss(s, z)
	if a.loss != nil {
		return a.loss(s, loss, z)
	}
	return loss
}

func (a around) Update(s *parallax.Step) {
	if u, ok := a.Method.(parallax.Updater); ok {
		u.Update(s)
	}
}

func (a around) Groups(s *parallax.Step) []nn.Group {
	if g, ok := a.Method.(parallax.Grouper); ok {
		return g.Groups(s)
	}
	return nil
}

func (a around) Collapsed(batch int) parallax.Collapsed {
	return a.Method.(parallax.Collapser).Collapsed(batch)
}
