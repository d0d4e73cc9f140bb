// SPDX-License-Identifier: Apache-2.0

package run

import "github.com/parallax-ssl/parallax/config"

// What a run directory holds; the package comment says what each of them is.
const (
	ConfigFile     = config.File
	MetricsFile    = "metrics.jsonl"
	QuarantineFile = "quarantine.jsonl"
	EncoderFile    = "encoder.safetensors"
	LockFile       = "lock"
	CheckpointsDir = "checkpoints"
	BestFile       = "best.json"
	TensorBoardDir = "tensorboard"
)
