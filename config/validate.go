// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

var patchStem = regexp.MustCompile(`^patch[1-9][0-9]?$`)

// Validate checks what holds for every method: the bounds of every number (bounds.go), narrower ranges, and words. The
// error has one line per value. Validate does not check that the method and the backbone exist, that the data has
// enough images, or that the recipes fit the method.
func (c *Config) Validate() error {
	errs := []error{c.outOfBounds()}
	hold := func(ok bool, path string, have any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s is %v, want %s", path, have, want))
		}
	}
	oneOf := func(path, have string, want ...string) {
		if !slices.Contains(want, have) {
			errs = append(errs, fmt.Errorf("%s is %q: did you mean %s? the choices are: %s",
				path, have, spelling.Nearest(have, want), strings.Join(want, ", ")))
		}
	}
	hold(c.Method.Name != "", "method.name", `""`, "a method: choose with --method NAME")
	c.Variant.validate(hold, oneOf)
	hold(c.Data.Path != "", "data.path", `""`, "a folder or file of images: --data PATH")
	hold(c.Data.Size >= 8, "data.size", c.Data.Size, "8 to 4096 pixels")
	hold(c.Data.MaxUnreadable >= 0 && c.Data.MaxUnreadable <= 1, "data.max_unreadable", c.Data.MaxUnreadable, "0 to 1")
	oneOf("data.hash", c.Data.Hash, "sample", "all")
	oneOf("data.shuffle", c.Data.Shuffle, "", AllImages, ByShards)
	if c.Data.Cache != "" {
		n, err := humanize.ParseBytes(c.Data.Cache)
		hold(err == nil && n >= 1<<20, "data.cache", strconv.Quote(c.Data.Cache),
			"a size of 1MiB or more, such as 200GiB")
	}
	c.Data.validate(hold, oneOf)
	if c.Backbone.Stem != "" && !patchStem.MatchString(c.Backbone.Stem) {
		oneOf("backbone.stem", c.Backbone.Stem, "imagenet", "small", "strided", "padded", "patch16")
	}
	if c.Backbone.Norm != "" {
		oneOf("backbone.norm", c.Backbone.Norm, "batch", "group", "layer", "none", "tuned")
	}
	for i, r := range c.Augment {
		for _, op := range r {
			if v, ok := op.(augment.Validator); ok {
				if err := v.Validate(); err != nil {
					errs = append(errs, fmt.Errorf("augment.%d.%s.%w", i, op.Name(), err))
				}
			}
			if err := c.Data.suits(op); err != nil {
				errs = append(errs, fmt.Errorf("augment.%d.%s.%w", i, op.Name(), err))
			}
		}
	}

	c.Stages.validate(hold, c.Data.Size)

	o := c.Optim
	oneOf("optim.name", o.Name, "sgd", "adam", "adamw", "lars")
	for _, v := range []struct {
		path string
		have float64
	}{
		{"base_rate", o.BaseRate}, {"rate", o.Rate},
		{"weight_decay", o.WeightDecay}, {"final_weight_decay", o.FinalWeightDecay}, {"eps", o.Eps}, {"eta", o.Eta},
		{"clip_grad", o.ClipGrad}, {"warmup_start", o.WarmupStart}, {"final_rate", o.FinalRate},
	} {
		hold(v.have >= 0, "optim."+v.path, v.have, "0 or more")
	}
	hold(o.Momentum >= 0 && o.Momentum < 1, "optim.momentum", o.Momentum, "0 to below 1")
	hold(o.Beta1 >= 0 && o.Beta1 < 1, "optim.beta1", o.Beta1, "0 to below 1")
	hold(o.Beta2 >= 0 && o.Beta2 < 1, "optim.beta2", o.Beta2, "0 to below 1")
	hold(o.Average >= 0 && o.Average < 1, "optim.average", o.Average, "0 to below 1")
	hold(!o.Nesterov || o.Momentum > 0, "optim.nesterov", o.Nesterov, "false, or optim.momentum above 0")

	t := c.Train
	if t.Epochs == 0 && t.MaxSteps == 0 {
		errs = append(errs, errors.New("train.epochs and train.max_steps are both 0, want a length: "+
			"--epochs N or --max-steps N"))
	}
	hold(t.Processes >= 1, "train.processes", t.Processes, "1 or more")
	hold(t.NormProcesses() > 0, "train.batch_norm", strconv.Quote(t.BatchNorm),
		fmt.Sprintf("all, own, or a number that divides the %d processes", t.Processes))
	hold(t.MomentumBatch >= 0, "train.momentum_batch", t.MomentumBatch, "0 or more")
	if t.Processes > 1 {
		near := max(1, (t.Batch+t.Processes/2)/t.Processes) * t.Processes
		hold(t.Batch%t.Processes == 0 && t.Batch >= 2*t.Processes, "train.batch", t.Batch, fmt.Sprintf(
			"a multiple of the %d processes, at least twice as many, such as %d", t.Processes,
			max(near, 2*t.Processes)))
		hold(t.Scheme != Views, "train.scheme", t.Scheme, "operations, since processes share the batch")
	}
	oneOf("train.precision", t.Precision, BF16, Float32)
	oneOf("train.scheme", t.Scheme, Auto, Views, Operations, Reference)
	hold(t.CacheChunk != 1, "train.cache_chunk", t.CacheChunk, "0, or 2 or more: batch norm needs two images")
	if c.Backbone.Norm == "tuned" { // the first images that pass through change the weights
		hold(t.Scheme != Views, "train.scheme", t.Scheme, "operations or reference with backbone.norm tuned")
		hold(t.CacheChunk == 0, "train.cache_chunk", t.CacheChunk, "0 with backbone.norm tuned")
	}
	hold(t.CacheChunk == 0 || t.Scheme != Reference, "train.cache_chunk", t.CacheChunk, "0 with train.scheme reference")
	hold(t.Device != "", "train.device", `""`, "cpu or cuda")
	if t.Memory != "" {
		n, err := humanize.ParseBytes(t.Memory)
		hold(err == nil && n >= 64<<20 && n <= 1<<50, "train.memory", strconv.Quote(t.Memory),
			"a size of 64MiB or more, such as 4GiB or 800MB")
	}
	oneOf("train.on_collapse", t.OnCollapse, Warn, Stop, Rewind, Off)

	oneOf("probe.queries", c.Probe.Queries, ByClass, EveryFifth)
	hold(c.Probe.Temperature > 0, "probe.temperature", c.Probe.Temperature, "above 0")
	return errors.Join(errs...)
}

// validate checks the channels and their statistics.
func (d *Data) validate(
	hold func(ok bool, path string, have any, want string), oneOf func(path, have string, want ...string),
) {
	oneOf("data.channels", d.Channels, RGB, Keep, Pages)
	if !d.Kept() {
		hold(len(d.Mean) == 3, "data.mean", d.Mean, "a list of 3")
		hold(len(d.Std) == 3, "data.std", d.Std, "a list of 3")
		hold(len(d.Low) == 0 && len(d.High) == 0, "data.low", d.Low, "none, as data.high, with data.channels rgb")
		for i, mean := range d.Mean {
			hold(mean >= 0 && mean <= 1, fmt.Sprintf("data.mean[%d]", i), mean, "0 to 1")
		}
		for i, std := range d.Std {
			hold(std > 0 && std <= 1, fmt.Sprintf("data.std[%d]", i), std, "above 0, at most 1")
		}
		return
	}
	n := len(d.Std)
	hold(n > 0, "data.std", d.Std, "a number for each channel")
	hold(len(d.Mean) == n, "data.mean", d.Mean, fmt.Sprintf("a list of %d, as data.std", n))
	hold(d.Samples != "", "data.samples", `""`, "the type of the samples, such as uint16")
	if len(d.Low) != n || len(d.High) != n {
		hold(false, "data.low", d.Low, fmt.Sprintf("a list of %d, as data.high and data.std", n))
		return
	}
	for i, std := range d.Std {
		hold(float32(std) > 0, fmt.Sprintf("data.std[%d]", i), std, "above 0")
		hold(float32(d.Low[i]) < float32(d.High[i]), fmt.Sprintf("data.low[%d]", i), d.Low[i], "less than data.high")
	}
}

// suits returns an error if an op is one of colours, and the channels are none.
func (d *Data) suits(op augment.Op) error {
	if !d.Kept() {
		return nil
	}
	switch o := op.(type) {
	case augment.ColorJitter:
		if o.P > 0 && o.Hue > 0 {
			return fmt.Errorf("hue is %v, and channels that are kept are no colours: use channel_jitter", o.Hue)
		}
	case augment.Equalize:
		if o.P > 0 {
			return fmt.Errorf("p is %v, and channels that are kept have no 256 levels: set it to 0", o.P)
		}
	}
	return nil
}

// validate checks the stages of views of size pixels.
func (s *Stages) validate(hold func(ok bool, path string, have any, want string), size int) {
	n := s.Number()
	for _, v := range []struct {
		path string
		have int
	}{{"sizes", len(s.Sizes)}, {"strength", len(s.Strength)}} {
		hold(v.have == 0 || v.have == n, "stages."+v.path, fmt.Sprintf("a list of %d", v.have),
			fmt.Sprintf("%d, one for each stage", n))
	}
	hold(len(s.Ends) == 0 || len(s.Ends) == n-1, "stages.ends", s.Ends,
		fmt.Sprintf("a list of %d: where each stage but the last ends", n-1))
	hold(slices.IsSorted(s.Ends), "stages.ends", s.Ends, "steps in ascending order")
	for _, side := range s.Sizes {
		hold(side <= size, "stages.sizes", s.Sizes, fmt.Sprintf("at most data.size, %d pixels", size))
	}
}

// validate checks the variants; what is empty asks for none.
func (v *Variant) validate(
	hold func(ok bool, path string, have any, want string), oneOf func(path, have string, want ...string),
) {
	if mode := v.Asymmetric.PredictorMode; mode != "" {
		oneOf("variant.asymmetric.predictor_mode", mode, "none", "trained", "fixed")
	}
	if form := v.PredictorForm; form != "" {
		oneOf("variant.predictor_form", form, "own", "linear", "symmetric", "symmetric_mlp", "direct", "bias")
	}
	hold(v.Variance >= 0, "variant.variance", v.Variance, "0 or more")
	hold(v.Covariance >= 0, "variant.covariance", v.Covariance, "0 or more")
	if d := v.Direct; d != (Direct{}) || v.PredictorForm == "direct" {
		hold(d.Rho >= 0 && d.Rho <= 1, "variant.direct.rho", d.Rho, "0 to 1")
		hold(d.Epsilon >= 0, "variant.direct.epsilon", d.Epsilon, "0 or more")
		hold(d.Constant < 1, "variant.direct.constant", d.Constant, "below 1")
		hold(d.Every >= 1, "variant.direct.every", d.Every, "1 or more steps")
	}
}
