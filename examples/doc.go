// SPDX-License-Identifier: Apache-2.0

// Package examples has no code of its own; below it lie small programs, one idea each, that run as they are:
//
//	go run ./examples/views     an image and what a recipe makes of it; needs no libtorch
//	go run ./examples/pretrain  a run: an encoder pretrained by SimCLR
//	go run ./examples/embed     the features of images by that encoder
//	go run ./examples/method    an objective of your own under the real trainer
//	go run ./examples/metric    a measurement of your own while a run trains
//	go run ./examples/loop      SimSiam with the training loop in plain sight
//
// All but the first need the engine library that "make build" leaves in bin. Tests run all of them, and hold the pages in docs
// that quote an example to its text.
package examples
