// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/cpu"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// job is a run that is fully described but not begun.
type job struct {
	config   *run.Layered
	method   parallax.Method
	backbone parallax.Backbone
	source   *dataset.Source
	chosen   string // why this preset, when none was named
}

// request is what the user asked for: settings from the command line over a config file.
type request struct {
	file     string // config file, "" for none
	text     []byte // its content
	preset   string // "" to choose by the images
	settings []setting
	stage    bool // of several: the method may be one that cannot be begun on its own
}

// value is what the request says of one path, the command line before the file; nil when it says nothing.
func (r *request) value(path string) (*setting, error) {
	for _, s := range slices.Backward(r.settings) {
		if s.path == path {
			return &s, nil
		}
	}
	values, err := run.Values(r.text, r.file)
	for _, v := range values {
		if v.Path == path {
			return &setting{path, v.Text, r.file}, err
		}
	}
	return nil, err
}

// resolve gives every value of the configuration, each from the last of these layers that says something: defaults, the
// method's paper, a preset, a config file, the command line; and what follows from data and machine.
func resolve(ctx context.Context, r *request) (*job, error) {
	named, err := r.value("method.name")
	if err != nil {
		return nil, usage(err)
	}
	if named == nil {
		return nil, usage(errors.New("no method given: add --method NAME (parallax methods lists them)"))
	}
	name := named.value
	entry, err := method.Find(name)
	if err != nil {
		return nil, usage(err)
	}
	j := &job{method: entry.New()}
	if s, ok := j.method.(parallax.Stager); ok && !r.stage {
		return nil, usage(fmt.Errorf("%s comes in stages, after a pretext task: parallax %s --data PATH --classes K runs them all", name, s.Command()))
	}
	c := run.Default()
	c.Method = run.MethodConfig{Name: name, Fields: j.method}
	if j.config, err = run.New(&c); err != nil {
		return nil, err
	}
	if err := j.openData(r); err != nil {
		return nil, err
	}
	if err := j.layer(r); err != nil {
		return nil, usage(err)
	}
	if err := j.detect(ctx); err != nil {
		return nil, err
	}
	return j, usage(j.complete())
}

// openData opens the images and settles the size of a view, on which recipes and presets depend.
func (j *job) openData(r *request) error {
	c := j.config
	for _, path := range []string{"data.path", "data.labels", "data.split", "data.size", "seed"} {
		s, err := r.value(path)
		if err != nil {
			return usage(err)
		}
		if s == nil {
			continue
		}
		if err := c.Set(path, s.value, s.source); err != nil {
			return usage(err)
		}
	}
	if c.Data.Path == "" {
		return usage(errors.New("no data given: add --data PATH (a folder, an archive, or the word synthetic)"))
	}
	labels := c.Data.Labels
	if c.Sources["data.labels"] == "default" {
		labels = "" // whatever the data shows
	}
	var err error
	j.source, err = dataset.Open(c.Data.Path, dataset.Options{Split: c.Data.Split, Labels: labels, Size: c.Data.Size})
	if err != nil {
		return err
	}
	if c.Data.Size == 0 {
		if c.Data.Size, err = viewSize(j.source); err != nil {
			return err
		}
		return c.Mark("data.size", "detected")
	}
	return nil
}

// layer lays paper, preset, file and command line over the defaults.
func (j *job) layer(r *request) error {
	c := j.config
	name, auto := r.preset, ""
	if name == "" {
		var why string
		name, why = preset.For(c.Data.Size, j.source.Len())
		auto = " (chosen for " + why + ")"
		j.chosen = "preset " + name + auto
	}
	settings, err := preset.Settings(name, c.Method.Name)
	if err != nil {
		return err
	}
	values, err := run.Values(r.text, r.file)
	if err != nil {
		return err
	}
	var given []setting
	for _, s := range settings {
		given = append(given, setting{s.Path, s.Value, name})
	}
	for _, v := range values {
		given = append(given, setting{v.Path, v.Text, r.file})
	}
	if err := views(c, j.method, append(given, r.settings...)); err != nil {
		return err
	}
	if err := errors.Join(c.Mark("augment", "paper"), c.Mark("method", "paper"), c.Mark("method.name", "--method")); err != nil {
		return err
	}
	for _, s := range settings {
		if err := c.Set(s.Path, s.Value, "preset "+name+auto); err != nil {
			return err
		}
	}
	if r.file != "" {
		if err := c.Merge(r.text, r.file); err != nil {
			return err
		}
	}
	for _, s := range r.settings {
		if err := c.Set(s.path, s.value, s.source); err != nil {
			return err
		}
	}
	return nil
}

// views gives the configuration the method's recipes. How many they are may depend on the method's settings, so these are
// made first; what is wrong with one is found when it is made once more.
func views(c *run.Layered, m parallax.Method, given []setting) error {
	for _, s := range given {
		if strings.HasPrefix(s.path, "method.") && s.path != "method.name" {
			_ = c.Set(s.path, s.value, s.source)
		}
	}
	if v, ok := m.(parallax.Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	c.Augment = m.Views(c.Data.Size)
	return nil
}

// detect fills in what data and machine say and nobody set.
func (j *job) detect(ctx context.Context) error {
	c := j.config
	j.facts()
	if err := c.Mark("data.images", "detected"); err != nil {
		return err
	}
	if unset := c.Data.Std == [3]float64{}; unset {
		n, known := dataset.KnownStats(string(j.source.Kind))
		source := "known for " + string(j.source.Kind)
		if !known {
			var err error
			if n, err = dataset.ChannelStats(ctx, j.source, 2000); err != nil {
				return err
			}
			source = fmt.Sprintf("measured on %d images", min(2000, j.source.Len()))
		}
		for i := range 3 {
			c.Data.Mean[i], c.Data.Std[i] = round(n.Mean[i]), round(n.Std[i])
		}
		if err := errors.Join(c.Mark("data.mean", source), c.Mark("data.std", source)); err != nil {
			return err
		}
	}
	network, err := backbone.Find(c.Backbone.Name)
	if err != nil {
		return usage(err)
	}
	if c.Backbone.Stem == "" {
		c.Backbone.Stem, c.Sources["backbone.stem"] = string(network.Stem(c.Data.Size)), "by network and image size"
	}
	if c.Backbone.Norm == "" {
		c.Backbone.Norm, c.Sources["backbone.norm"] = network.Norm.String(), "by network"
	}
	if c.Data.Labels == "none" && c.Sources["data.labels"] == "default" && len(j.source.Classes) > 0 {
		c.Data.Labels, c.Sources["data.labels"] = "", "detected: the data has labels"
	}
	if c.Data.Split == "" && j.source.Split != "" {
		c.Data.Split, c.Sources["data.split"] = j.source.Split, "detected"
	}
	if c.Train.Threads == 0 {
		c.Train.Threads, c.Sources["train.threads"] = threads(), "detected"
	}
	if c.Train.Workers == 0 {
		c.Train.Workers, c.Sources["train.workers"] = runtime.NumCPU(), "detected"
	}
	if c.Sources["train.precision"] == "default" {
		c.Train.Precision, c.Sources["train.precision"] = fastPrecision(c.Train.Device), "detected"
	}
	return nil
}

// threads is one per core, or what OMP_NUM_THREADS says, as for any program that computes with OpenMP.
func threads() int {
	if n, err := strconv.Atoi(os.Getenv("OMP_NUM_THREADS")); err == nil && n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// facts sets what is a fact of data and machine, whatever anybody says.
func (j *job) facts() {
	c := j.config
	c.Data.Images, c.Data.Fingerprint, c.Data.Decoder = j.source.Len(), j.source.Fingerprint, dataset.Decoder()
	for _, path := range []string{"data.fingerprint", "data.decoder", "data.images"} {
		c.Sources[path] = "detected"
	}
}

// complete settles what follows from other values and checks the whole.
func (j *job) complete() error {
	c := j.config
	if c.Train.Batch < 2 {
		return fmt.Errorf("the batch is %d: a method compares images with one another, so use --batch 2 or more", c.Train.Batch)
	}
	unasked := c.Sources["train.batch"] == "default" || strings.HasPrefix(c.Sources["train.batch"], "preset ")
	if n := j.source.Len(); c.Train.Batch > n && unasked {
		c.Train.Batch, c.Sources["train.batch"] = n, "as many as there are images"
	}
	if c.Train.Batch > j.source.Len() {
		return fmt.Errorf("the batch of %d images is larger than the data set, which has %d: use --batch %d or less", c.Train.Batch, j.source.Len(), j.source.Len())
	}
	if c.Train.Accumulate > 0 {
		perEpoch := j.source.Len() / c.Train.Batch
		steps := train.Steps(&c.Train, perEpoch)
		epoch := max(1, perEpoch/c.Train.Accumulate)
		if c.Sources["optim.warmup_steps"] == "default" {
			if c.Optim.WarmupSteps = min(10*epoch, steps/10); c.Optim.WarmupSteps == 1 {
				c.Optim.WarmupSteps = 0 // one step of warm-up would be a step at warmup_start and nothing else
			}
			c.Sources["optim.warmup_steps"] = "the smaller of 10 epochs and a tenth of the run"
		}
		for path, every := range map[string]*int{"train.eval_every": &c.Train.EvalEvery, "train.save_every": &c.Train.SaveEvery} {
			if *every == 0 {
				*every, c.Sources[path] = epoch, "one epoch"
			}
		}
	}
	c.ScaleRate()
	if c.Sources["optim.final_weight_decay"] == "default" {
		c.Optim.FinalWeightDecay, c.Sources["optim.final_weight_decay"] = c.Optim.WeightDecay, "as optim.weight_decay"
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if v, ok := j.method.(parallax.Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	if m, ok := j.method.(parallax.Supervised); ok && len(j.source.Classes) == 0 {
		return fmt.Errorf("%s %s and the images have no labels: give --labels FILE.csv of path,label, or a folder for each class", c.Method.Name, m.Supervised())
	}
	if got, want := len(c.Augment), len(j.method.Views(c.Data.Size)); got != want {
		return fmt.Errorf("augment has recipes for %d views and %s takes %d: list one recipe per view", got, c.Method.Name, want)
	}
	var err error
	j.backbone, err = network(c.Config)
	return err
}

// network is the backbone that a config describes.
func network(c *run.Config) (parallax.Backbone, error) {
	b := c.Backbone
	s := backbone.Spec{Name: b.Name, Width: b.Width, Stem: backbone.Stem(b.Stem), ZeroInit: b.ZeroInit, Size: c.Data.Size}
	if err := s.Norm.UnmarshalText([]byte(b.Norm)); err != nil {
		return nil, fmt.Errorf("backbone.norm: %w", err)
	}
	return s.New()
}

// identify notes which engine computes. It is apart because it needs the engine.
func (j *job) identify() error {
	return torch.Scope(func() error {
		facts := torch.Describe()
		c := j.config
		c.Engine = run.Engine{Version: facts["libtorch"], CPU: facts["cpu capability"]}
		return c.Mark("engine", "detected")
	})
}

// loader reads the training images.
func (j *job) loader() *dataset.Loader {
	c := j.config
	return &dataset.Loader{
		Data: j.source, Recipes: c.Augment, Normalize: normalization(&c.Data),
		Batch: c.Train.Batch, Workers: c.Train.Workers, Seed: c.Seed,
	}
}

func normalization(d *run.Data) augment.Normalize {
	var n augment.Normalize
	for i := range 3 {
		n.Mean[i], n.Std[i] = float32(d.Mean[i]), float32(d.Std[i])
	}
	return n
}

// viewSize is the side that suits the images: their own where they are small, at most 224. It looks at some of them.
func viewSize(s *dataset.Source) (int, error) {
	r := rand.New(rand.NewPCG(1, uint64(s.Len())))
	var sides []int
	for range min(s.Len(), 50) {
		img, err := s.Image(r.IntN(s.Len()))
		if err == nil {
			sides = append(sides, min(img.W, img.H))
		}
	}
	if len(sides) == 0 {
		return 0, fmt.Errorf("none of the images tried in %s could be read: name another folder, or give --size and see what is quarantined", s.Kind)
	}
	slices.Sort(sides)
	side := sides[len(sides)/2]
	switch {
	case side >= 224:
		return 224, nil
	case side > 64:
		return side / 32 * 32, nil
	}
	return side, nil
}

// fastPrecision is bf16 where the processor multiplies bfloat16 in hardware, or the device is a GPU.
func fastPrecision(device string) string {
	if device != "cpu" || cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16 {
		return run.BF16
	}
	return run.Float32
}

// round keeps four digits: statistics of a sample are not known better, and the config file reads better.
func round(v float32) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'f', 4, 64), 64)
	return r
}

func readConfigFile(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage(fmt.Errorf("reading the config: %w", err))
	}
	return text, nil
}
