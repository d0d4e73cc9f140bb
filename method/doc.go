// SPDX-License-Identifier: Apache-2.0

// Package method holds the self-supervised objectives, one file per paper, and the list of them, [All]. A file reads in
// the paper's order: citation, hyperparameters, networks, loss, update, and the loss of a collapsed network. The
// symbols are those of docs/notation.md. Loss functions are pure. Code that methods share is in method/internal/part.
package method
