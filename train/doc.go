// SPDX-License-Identifier: Apache-2.0

// Package train runs a method: batches in, optimiser steps, events out, checkpoints on the way. The loop is in
// trainer.go and knows nothing of evaluation: what watches a run is a [Hook].
//
// # Resuming
//
// A run of 10 steps and one of 5, killed and resumed for 5 more, end with the same bytes, on the same engine with the
// same number of threads. All randomness is a function of the seed and a counter, so the state of a run is its step, its
// tensors, the optimiser's and the hooks': that is what a checkpoint holds (package checkpoint).
package train
