// SPDX-License-Identifier: Apache-2.0

package config

import "github.com/parallax-ssl/parallax/augment"

// Config says everything a run depends on. In the file, each exported field is a key in snake_case (see [Key]).
// A Config is filled in layers, each over the one before: defaults, the method's paper, a preset, a config file, flags,
// what the machine and the data say. [Layered] keeps which layer each value came from.
type Config struct {
	Seed     uint64 // all randomness is a function of it, the step or epoch, and the image
	Method   MethodConfig
	Variant  Variant
	Data     Data
	Backbone Backbone
	Augment  []augment.Recipe // one recipe per view, in the method's order
	Optim    Optim
	Train    Train
	Probe    Probe
	Engine   Engine
}

// MethodConfig is the method's name and its hyperparameters: in the file one mapping, with the name first.
type MethodConfig struct {
	Name   string
	Fields any // pointer to the struct whose exported fields are the hyperparameters; nil: it has none
}

// Data says which images are read, and how.
type Data struct {
	Path        string     // as the user gave it, PATH or PATH:sub/folder; not made absolute
	Labels      string     // "none", "folders" or a CSV file
	Split       string     // the split pretraining reads, "" when the data has none
	Size        int        // pixels, width and height of a full-size view
	Mean, Std   [3]float64 // of R, G, B in 0 to 1, what a view is normalised by
	Images      int        // how many there are
	Fingerprint string     // of the data set's content and order: a resume refuses another one
	Decoder     string     // of JPEG: "turbojpeg" or "go"; they differ by some grey levels
}

// Normalize is what a view is normalised by.
func (d *Data) Normalize() augment.Normalize {
	var n augment.Normalize
	for i := range 3 {
		n.Mean[i], n.Std[i] = float32(d.Mean[i]), float32(d.Std[i])
	}
	return n
}

// Backbone is the network that is trained and exported.
type Backbone struct {
	Name     string // "resnet18", ...
	Width    int    // channels of the first stage, of a ViT those of an attention head: 64 in the papers
	Stem     string // "imagenet" (7x7, stride 2, max-pool), "small" (3x3, stride 1), "strided" (3x3, stride 2), of a ViT "patchN" (N pixels a side); "": by network and size
	Norm     string // "batch", "group" (with weight standardisation), "layer", "none" or "tuned" (none, started as batch norm would); "": the network's own
	ZeroInit bool   // the last norm of every block of a ResNet starts with weight 0, so that the block starts as the identity; of no effect on other networks
	Init     string // file whose weights it starts from, "" for random ones
}

// Optim is the optimiser and the learning-rate schedule: linear warm-up, then a half cosine, per step.
type Optim struct {
	Name               string  // "sgd", "adam", "adamw" or "lars"
	BaseRate           float64 // learning rate at batch 256
	Rate               float64 // the peak: base_rate x batch x accumulate / 256, see [Layered.ScaleRate]
	Momentum           float64 // sgd and lars, 0 to below 1
	Nesterov           bool    // sgd
	WeightDecay        float64
	FinalWeightDecay   float64 // weight decay at the last step, reached along half a cosine; unless it is given, weight_decay: constant
	ExcludeBiasAndNorm bool    // leave tensors of one dimension out of weight decay and LARS's trust scaling
	Beta1, Beta2, Eps  float64 // adam and adamw
	Eta                float64 // lars: the trust coefficient
	ClipRate           bool    // lars: never scale a rate up
	ClipGrad           float64 // largest global l2 norm of the gradient, 0 for no clipping
	WarmupSteps        int     // steps from warmup_start up to rate
	WarmupStart        float64 // rate at step 0 when there is a warm-up
	FinalRate          float64 // rate at the last step
}

// Train is the loop: how long, how large, on what, and what it does every so many optimiser steps.
type Train struct {
	Batch      int // images per forward pass
	Accumulate int // forward passes per optimiser step
	Epochs     int // the length in passes over the data, when max_steps is 0
	MaxSteps   int // the length in optimiser steps, 0 to go by epochs
	Precision  string
	Device     string // "cpu", "cuda", "cuda:1"
	Threads    int    // of libtorch: sums depend on it, so a resume refuses another number
	Workers    int    // of the loader: no pixel depends on it
	EvalEvery  int    // steps between evaluations, 0 for one per epoch
	EvalEarly  bool   // evaluate after 1, 2, 5, 10, 20, 50, 100, ... steps, too: an embedding can collapse within ten
	SaveEvery  int    // steps between checkpoints, 0 for one per epoch
	LogEvery   int    // steps between lines of metrics
	Keep       int    // last checkpoints kept, beside the best
	OnCollapse string // what the guard does when the run has collapsed: "warn", "stop", "rewind" (back to the last good checkpoint, at half the rate), or "off": nobody looks
}

// Probe says what the encoder is evaluated on during the run.
type Probe struct {
	Paths       []string // folders or archives; empty: the data itself
	Limit       int      // largest number of images of one probe, 0 for all
	K           int      // neighbours of the kNN vote
	Temperature float64  // of the kNN vote's weights exp(cosine / temperature)
	Linear      bool     // train a linear probe on detached features
	Detail      bool     // write spectra and a picture of the embedding with every evaluation, too: kilobytes each
}

// Engine is what computes. The same seed gives the same bits only on the same engine, so a resume refuses another one.
type Engine struct {
	Version string // of libtorch
	CPU     string // the capability libtorch's kernels were dispatched to, "AVX2", "AVX512", ...
}

// What the guard may do when a run has collapsed.
const (
	Warn   = "warn"
	Stop   = "stop"
	Rewind = "rewind"
	Off    = "off"
)

// The precisions a run may have: "bf16" is autocast with float32 weights and losses.
const (
	BF16    = "bf16"
	Float32 = "float32"
)

// Default is the config before any method, preset, file or flag: what holds where nobody says otherwise. What has no
// default (the method, the data) is empty, what is detected is zero. The optimiser's constants are PyTorch's.
func Default() Config {
	return Config{
		Seed: 1,
		Variant: Variant{Asymmetric: Asymmetric{
			PredictorMode: "none", Predictor: Head{Widths: []int{8192, 8192}, BatchNorm: true, Norm: "batch"},
		}, PredictorForm: "own", Direct: Direct{Rho: 0.3, Epsilon: 0.1, Every: 1}},
		Data:     Data{Labels: "none"},
		Backbone: Backbone{Name: "resnet18", Width: 64},
		Optim: Optim{Name: "sgd", BaseRate: 0.05, Rate: 0.05, Momentum: 0.9, WeightDecay: 1e-4, FinalWeightDecay: 1e-4,
			Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Eta: 0.001},
		Train: Train{Batch: 256, Accumulate: 1, Epochs: 100, Precision: Float32, Device: "cpu", LogEvery: 10, Keep: 2, OnCollapse: Warn},
		// T 0.07 is Wu et al.'s (2018, arXiv:1805.01978). They let 200 neighbours vote over all of ImageNet; a probe has far
		// fewer images of a class.
		Probe: Probe{Limit: 10000, K: 20, Temperature: 0.07, Linear: true},
	}
}
