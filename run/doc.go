// SPDX-License-Identifier: Apache-2.0

// Package run reads and writes what a run leaves on disk: its directory and its events. Training writes them; a resume,
// other commands and dashboards read them. The package needs neither libtorch nor cgo.
//
// # The run directory
//
//	config.yaml          the configuration: every value, with its source as a comment (see package config)
//	metrics.jsonl        the events, one JSON object per line (see [Event], [ReadEvents])
//	checkpoints/         the last checkpoints (train.keep of them)
//	best.json            names the checkpoint that the probe rated best, which is kept, too
//	encoder.safetensors  the exported backbone, once the run has ended; gone after a resumed run's next checkpoint
//	data.jsonl           size, time and hash of the images' files; absent without files
//	quarantine.jsonl     images that could not be read, and why; absent when there were none
//	profile.json         where the time of some steps went, for ui.perfetto.dev; only after pretrain --profile
//	features/            features of some images at some evaluations (see package features); absent with old runs
//	report.html          what the run was, in one file to look at (see package report); absent if it was not asked for
//	tensorboard/         the same numbers for TensorBoard: tensorboard --logdir DIR
//	lock                 locked while a process writes here; names it (see [Running])
//
// The two .jsonl files grow line by line, so a reader may meet half of a last line; [ReadEvents] leaves it out.
// [WriteFile] replaces every other file as a whole: a reader sees the old one or the new one.
package run
