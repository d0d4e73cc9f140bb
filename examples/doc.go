// SPDX-License-Identifier: Apache-2.0

// Package examples has no code of its own; below it lie small programs, one idea each, that run as they are:
//
//	go run ./examples/views     an image and what a recipe makes of it; needs no libtorch
//	go run ./examples/loop      SimSiam with the training loop in plain sight
//	go run ./examples/method    an objective of your own under the real trainer
//
// The last two need the engine library that "make build" leaves in bin. Tests run all three, and hold the pages in docs
// that quote them to their text.
package examples
