// SPDX-License-Identifier: Apache-2.0

// Package parallax pretrains image encoders without labels: views of one image are drawn together in feature space, and
// something keeps the representation from collapsing to a constant. What that something is makes a [Method].
//
// This package is the vocabulary that methods, backbones and the trainer share. Read it first; then method/simsiam.go.
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

// Validator is a Method that checks its hyperparameters; Validate names the offending one and its range.
type Validator interface {
	Method
	Validate() error
}

// Updater is a Method with state that moves after each optimiser step: momentum targets, queues, centres.
type Updater interface {
	Method
	Update(s *Step)
}

// Grouper is a Method whose parameters differ in learning rate or weight decay, or are frozen for a while. Groups is called
// before each optimiser step, with a Step that has At, Of and Epoch alone.
type Grouper interface {
	Method
	Groups(s *Step) []nn.Group
}

// Pairer is a Method that compares an image with another one: all views but the first are of the image that Pair names. r
// is for that image in that epoch alone.
type Pairer interface {
	Method
	Pair(index int, r *rand.Rand) int
}

// Supervised is a Method whose loss looks at Step.Labels; Supervised says what labels are to it, for a message.
type Supervised interface {
	Method
	Supervised() string
}

// Stager is a Method that is one stage of several and cannot be begun on its own: Command is the command that runs them all.
type Stager interface {
	Method
	Command() string
}

// Supporter is a Method that trains on labels: beside the batch every step has a labelled one with as many images of every
// class. Only such a method and a [Supervised] one may use labels.
type Supporter interface {
	Method
	Support() SupportSpec
}

// SupportSpec is what a Supporter asks for.
type SupportSpec struct {
	Classes     int     // in a step, drawn anew for each; 0 is all there are
	PerClass    int     // images of each class; a class with fewer repeats them
	Views       int     // of each image, by the recipes of the batch's first views
	Temperature float64 // of the classifier by nearest support, in evaluations
}

// Support is the labelled part of a Step.
type Support struct {
	Views   []torch.Tensor // as in Step.Views, of the support's images
	Labels  []int          // of each row, numbered 0 to Classes-1 within the step
	Classes int            // in this step
}

// Starter is a Method with something to do before an epoch: a clustering, neighbours. What it leaves is in Build.Params. Start
// may be called twice for an epoch, with the same result, and leaves nothing behind when it fails.
type Starter interface {
	Method
	Start(e *Epoch) error
}

// Epoch is what a Starter sees of the epoch that begins.
type Epoch struct {
	Number int        // from 0
	Rand   *rand.Rand // for this epoch; a function of (seed, epoch)
	// Visit calls f with every batch of the epoch, as the steps will see it, without gradients. What f makes ends with the call.
	Visit func(f func(s *Step)) error
}

// Collapser is a Method that says what it is like when every embedding is the same. Collapsed is called after Build; batch is
// how many images a forward pass has.
type Collapser interface {
	Method
	Collapsed(batch int) Collapsed
}

// Collapsed is a method whose embeddings are all the same, those that it keeps of earlier batches included.
type Collapsed struct {
	Loss  float64 // the least that the loss can then be
	Known bool    // whether the hyperparameters determine that; Loss, Minimum and SeesLength say nothing without it
	// Minimum says that the loss cannot be less whatever the embeddings are, so that nothing in it stops a collapse. Otherwise it
	// is what a network reaches that learns nothing.
	Minimum    bool
	SeesLength bool // the loss depends on how long the embeddings are: that they become short is evidence
	// FewDirections says that healthy embeddings may lie in few directions, because all images of a class are drawn to one point.
	FewDirections bool
	Causes        string // what usually leads there in this method, in words
}

// Assigner is a Method that distributes images over prototypes, classes or outputs. Assign returns how, for embeddings z of N x d
// as the encoder's projector gives them: N x K, rows of probabilities.
type Assigner interface {
	Method
	Assign(z torch.Tensor) torch.Tensor
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

// Encoder is the trained part of a method: the backbone gives h, which is exported and evaluated; the projector gives z.
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
