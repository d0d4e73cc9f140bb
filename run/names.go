// SPDX-License-Identifier: Apache-2.0

package run

// What a run directory holds; the package comment says what each of them is.
const (
	ConfigFile     = "config.yaml"
	MetricsFile    = "metrics.jsonl"
	QuarantineFile = "quarantine.jsonl"
	EncoderFile    = "encoder.safetensors"
	LockFile       = "lock"
	CheckpointsDir = "checkpoints"
	BestFile       = "best.json"
	TensorBoardDir = "tensorboard"
)
