// SPDX-License-Identifier: Apache-2.0

// Package checkpoint is the one owner of what a run saves of its networks: the checkpoints, which of them is the best,
// and the exported encoder. It writes and reads all of them.
//
// A checkpoint is a folder, checkpoints/step-NNNNNNNN, of a manifest and three safetensors files: the networks, the
// optimiser's state and that of the hooks. The folder is written under a temporary name and renamed, so a folder of
// that name is complete. The manifest has the SHA-256 of the files and of itself, which tell whether the folder still
// is.
package checkpoint
