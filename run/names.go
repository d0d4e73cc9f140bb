// SPDX-License-Identifier: Apache-2.0

package run

import "github.com/parallax-ssl/parallax/config"

// The files and folders of a run directory. The package comment describes each.
const (
	ConfigFile     = config.File
	MetricsFile    = "metrics.jsonl"
	QuarantineFile = "quarantine.jsonl"
	DataFile       = "data.jsonl"
	EncoderFile    = "encoder.safetensors"
	LockFile       = "lock"
	CheckpointsDir = "checkpoints"
	BestFile       = "best.json"
	ProfileFile    = "profile.json"
	TensorBoardDir = "tensorboard"
	FeaturesDir    = "features"
	ReportFile     = "report.html"
)
