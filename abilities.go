// SPDX-License-Identifier: Apache-2.0

package parallax

import (
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// This file has the optional interfaces: what only some methods do. A caller finds them with [As].

// Wrapper is a Method around another one that changes a part of what it does. It has the abilities that it changes;
// the others are the inner method's.
type Wrapper interface {
	Method
	Unwrap() Method
}

// As returns m as T, an optional interface or a type of method: m itself, or the first method that m wraps which is
// one.
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

// Grouper is a Method whose parameters differ in learning rate or weight decay, or are frozen for a while. Groups is
// called before each optimiser step, with a Step that has At, Of and Epoch alone.
type Grouper interface {
	Method
	Groups(s *Step) []nn.Group
}

// Pairer is a Method that compares an image with another one: all views but the first are of the image that Pair names.
// r is for that image in that epoch alone.
type Pairer interface {
	Method
	Pair(index int, r *rand.Rand) int
}

// Supervised is a Method whose loss looks at Step.Labels; Supervised says what labels are to it, for a message.
type Supervised interface {
	Method
	Supervised() string
}

// Stager is a Method that is one stage of several and cannot be begun on its own: Command is the command that runs them
// all.
type Stager interface {
	Method
	Command() string
}

// Supporter is a Method that trains on labels: beside the batch every step has a labelled one with as many images of
// every class. Only such a method and a [Supervised] one may use labels.
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

// Starter is a Method with something to do before an epoch: a clustering, neighbours. What it leaves is in
// Build.Params. Start may be called twice for an epoch, with the same result, and leaves nothing behind when it fails.
type Starter interface {
	Method
	Start(e *Epoch) error
}

// Epoch is what a Starter sees of the epoch that begins.
type Epoch struct {
	Number int        // from 0
	Rand   *rand.Rand // for this epoch; a function of (seed, epoch)
	// Visit calls f with every batch of the epoch, as the steps will see it, without gradients. What f makes ends with
	// the call.
	Visit func(f func(s *Step)) error
}

// Collapser is a Method that says what it is like when every embedding is the same. Collapsed is called after Build;
// batch is how many images a forward pass has.
type Collapser interface {
	Method
	Collapsed(batch int) Collapsed
}

// Collapsed is a method whose embeddings are all the same, those that it keeps of earlier batches included.
type Collapsed struct {
	Loss  float64 // the least that the loss can then be
	Known bool    // whether the hyperparameters determine that; Loss, Minimum and SeesLength say nothing without it
	// Minimum says that the loss cannot be less whatever the embeddings are, so that nothing in it stops a collapse.
	// Otherwise it is what a network reaches that learns nothing.
	Minimum    bool
	SeesLength bool // the loss depends on how long the embeddings are: that they become short is evidence
	// FewDirections says that healthy embeddings may lie in few directions, because all images of a class are drawn to
	// one point.
	FewDirections bool
	Causes        string // what usually leads there in this method, in words
}

// Assigner is a Method that distributes images over prototypes, classes or outputs. Assign returns how, for embeddings
// z of N x d as the encoder's projector gives them: N x K, rows of probabilities.
type Assigner interface {
	Method
	Assign(z torch.Tensor) torch.Tensor
}
