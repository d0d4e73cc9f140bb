// SPDX-License-Identifier: Apache-2.0

package parallax

import (
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// This file has the optional interfaces, for what only some methods do. Find them with [As].

// Wrapper is a Method that wraps another one and changes a part of it. The wrapper implements the abilities that it
// changes. [As] finds the others in the inner method.
type Wrapper interface {
	Method
	Unwrap() Method
}

// As returns m as a T, which is an optional interface or a type of method. If m is no T, As tries the method that m
// wraps, and so on inwards.
func As[T any](m Method) (T, bool) {
	for {
		if t, ok := m.(T); ok {
			return t, true
		}
		w, ok := m.(Wrapper)
		if !ok {
			var none T
			return none, false
		}
		m = w.Unwrap()
	}
}

// Validator is a Method that checks its hyperparameters. The error of Validate names the wrong one and its range.
type Validator interface {
	Method
	Validate() error
}

// Updater is a Method with state that changes after each optimiser step: momentum targets, queues, centres.
type Updater interface {
	Method
	Update(s *Step)
}

// Grouper is a Method whose parameters differ in learning rate or weight decay, or are frozen for a while. Groups is
// called before each optimiser step. In its Step only At, Of and Epoch are set.
type Grouper interface {
	Method
	Groups(s *Step) []nn.Group
}

// Pairer is a Method that compares an image with another one. The first view is of image index, the other views are of
// the image that Pair returns. r is a function of the seed, the epoch and the image.
type Pairer interface {
	Method
	Pair(index int, r *rand.Rand) int
}

// Joiner is a Method that can pass views through a network together, or one view through a network of its own. If Joins
// says that it does, threads cannot share out the views: see train.scheme.
type Joiner interface {
	Method
	Joins() bool
}

// Supervised is a Method whose loss reads Step.Labels. Supervised says what the labels mean to the method, for a
// message.
type Supervised interface {
	Method
	Supervised() string
}

// Stager is a Method that is one stage of several and cannot be started alone. Command is the command that runs all
// stages.
type Stager interface {
	Method
	Command() string
}

// Supporter is a Method that trains on labels. Beside the batch, every step has a labelled batch with equally many
// images of every class. Only a Supporter and a [Supervised] method may use labels.
type Supporter interface {
	Method
	Support() SupportSpec
}

// SupportSpec describes the labelled batches of a Supporter.
type SupportSpec struct {
	Classes     int     // classes in a step, drawn anew for each step; 0: all
	PerClass    int     // images of each class; a class with fewer images repeats them
	Views       int     // views of each image, by the recipes of the batch's first views
	Temperature float64 // of the classifier by nearest support, in evaluations
}

// Support is the labelled batch of a Step.
type Support struct {
	Views   []torch.Tensor // views of this process's labelled images, as in Step.Views
	Labels  []int          // class of each row of all processes, numbered 0 to Classes-1 within the step
	Classes int            // classes in this step
}

// Starter is a Method with work to do before an epoch, such as a clustering or a search for neighbours. The result of
// Start is in Build.Params. Start may be called twice for an epoch, with the same result. When it fails it changes
// nothing.
type Starter interface {
	Method
	Start(e *Epoch) error
}

// Epoch is what a Starter sees of the epoch that begins.
type Epoch struct {
	Number int        // from 0
	Rand   *rand.Rand // a function of (seed, epoch)
	// Visit calls f with every batch of the epoch, as the steps will see it, without gradients. Tensors that f makes
	// are freed when f returns.
	Visit func(f func(s *Step)) error
}

// Collapser is a Method that describes its loss after a complete collapse, when all embeddings are the same. Collapsed
// is called after Build. batch is the number of images in a forward pass.
type Collapser interface {
	Method
	Collapsed(batch int) Collapsed
}

// Collapsed describes a method whose embeddings are all the same, including embeddings kept from earlier batches.
type Collapsed struct {
	// Value is the lowest loss that is then possible. It is known if the hyperparameters determine it.
	collapse.ConstantLoss
	// FewDirections says that healthy embeddings may lie in few directions, because the method pulls all images of a
	// class to one point.
	FewDirections bool
	Causes        string // the usual causes of a collapse of this method, in words
}

// Assigner is a Method that distributes images over K prototypes, classes or outputs. Assign takes embeddings z from
// the encoder's projector, N x d, in an epoch of the training, and returns each row's probabilities, N x K.
type Assigner interface {
	Method
	Assign(z torch.Tensor, epoch int) torch.Tensor
}

// Targeter is a Method with a second encoder, which makes the targets z'. Target is called after Build.
type Targeter interface {
	Method
	Target() Encoder
}

// Leaker is a Method whose pretext task the statistics of a batch can give away. Leak takes what Forward made of a step
// and returns how much more often the task is solved with these statistics than with running ones. Leak changes nothing
// and draws no random number.
type Leaker interface {
	Method
	Leak(s *Step, z []torch.Tensor) torch.Tensor
}
