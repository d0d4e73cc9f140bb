// SPDX-License-Identifier: Apache-2.0

// Package parallax pretrains image encoders without labels. Views of one image are pulled together in feature space,
// and something keeps the representation from collapsing to a constant. The choice of that something makes a [Method].
//
// This package holds the vocabulary that methods, backbones and the trainer share. Read parallax.go first, then
// method/simsiam.go. abilities.go has the optional interfaces, for what only some methods do.
//
// Terms: a recipe makes views, the augmented images. The backbone turns a view into its feature h, and the projector
// turns h into the embedding z. Some methods have a predictor after the projector. Backbone and projector are the
// encoder.
package parallax

import (
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// A Method is one self-supervised objective. Its exported fields are its hyperparameters, which the constructor sets to
// the paper's values. Build sets all other fields. State that a checkpoint must hold is a parameter or buffer in
// Build.Params.
type Method interface {
	// Views returns one recipe per view, in the order of Step.Views, for images of size x size pixels.
	Views(size int) []augment.Recipe
	// Build makes the networks and returns the encoder to evaluate and export.
	Build(b *Build) Encoder
	// Forward returns the embeddings of the batch. A gradient cache may call it for parts of the batch.
	Forward(s *Step) []torch.Tensor
	// Loss returns the scalar to minimise. It is a pure function of z, the result of Forward, and changes no state.
	Loss(s *Step, z []torch.Tensor) torch.Tensor
}

// Build holds what a Method needs to make its networks.
type Build struct {
	Params   *nn.Params
	Backbone Backbone // a momentum target builds it a second time
	Size     int      // of the images, in pixels
	Batch    int      // images in a batch
	Images   int      // images in the data set
	Steps    int      // optimiser steps of the whole run
}

// Backbone describes a network from N x 3 x H x W images to N x Features() features.
type Backbone interface {
	Build(p *nn.Params) nn.Layer
	Features() int
}

// Encoder is the trained part of a method. The backbone gives h, which is exported and evaluated; the projector gives
// z.
type Encoder struct {
	Backbone  nn.Layer
	Projector nn.Layer
	Predictor nn.Layer   // from z to its prediction, of the same width; nil without a predictor
	Params    *nn.Params // the parameters of the backbone, to be exported under their local names
	Features  int        // width of h
}

// Step is what a Method sees of one training step.
type Step struct {
	At, Of, Epoch int            // this step, from 0; steps of the whole run; the epoch, from 0
	Views         []torch.Tensor // one N x 3 x H x W tensor per recipe, of this process's rows
	Index, Labels []int          // image number and label of each row of this process; label -1 is unknown
	Support       *Support       // the labelled batch for a Supporter, else nil
	Rand          *rand.Rand     // for partitions and shuffles; a function of (seed, step)
	// Batches is how many batches of the size for which the momentum of a target is meant this step has; 0 is 1.
	Batches float64
	// Report logs a term: a part of the loss or, from Update, what it used. The value is read back only when a log line
	// is due.
	Report func(term string, value torch.Tensor)
	// Gather returns the rows of the whole batch, with their gradients: those of all processes, in the order of the
	// batch. With one process it returns z. All processes call it at the same time.
	//
	// A loss may be the mean over the rows of this process, or any function of rows that Gather returned: the gradients
	// are those of one process with the whole batch either way. What is no mean over rows has to be of gathered rows.
	Gather func(z torch.Tensor) torch.Tensor
	// Group is the processes that share the batch, equally many rows each; nil for one process. A method's file needs
	// Gather alone.
	Group *torch.Group
}

// NewStep returns a Step for a single process that reports nothing: for tests, and to evaluate a loss alone.
func NewStep(at, of int, views ...torch.Tensor) *Step {
	return &Step{
		At: at, Of: of, Views: views,
		Rand:   rand.New(rand.NewPCG(0, uint64(at))),
		Report: func(string, torch.Tensor) {},
		Gather: func(z torch.Tensor) torch.Tensor { return z },
	}
}

// Each applies layer to every tensor separately, so that batch norm sees one view at a time. In training each view may
// have a thread of its own, see [torch.Tape].
func Each(layer nn.Layer, xs []torch.Tensor) []torch.Tensor { return torch.Each(xs, layer.Forward) }
