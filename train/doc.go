// SPDX-License-Identifier: Apache-2.0

// Package train trains a method: it reads batches, makes optimiser steps, emits events and saves checkpoints. The loop
// is in trainer.go and knows nothing of evaluation: a [Hook] watches the run.
//
// # Resuming
//
// A run of 10 steps ends with the same bytes as a run that was killed after 5 steps and resumed for 5 more, on the same
// engine, and with the same number of threads unless train.scheme is views. All randomness is a function of the seed
// and a counter. The state of a run is therefore its step and the tensors of the networks, the optimiser and the hooks.
// A checkpoint holds this state (package checkpoint).
package train
