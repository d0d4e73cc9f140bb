// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/augment"
)

// Config holds everything on which a run depends. In the file, each exported field is a key in snake_case (see [Key]).
// A Config is filled in layers, each over the one before: defaults, the method's paper, a preset, a config file, flags,
// facts of the machine and the data. [Layered] keeps the layer of each value.
type Config struct {
	Seed     uint64 // all randomness is a function of the seed, the step or epoch, and the image
	Method   MethodConfig
	Variant  Variant
	Data     Data
	Backbone Backbone
	Augment  []augment.Recipe // one recipe per view, in the method's order
	Stages   Stages
	Optim    Optim
	Train    Train
	Probe    Probe
	Engine   Engine
}

// MethodConfig is the method's name and its hyperparameters. In the file they are one mapping, with the name first.
type MethodConfig struct {
	Name   string
	Fields any // pointer to a struct whose exported fields are the hyperparameters; nil: the method has none
}

// Data says which images are read, and how.
type Data struct {
	Path   string // as the user gave it, PATH or PATH:sub/folder; not made absolute
	Labels string // "none", "folders" or a CSV file
	Split  string // the split that pretraining reads, "" if the data has none; "none": no folder is a split
	// "rgb": images are made 8-bit RGB; "keep": TIFF and PNG files keep their channels and depth; "pages": likewise,
	// and the pages of a TIFF file are channels
	Channels    string
	Size        int       // width and height of a full-size view, in pixels
	Mean, Std   []float64 // of R, G and B in 0 to 1, or of each channel as decoded; views are normalised with them
	Low, High   []float64 // of each channel that is kept: black and white of the operations that change its levels
	Samples     string    // of the files whose channels are kept, such as "uint16"; other files are quarantined
	Images      int       // number of images
	Fingerprint string    // of the data set's content and order; a resume refuses other data
	Hash        string    // of which files a resume compares the content: "sample" or "all"
	// Shuffle is over what the images of an epoch are shuffled: "all" of them; or "shards", a few archives at a time,
	// so that a process reads few of them at once, and only its own part.
	Shuffle string
	Cache   string // how much archives from a bucket may take on the disk, such as "200GiB"; "": 64 GiB
	Decoder string // of JPEG: "turbojpeg" or "go", whose pixels differ, by 1.4 of 255 levels on average
	// MaxUnreadable is the share of the images that may be unreadable, 0 to 1. Up to 0.01, 20 images may be in any
	// case; 0 allows none.
	MaxUnreadable float64
}

// Normalize returns the mean and the deviation with which views are normalised.
func (d *Data) Normalize() augment.Normalize {
	return augment.Normalize{Mean: singles(d.Mean), Std: singles(d.Std), Low: singles(d.Low), High: singles(d.High)}
}

// Kept reports whether images keep their channels and depth.
func (d *Data) Kept() bool { return d.Channels == Keep || d.Channels == Pages }

// Format returns what all images must have, if they keep their channels.
func (d *Data) Format() augment.Format {
	return augment.Format{Channels: len(d.Std), Samples: d.Samples}
}

// singles rounds numbers to float32.
func singles(v []float64) []float32 {
	s := make([]float32, len(v))
	for i := range v {
		s[i] = float32(v[i])
	}
	return s
}

// Backbone is the network that is trained and exported.
type Backbone struct {
	Name  string // "resnet18", ...
	Width int    // channels of the first stage, or of an attention head of a ViT: 64 in the papers
	// "imagenet" (7x7, stride 2, max-pool), "small" (3x3, stride 1), "strided" (3x3, stride 2) or "padded" (small with
	// two pixels of padding, as in solo-learn); for a ViT "patchN", with patches of N x N pixels; "": by network and
	// size
	Stem string
	// "batch", "group" (with weight standardisation), "layer", "none" or "tuned" (none, with an initialisation from the
	// statistics of the first batch); "": the network's own
	Norm string
	// The last norm of every block of a ResNet starts with weight 0, so that the block starts as the identity. Other
	// networks ignore it.
	ZeroInit bool
	Init     string // file with the starting weights, "" for random ones
}

// Stages let a run begin with small and gentle views, which cost less and are easier to match (Koçyiğit et al. 2022,
// arXiv:2212.05611). A stage is a part of the learning-rate schedule; one that shall be longer is listed several times.
// Without sizes and strength there is one stage.
type Stages struct {
	Sizes    []int     // side of a full-size view in each stage, in pixels, at most data.size; none: data.size
	Strength []float64 // of the crops and jitters in each stage, 0 to 1: their full extent; none: 1
	// Steps after which the stages end, without the last one; none: all are as long. Each stage takes an equal part of
	// the schedule, however many steps it has.
	Ends []int
	// Steps of the schedule, in which optim.warmup_steps counts; 0: those of the run. A run that was planned anew keeps
	// the steps of its first plan here.
	Planned int
}

// Number returns how many stages there are.
func (s *Stages) Number() int { return max(1, len(s.Sizes), len(s.Strength)) }

// EndsOf returns the steps after which the stages of a run of so many steps end if all are as long, without the last.
func (s *Stages) EndsOf(steps int) []int {
	var ends []int
	n := s.Number()
	for stage := 1; stage < n; stage++ {
		ends = append(ends, (2*stage*steps+n)/(2*n))
	}
	return ends
}

// Optim is the optimiser and its learning-rate schedule per step: a linear warm-up, then a half cosine.
type Optim struct {
	Name               string  // "sgd", "adam", "adamw" or "lars"
	BaseRate           float64 // learning rate at batch 256
	Rate               float64 // the peak: base_rate x batch x accumulate / 256, see [Layered.ScaleRate]
	Momentum           float64 // sgd and lars, 0 to below 1
	Nesterov           bool    // sgd
	WeightDecay        float64
	FinalWeightDecay   float64 // at the last step, reached along a half cosine; if not given, the decay is constant
	ExcludeBiasAndNorm bool    // exclude one-dimensional tensors from weight decay and from LARS's trust scaling
	Beta1, Beta2, Eps  float64 // adam and adamw
	Eta                float64 // lars: the trust coefficient
	ClipRate           bool    // lars: never scale a rate up
	ClipGrad           float64 // largest global l2 norm of the gradient, 0 for no clipping
	WarmupSteps        int     // steps from warmup_start up to rate
	WarmupStart        float64 // rate at step 0 of a warm-up (solo-learn's formula); 0: that step moves no weight
	FinalRate          float64 // rate at the last step
	// Cycles is how often the rate falls from its peak to final_rate after the warm-up, each time along half a cosine
	// of the same length (warm restarts: Loshchilov & Hutter, arXiv:1608.03983).
	Cycles int
	// Average is the decay of a moving average of the weights, 0 for none. Evaluations and the exported encoder have
	// the average in place of the weights. In step n the decay is at most (1 + n) / (10 + n).
	Average float64
}

// Train configures the training loop: its length and batch, its device, and how often it evaluates, saves and logs.
type Train struct {
	Batch     int // images per forward pass, of all processes
	Processes int // that share each batch equally: as the launcher says, see --nproc
	// BatchNorm says whose images batch norm takes its statistics from: "all" processes', as one process with the whole
	// batch would; "own", those of each process alone; or a number that divides the processes, such as "4": those of so
	// many neighbouring processes, for which a fast network may be between them.
	BatchNorm string
	// MomentumBatch is the number of images of a step for which the momentum m of the method's target is meant: with k
	// times as many it becomes m^k, so that the target follows as many images as before (Busbridge et al.,
	// arXiv:2307.13813); 0: m holds for any batch.
	MomentumBatch int
	Accumulate    int // forward passes per optimiser step
	Epochs        int // length in passes over the data, if max_steps is 0
	MaxSteps      int // length in optimiser steps, 0 to use epochs
	Precision     string
	Device        string // "cpu", "cuda", "cuda:1"
	Threads       int    // of libtorch; except with the scheme views, sums depend on it, so a resume refuses another
	// Scheme says what the threads share. "views": each thread computes whole views, with fused kernels; the threads
	// meet a few times in a step, and other programs hardly slow them down. "operations": all threads share each
	// operation, with fused kernels. "reference": they share each operation of libtorch, as in runs before the key.
	// "auto" takes views if the method computes at least two views apart, and the threads are no more than the views;
	// else operations.
	Scheme string
	// CacheChunk bounds the images that a forward pass holds for its gradient: 0, the batch, or fewer. With fewer, the
	// batch goes through the networks in chunks, each twice, and batch norm sees each chunk apart. The loss still
	// compares the whole batch (Gao et al., arXiv:2101.06983).
	CacheChunk int
	Workers    int    // of the loader; no pixel depends on the number
	Memory     string // that the run may use, such as "4GiB"; "": what the machine allows; no pixel depends on it
	EvalEvery  int    // steps between evaluations, 0 for one per epoch
	EvalEarly  bool   // also evaluate after 1, 2, 5, 10, 20, 50, 100, ... steps: an embedding can collapse within ten
	SaveEvery  int    // steps between checkpoints, 0 for one per epoch
	LogEvery   int    // steps between lines of metrics
	Keep       int    // last checkpoints to keep, beside the best
	// What the guard does when the run has collapsed: "warn", "stop" or "rewind" (go back to the last good checkpoint
	// and halve the rate). With "off" there is no guard.
	OnCollapse string
}

// CacheBytes is Cache in bytes, 0 if none is given.
func (d *Data) CacheBytes() int64 {
	n, _ := humanize.ParseBytes(d.Cache)
	return int64(min(n, 1<<62))
}

// MemoryBytes is Memory in bytes, 0 if none is given.
func (t *Train) MemoryBytes() uint64 {
	n, _ := humanize.ParseBytes(t.Memory)
	return n
}

// Probe says on what the encoder is evaluated during the run, and how.
type Probe struct {
	Paths []string // folders or archives; empty: the training data
	Limit int      // largest number of images of one probe, 0 for all
	// Queries says which images are the queries where the data has no split test or val: a fifth of each class, drawn
	// at random with a fixed seed ("by_class"), or every fifth image in the order of names ("fifth"), as in runs before
	// the key. Data whose order has a period of five makes that fifth a sample of one kind.
	Queries     string
	K           int     // neighbours of the kNN vote
	Temperature float64 // of the weights exp(cosine / temperature) of the kNN vote
	Linear      bool    // train a linear probe on detached features
	Detail      bool    // add spectra and points for a plot of the embedding to every evaluation: kilobytes each
	// Leak reports in every step, as bn_leak, how far batch norm solves MoCo's task. It costs one more forward pass.
	Leak bool
}

// Engine is the library that computes. Equal seeds give equal bits only on the same engine, so a resume refuses another
// one.
type Engine struct {
	Version string // of libtorch
	CPU     string // the instruction set of libtorch's kernels: "AVX2", "AVX512", ...
}

// The actions of the guard when a run has collapsed. With Off there is no guard.
const (
	Warn   = "warn"
	Stop   = "stop"
	Rewind = "rewind"
	Off    = "off"
)

// The values of data.channels, which are those of dataset.Options.
const (
	RGB   = "rgb"
	Keep  = "keep"
	Pages = "pages"
)

// The values of probe.queries.
const (
	ByClass    = "by_class"
	EveryFifth = "fifth"
)

// The values of train.scheme.
const (
	Auto       = "auto"
	Views      = "views"
	Operations = "operations"
	Reference  = "reference"
)

// The values of data.shuffle.
const (
	AllImages = "all"
	ByShards  = "shards"
)

// The values of train.batch_norm, beside a number of processes.
const (
	AllProcesses = "all"
	OwnProcess   = "own"
)

// NormProcesses is over how many processes batch norm takes its statistics, by train.batch_norm; 0: it says no number.
func (t *Train) NormProcesses() int {
	switch t.BatchNorm {
	case AllProcesses:
		return t.Processes
	case OwnProcess:
		return 1
	}
	n, err := strconv.Atoi(t.BatchNorm)
	if err != nil || n < 1 || t.Processes%n != 0 {
		return 0
	}
	return n
}

// The precisions of a run. "bf16" is autocast with float32 weights and losses.
const (
	BF16    = "bf16"
	Float32 = "float32"
)

// Default returns the config before any method, preset, file or flag. Values without a default, such as the method and
// the data, are empty. Detected values are zero. The optimiser's constants are PyTorch's.
func Default() Config {
	return Config{
		Seed: 1,
		Variant: Variant{Asymmetric: Asymmetric{
			PredictorMode: "none", Predictor: Head{Widths: []int{8192, 8192}, BatchNorm: true, Norm: "batch"},
		}, PredictorForm: "own", Direct: Direct{Rho: 0.3, Epsilon: 0.1, Every: 1}},
		Data:     Data{Labels: "none", Channels: RGB, MaxUnreadable: 0.01, Hash: "sample"},
		Backbone: Backbone{Name: "resnet18", Width: 64},
		Optim: Optim{Name: "sgd", BaseRate: 0.05, Rate: 0.05, Momentum: 0.9, WeightDecay: 1e-4, FinalWeightDecay: 1e-4,
			Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Eta: 0.001, Cycles: 1},
		Train: Train{Batch: 256, Processes: 1, BatchNorm: AllProcesses, Accumulate: 1, Epochs: 100, Precision: Float32,
			Device: "cpu", Scheme: Auto,
			LogEvery: 10, Keep: 2, OnCollapse: Warn},
		// Temperature 0.07 is from Wu et al. (2018, arXiv:1805.01978). They take 200 neighbours in all of ImageNet; a
		// probe has far fewer images of each class.
		Probe: Probe{Limit: 10000, Queries: ByClass, K: 20, Temperature: 0.07, Linear: true},
	}
}
