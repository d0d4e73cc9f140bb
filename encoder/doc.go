// SPDX-License-Identifier: Apache-2.0

// Package encoder gives other programs the features of a trained encoder.
//
// [Open] reads a run directory or an encoder.safetensors. [Encoder.Embed] prepares images as Parallax's own evaluation
// does, runs them through the network, and returns one row of features per image:
//
//	e, err := encoder.Open("runs/simclr-1")
//	...
//	defer e.Close()
//	rows, err := e.Embed(ctx, images)
//
// Images are [augment.Image]: dataset.Decode makes one from the bytes of an image file, [augment.FromImage] from an
// image of Go's standard library.
//
// # Many callers
//
// An Encoder may be used from any number of goroutines. One thread of the process owns libtorch, so forward passes take
// turns. Waiting requests are merged into batches of up to [BatchSize] images. The callers' goroutines prepare the
// images, at the same time as a forward pass. [Wait] lets an idle Encoder wait for more requests, and
// [Encoder.Prepare] and [Encoder.EmbedInputs] let a program decide how many images it prepares at once.
//
// # Precision
//
// Features are float32, not normalised, and computed in float32 whatever the run's precision was. On one machine, the
// same batch of images gives the same bits. In another batch an image's features may differ in their last bits.
//
// # Engine and device
//
// The first Open loads the engine library (see torch.Load). The network is on the CPU unless torch.Use chose another
// device before. torch.SetThreads, inside torch.Scope, sets the number of threads.
package encoder
