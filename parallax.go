// SPDX-License-Identifier: Apache-2.0

// Package parallax pretrains image encoders without labels: views of one image are drawn together in feature space, and
// something keeps the representation from collapsing to a constant. What that something is makes a [Method].
//
// This package is the vocabulary that methods, backbones and the trainer share. Read parallax.go first, then
// method/simsiam.go; abilities.go has the optional interfaces, each for what only some methods do.
// Field terms: a view is one augmented image, made by a recipe; the backbone turns it into the feature h, the projector
// turns h into the embedding z, and some methods have a predictor after that. Backbone and projector are the encoder.
package parallax

import (
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// A Method is one self-supervised objective. Its exported fields are its hyperparameters, set to the paper's by its
// constructor; other fields are derived in Build. What a checkpoint must hold is a parameter or buffer in Build.Params.
type Method interface {
	// Views returns one recipe per view, in the order in which a Step holds them, for images of size x size pixels.
	Views(size int) []augment.Recipe
	// Build makes the networks and returns what is to be evaluated and exported.
	Build(b *Build) Encoder
	// Forward returns the embeddings of the batch. A gradient cache may split it over the batch.
	Forward(s *Step) []torch.Tensor
	// Loss returns the scalar to minimise: pure in z, what Forward returned, and without effect on state.
	Loss(s *Step, z []torch.Tensor) torch.Tensor
}

// Build is what a Method makes its networks from.
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

// Encoder is the trained part of a method: the backbone gives h, which is exported and evaluated; the projector gives
// z.
type Encoder struct {
	Backbone  nn.Layer
	Projector nn.Layer
	Predictor nn.Layer   // gives what is predicted from z, as wide as z; nil without one
	Params    *nn.Params // the subtree of the backbone, to be exported under its local names
	Features  int        // the width of h
}

// Step is what a Method sees of one training step.
type Step struct {
	At, Of, Epoch int            // this step from 0, how many the run has, the epoch from 0
	Views         []torch.Tensor // one N x 3 x H x W tensor per recipe
	Index, Labels []int          // of each row; label -1 is unknown
	Support       *Support       // for a Supporter, else nil
	Rand          *rand.Rand     // for this step: partitions, shuffles; a function of (seed, step)
	// Report logs one term of the loss. It is read back only when a log line is due.
	Report func(term string, value torch.Tensor)
	// Gather returns the rows of all processes in global order, differentiably; z itself when there is one process.
	Gather func(z torch.Tensor) torch.Tensor
}

// NewStep returns a Step of a single process that reports nothing, for tests and for evaluating a loss on its own.
func NewStep(at, of int, views ...torch.Tensor) *Step {
	return &Step{
		At: at, Of: of, Views: views,
		Rand:   rand.New(rand.NewPCG(0, uint64(at))),
		Report: func(string, torch.Tensor) {},
		Gather: func(z torch.Tensor) torch.Tensor { return z },
	}
}

// Each applies layer to every tensor: every view goes through on its own, so that batch norm sees one view at a time.
func Each(layer nn.Layer, xs []torch.Tensor) []torch.Tensor {
	out := make([]torch.Tensor, len(xs))
	for i, x := range xs {
		out[i] = layer.Forward(x)
	}
	return out
}
