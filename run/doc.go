// SPDX-License-Identifier: Apache-2.0

// Package run is what a run leaves on disk, for those who write it (training) and those who read it (resume, other
// commands, the dashboard): its directory and its events. It needs neither libtorch nor cgo.
//
// # The run directory
//
//	config.yaml          the configuration: every value, with its source as a comment (see package config)
//	metrics.jsonl        the events, one JSON object per line (see [Event], [ReadEvents])
//	checkpoints/         the last checkpoints (train.keep of them)
//	best.json            which of them the probe liked best; it is kept, too
//	encoder.safetensors  the exported backbone, once the run has finished
//	quarantine.jsonl     images that could not be read, with their reasons; absent when there were none
//	tensorboard/         the same numbers for TensorBoard: tensorboard --logdir DIR
//	lock                 locked while a process writes here; names it (see [Running])
//
// Files other than the two that grow line by line are replaced as a whole by [WriteFile]: a reader sees the old or the new
// one. A reader of a growing file may meet half a last line; [ReadEvents] leaves it out.
package run
