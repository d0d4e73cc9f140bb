// SPDX-License-Identifier: Apache-2.0

// Package method holds the self-supervised objectives, one file per paper, and the list of them, [All]. A file reads in
// the paper's order: citation, hyperparameters, networks, loss, update; then what the method is like when it has
// collapsed. The loss functions are pure. What methods share is in method/internal/part.
package method
