// SPDX-License-Identifier: Apache-2.0

// Package checkpoint is the one owner of the files in which a run saves its networks: the checkpoints, the name of the
// best one, and the exported encoder. It writes and reads all of them.
//
// A checkpoint is a folder, checkpoints/step-NNNNNNNN, with a manifest and three safetensors files: the networks, the
// state of the optimiser, and the state of the hooks. The folder is written under a temporary name and renamed, so a
// folder of that name was complete. The manifest has the SHA-256 of the files and of itself, to detect later damage.
package checkpoint
