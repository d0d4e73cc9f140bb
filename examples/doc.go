// SPDX-License-Identifier: Apache-2.0

// Package examples has no code of its own. Its folders are small programs that run as they are, one idea each:
//
//	go run ./examples/views     views of an image by a recipe; needs no libtorch
//	go run ./examples/pretrain  a run: an encoder pretrained with SimCLR
//	go run ./examples/embed     features of images by that encoder
//	go run ./examples/table     the classes of a file of embeddings; needs no libtorch
//	go run ./examples/method    an objective of your own under the real trainer
//	go run ./examples/metric    a metric of your own while a run trains
//	go run ./examples/loop      SimSiam with its training loop in plain sight
//
// All but views and table need the engine library that "make build" puts in bin. Tests run all of them. A test also
// checks that quotations from the examples in docs are exact.
package examples
