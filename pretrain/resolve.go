// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// Job is a run that is fully described but not begun. Close it after use.
type Job struct {
	Config   *config.Layered
	Method   parallax.Method
	Backbone parallax.Backbone
	Source   *dataset.Source // the training images
	Chosen   string          // the preset and why it was chosen; "" if the request named one

	entry    method.Entry
	budget   *dataset.Budget
	replaced []string  // operations on colours that channels replace
	content  string    // digest of what the images of a resumed run contain
	deadline *deadline // of a run that must end in time; nil for none
	together *dist.Processes
}

// Close closes the images.
func (j *Job) Close() error { return j.Source.Close() }

// Deadline returns the time by which a run of Request.Minutes must end. It is zero for any other run, and for a run
// that is resumed.
func (j *Job) Deadline() time.Time {
	if j.deadline == nil {
		return time.Time{}
	}
	return j.deadline.limit
}

// Steps returns the optimiser steps of the whole run.
func (j *Job) Steps() int {
	c := j.Config
	return train.Steps(&c.Train, c.Data.Images/c.Train.Batch)
}

// Request is what the user asks for: a config file, and settings that override it. Other values follow from the
// method's paper, a preset, the images and the machine.
type Request struct {
	File     string         // name of the config file, for messages and sources; "" for none
	Text     []byte         // content of the config file
	Preset   string         // "": chosen by the images
	Settings []Setting      // override the file; a later setting overrides an earlier one
	Stage    bool           // the run is one stage of several: the method may be a parallax.Stager
	Methods  []method.Entry // objectives of a program's own; they take precedence over built-in ones
	// Minutes chooses what neither the file nor the settings give for a run that ends within so many minutes of its
	// beginning, the evaluations and the export included; see [Run]. 0 is no limit.
	Minutes float64

	recipe []Setting // over the preset, under the file
}

// Setting is one value of the configuration. Path is for example "optim.base_rate". Value is written as in the file.
// Source says where the value comes from, for example "flag --batch", in messages and in config.yaml.
type Setting struct{ Path, Value, Source string }

// Set returns a setting made by a program. value is a number, a bool, text, or a list as in the file: "[0.2, 1]".
func Set(path string, value any) Setting { return Setting{path, fmt.Sprint(value), "program"} }

// Value returns the request's value of a path, from the settings or else from the file; nil if there is none.
func (r *Request) Value(path string) (*Setting, error) {
	for _, s := range slices.Backward(r.Settings) {
		if s.Path == path {
			return &s, nil
		}
	}
	values, err := config.Values(r.Text, r.File)
	for _, v := range values {
		if v.Path == path {
			return &Setting{path, v.Text, r.File}, err
		}
	}
	return nil, err
}

// Resolve determines every value of the configuration. A value comes from the last of these layers that gives it:
// defaults, the method's paper, a preset, the config file, the settings. Values that no layer gives follow from data
// and machine.
func Resolve(ctx context.Context, r *Request) (*Job, error) { return resolve(ctx, r, nil) }

// resolve is Resolve for a run that processes share.
func resolve(ctx context.Context, r *Request, together *dist.Processes) (*Job, error) {
	named, err := r.Value("method.name")
	if err != nil {
		return nil, run.Invalid(err)
	}
	if named == nil {
		return nil, run.Invalid(errors.New("no method given: add --method NAME (parallax methods lists them), or " +
			"--minutes N to leave the choice to Parallax"))
	}
	name := named.Value
	entry, err := method.Find(name, r.Methods...)
	if err != nil {
		return nil, run.Invalid(err)
	}
	j := &Job{Method: entry.New(), entry: entry, together: together}
	if s, ok := parallax.As[parallax.Stager](j.Method); ok && !r.Stage {
		return nil, run.Invalid(fmt.Errorf("%s is one stage of several: run them all with  "+
			"parallax %s --data PATH --classes K", name, s.Command()))
	}
	c := config.Default()
	c.Method = config.MethodConfig{Name: name, Fields: j.Method}
	if j.Config, err = config.New(&c); err != nil {
		return nil, err
	}
	if err := j.openData(r); err != nil {
		return nil, err
	}
	if err := j.layer(r); err != nil {
		return nil, run.Invalid(err)
	}
	if err := j.detect(ctx); err != nil {
		return nil, err
	}
	return j, run.Invalid(j.complete())
}

// openData opens the images and determines the size of a view, on which recipes and presets depend.
func (j *Job) openData(r *Request) error {
	c := j.Config
	for _, path := range []string{"data.path", "data.labels", "data.split", "data.channels", "data.size", "data.cache",
		"seed",
		"train.memory"} {
		s, err := r.Value(path)
		if err != nil {
			return run.Invalid(err)
		}
		if s == nil {
			continue
		}
		if err := c.Set(path, s.Value, s.Source); err != nil {
			return run.Invalid(err)
		}
	}
	if c.Data.Path == "" {
		return run.Invalid(errors.New("no data given: add --data PATH (a folder, an archive, or the word synthetic)"))
	}
	labels := c.Data.Labels
	if c.Sources["data.labels"] == "default" {
		labels = "" // take labels if the data has any
	}
	var err error
	j.budget = budget(c.Config)
	j.Source, err = dataset.Open(c.Data.Path, dataset.Options{Split: c.Data.Split, Labels: labels, Size: c.Data.Size,
		Channels: c.Data.Channels, Budget: j.budget, CacheBytes: c.Data.CacheBytes()})
	if err != nil {
		return err
	}
	if c.Data.Size == 0 {
		if c.Data.Size, err = j.Source.ViewSize(); err != nil {
			return err
		}
		return c.Mark("data.size", "detected")
	}
	return nil
}

// layer lays the paper, the preset, the file and the settings over the defaults.
func (j *Job) layer(r *Request) error {
	c := j.Config
	name, auto := r.Preset, ""
	if name == "" {
		var why string
		name, why = preset.For(c.Data.Size, j.Source.Len())
		auto = " (chosen for " + why + ")"
		j.Chosen = "preset " + name + auto
	}
	settings, err := preset.Settings(name, c.Method.Name)
	if err != nil {
		return err
	}
	values, err := config.Values(r.Text, r.File)
	if err != nil {
		return err
	}
	var given []Setting
	for _, s := range settings {
		given = append(given, Setting{s.Path, s.Value, name})
	}
	given = append(given, r.recipe...)
	for _, v := range values {
		given = append(given, Setting{v.Path, v.Text, r.File})
	}
	if err := views(c, j.Method, append(given, r.Settings...)); err != nil {
		return err
	}
	err = errors.Join(c.Mark("augment", "paper"), c.Mark("method", "paper"), c.Mark("method.name", "--method"))
	if err != nil {
		return err
	}
	for _, s := range settings {
		if err := c.Set(s.Path, s.Value, "preset "+name+auto); err != nil {
			return err
		}
	}
	for _, s := range r.recipe {
		if err := c.Set(s.Path, s.Value, s.Source); err != nil {
			return err
		}
	}
	if c.Data.Kept() {
		if err := j.perChannel(); err != nil {
			return err
		}
	}
	if r.File != "" {
		if err := c.Merge(r.Text, r.File); err != nil {
			return err
		}
	}
	for _, s := range r.Settings {
		if err := c.Set(s.Path, s.Value, s.Source); err != nil {
			return err
		}
	}
	return nil
}

// perChannel replaces the operations on colours by those on channels, with the sources of what they replace.
func (j *Job) perChannel() error {
	c := j.Config
	for i, r := range c.Augment {
		var changes []string
		c.Augment[i], changes = augment.PerChannel(r)
		for _, change := range changes {
			if !slices.Contains(j.replaced, change) {
				j.replaced = append(j.replaced, change)
			}
		}
	}
	maps.DeleteFunc(c.Sources, func(path, _ string) bool { return strings.HasPrefix(path, "augment.") })
	return c.Mark("augment", "paper and preset, per channel")
}

// views puts the method's recipes into the configuration. Their number may depend on the method's settings, so views
// applies these first and ignores their errors: layer applies the settings again and reports the errors.
func views(c *config.Layered, m parallax.Method, given []Setting) error {
	for _, s := range given {
		if strings.HasPrefix(s.Path, "method.") && s.Path != "method.name" {
			_ = c.Set(s.Path, s.Value, s.Source)
		}
	}
	if v, ok := parallax.As[parallax.Validator](m); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	c.Augment = m.Views(c.Data.Size)
	return nil
}

// detect fills in the values that follow from data and machine, where no layer gave them.
func (j *Job) detect(ctx context.Context) error {
	c := j.Config
	j.facts()
	j.Config.Data.Decoder, j.Config.Sources["data.decoder"] = dataset.DecoderTurbo, "detected"
	if err := c.Mark("data.images", "detected"); err != nil {
		return err
	}
	if c.Data.Kept() {
		if err := j.measure(ctx); err != nil {
			return err
		}
	} else if len(c.Data.Std) == 0 {
		n, known := dataset.KnownStats(string(j.Source.Kind))
		source := "known for " + string(j.Source.Kind)
		if !known {
			var err error
			if n, err = dataset.ChannelStats(ctx, j.Source, 2000); err != nil {
				return err
			}
			source = fmt.Sprintf("measured on %d images", min(2000, j.Source.Len()))
		}
		c.Data.Mean, c.Data.Std = rounded(n.Mean), rounded(n.Std)
		if err := errors.Join(c.Mark("data.mean", source), c.Mark("data.std", source)); err != nil {
			return err
		}
	}
	network, err := backbone.Find(c.Backbone.Name)
	if err != nil {
		return run.Invalid(err)
	}
	if c.Backbone.Stem == "" {
		c.Backbone.Stem, c.Sources["backbone.stem"] = string(network.Stem(c.Data.Size)), "by network and image size"
	}
	if c.Backbone.Norm == "" {
		c.Backbone.Norm, c.Sources["backbone.norm"] = network.Norm.String(), "by network"
	}
	if c.Data.Labels == "none" && c.Sources["data.labels"] == "default" && len(j.Source.Classes) > 0 {
		c.Data.Labels, c.Sources["data.labels"] = "", "detected: the data has labels"
	}
	if c.Data.Split == "" && j.Source.Split != "" {
		c.Data.Split, c.Sources["data.split"] = j.Source.Split, "detected"
	}
	if c.Data.Shuffle == "" {
		c.Data.Shuffle, c.Sources["data.shuffle"] = config.AllImages, "detected"
		if j.Source.Remote() {
			c.Data.Shuffle, c.Sources["data.shuffle"] = config.ByShards, "the data is in a bucket"
		}
	}
	j.share(false, false)
	if c.Train.Threads == 0 {
		c.Train.Threads, c.Sources["train.threads"] = j.threads()
	}
	if c.Train.Scheme == config.Auto {
		c.Train.Scheme, c.Sources["train.scheme"] = scheme(c, j.Method), "by method, views and threads"
		if j.together.Processes() > 1 {
			c.Train.Scheme, c.Sources["train.scheme"] = config.Operations, "processes share the batch"
		}
	}
	if c.Train.Workers == 0 {
		c.Train.Workers, c.Sources["train.workers"] = machine.Workers(), "detected"
	}
	if c.Sources["train.precision"] == "default" {
		c.Train.Precision, c.Sources["train.precision"] = precision(c.Config)
	}
	return nil
}

// scheme is what the threads share in the steps of a run: see config.Train.Scheme.
func scheme(c *config.Layered, m parallax.Method) string {
	joiner, ok := parallax.As[parallax.Joiner](m)
	joins := ok && joiner.Joins()
	tuned := c.Backbone.Norm == nn.FirstStatistics.String() // the first view changes the weights
	if joins || tuned || c.Train.Device != "cpu" || c.Train.Threads > len(c.Augment) {
		return config.Operations
	}
	return config.Views
}

// measured is the number of images on which statistics are measured.
const measured = 2000

// measure finds the channels, the samples and the statistics of images that keep them, where no layer gave them, and
// lets the source refuse other images.
func (j *Job) measure(ctx context.Context) error {
	d := &j.Config.Data
	if len(d.Mean) == 0 || len(d.Std) == 0 || len(d.Low) == 0 || len(d.High) == 0 || d.Samples == "" {
		f, n, err := dataset.DeepStats(ctx, j.Source, measured)
		if err != nil {
			return err
		}
		source := fmt.Sprintf("measured on %d images", min(measured, j.Source.Len()))
		for path, v := range map[string]struct {
			to   *[]float64
			from []float32
		}{
			"data.mean": {&d.Mean, n.Mean}, "data.std": {&d.Std, n.Std}, "data.low": {&d.Low, n.Low},
			"data.high": {&d.High, n.High},
		} {
			if len(*v.to) == 0 {
				*v.to, j.Config.Sources[path] = significant(v.from), source
			}
		}
		if d.Samples == "" {
			d.Samples, j.Config.Sources["data.samples"] = f.Samples, source
		}
	}
	j.Source.Require(d.Format())
	return nil
}

// facts sets the facts of the data, which override any setting.
func (j *Job) facts() {
	c := j.Config
	c.Data.Images, c.Data.Fingerprint = j.Source.Len(), j.Source.Fingerprint
	for _, path := range []string{"data.fingerprint", "data.images"} {
		c.Sources[path] = "detected"
	}
}

// complete sets the values that follow from other values, and checks the whole configuration.
func (j *Job) complete() error {
	c := j.Config
	if c.Train.Batch < 2 {
		return fmt.Errorf("the batch is %d: a method compares images with one another, so use --batch 2 or more",
			c.Train.Batch)
	}
	unasked := c.Sources["train.batch"] == "default" || strings.HasPrefix(c.Sources["train.batch"], "preset ") ||
		strings.HasPrefix(c.Sources["train.batch"], "--minutes ")
	if n := j.Source.Len(); c.Train.Batch > n && unasked {
		c.Train.Batch, c.Sources["train.batch"] = n, "as many as there are images"
	}
	if c.Train.Batch > j.Source.Len() {
		return fmt.Errorf("the batch of %d images is larger than the data set, which has %d: use --batch %d or less",
			c.Train.Batch, j.Source.Len(), j.Source.Len())
	}
	if c.Train.Accumulate > 0 {
		perEpoch := j.Source.Len() / c.Train.Batch
		steps := train.Steps(&c.Train, perEpoch)
		epoch := max(1, perEpoch/c.Train.Accumulate)
		if c.Sources["optim.warmup_steps"] == "default" {
			if c.Optim.WarmupSteps = min(10*epoch, steps/10); c.Optim.WarmupSteps == 1 {
				c.Optim.WarmupSteps = 0 // a warm-up of one step would only be a step at warmup_start
			}
			c.Sources["optim.warmup_steps"] = "the smaller of 10 epochs and a tenth of the run"
		}
		for path, every := range map[string]*int{
			"train.eval_every": &c.Train.EvalEvery, "train.save_every": &c.Train.SaveEvery,
		} {
			if *every == 0 {
				*every, c.Sources[path] = epoch, "one epoch"
			}
		}
	}
	if s := &c.Stages; c.Sources["stages.ends"] == "default" && s.Number() > 1 && c.Train.Accumulate > 0 {
		s.Ends = s.EndsOf(train.Steps(&c.Train, j.Source.Len()/c.Train.Batch))
		c.Sources["stages.ends"] = "all stages are as long"
	}
	c.ScaleRate()
	if c.Sources["optim.final_weight_decay"] == "default" {
		c.Optim.FinalWeightDecay, c.Sources["optim.final_weight_decay"] = c.Optim.WeightDecay, "as optim.weight_decay"
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if v, ok := parallax.As[parallax.Validator](j.Method); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	if m, ok := parallax.As[parallax.Supervised](j.Method); ok && len(j.Source.Classes) == 0 {
		return fmt.Errorf("%s %s and the images have no labels: give --labels FILE.csv of path,label, "+
			"or a folder for each class", c.Method.Name, m.Supervised())
	}
	if got, want := len(c.Augment), len(j.Method.Views(c.Data.Size)); got != want {
		return fmt.Errorf("augment has recipes for %d views and %s takes %d: list one recipe per view",
			got, c.Method.Name, want)
	}
	var err error
	if j.Method, err = variant.Wrap(j.Method, c.Config); err != nil {
		return err
	}
	if j.Method, err = probe.WithLeak(j.Method, c.Config); err != nil {
		return err
	}
	j.Backbone, err = Network(c.Config)
	return err
}

// Network returns the backbone that a config describes.
func Network(c *config.Config) (parallax.Backbone, error) {
	b := c.Backbone
	s := backbone.Spec{
		Name: b.Name, Width: b.Width, Stem: backbone.Stem(b.Stem), ZeroInit: b.ZeroInit, Size: c.Data.Size,
		Channels: len(c.Data.Std),
	}
	if err := s.Norm.UnmarshalText([]byte(b.Norm)); err != nil {
		return nil, fmt.Errorf("backbone.norm: %w", err)
	}
	return s.New()
}

// Networks builds the networks of the run in dir in params, with the weights of its newest checkpoint, and returns the
// encoder. It runs in a torch.Scope.
func Networks(dir string, params *nn.Params) (e parallax.Encoder, err error) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return e, err
	}
	m, c, err := variant.Load(text)
	if err != nil {
		return e, err
	}
	body, err := Network(c)
	if err != nil {
		return e, err
	}
	saved, err := checkpoint.Newest(dir, c.Method.Name)
	if err != nil {
		return e, err
	}
	e = m.Build(&parallax.Build{
		Params: params, Backbone: body, Size: c.Data.Size, Batch: c.Train.Batch, Images: c.Data.Images,
		Steps: train.Steps(&c.Train, c.Data.Images/c.Train.Batch),
	})
	if err := params.Load(saved.Networks); err != nil {
		return e, fmt.Errorf("the weights of the run in %s do not fit the network: %w", dir, err)
	}
	return e, nil
}

// identify sets the engine that computes. It is separate from detect because it loads the engine.
func (j *Job) identify() error {
	return torch.Scope(func() error {
		facts := torch.Describe()
		c := j.Config
		c.Engine = config.Engine{Version: facts["libtorch"], CPU: facts["cpu capability"]}
		return c.Mark("engine", "detected")
	})
}

// loader returns the loader of the training images.
func (j *Job) loader() *dataset.Loader {
	c := j.Config
	return &dataset.Loader{
		Data: j.Source, Recipes: c.Augment, Normalize: c.Data.Normalize(),
		Batch: c.Train.Batch, Workers: c.Train.Workers, Seed: c.Seed,
		Order: func(epoch int) []int {
			return dataset.OrderOf(j.Source, c.Data.Shuffle == config.ByShards, c.Train.Batch, c.Seed, epoch)
		},
	}
}

// significant keeps six digits.
func significant(v []float32) []float64 {
	r := make([]float64, len(v))
	for i := range v {
		r[i], _ = strconv.ParseFloat(strconv.FormatFloat(float64(v[i]), 'g', 6, 64), 64)
	}
	return r
}

// rounded keeps four decimals: a sample's statistics are not more accurate, and the config file is easier to read.
func rounded(v []float32) []float64 {
	r := make([]float64, len(v))
	for i := range v {
		r[i], _ = strconv.ParseFloat(strconv.FormatFloat(float64(v[i]), 'f', 4, 64), 64)
	}
	return r
}
