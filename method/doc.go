// SPDX-License-Identifier: Apache-2.0

// Package method holds the self-supervised objectives, one file per paper, and the list of them, [All]. A file reads in
// the paper's order: citation, hyperparameters, networks, loss, update. Their loss functions are pure; what they share is
// in heads.go and similarity.go.
package method
