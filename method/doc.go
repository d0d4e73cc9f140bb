// SPDX-License-Identifier: Apache-2.0

// Package method holds the self-supervised objectives, one file per paper, and the list of them, [All]. A file reads in
// the paper's order: citation, hyperparameters, networks, loss, update. Their loss functions are pure. What they share is
// in heads.go and target.go (networks), views.go and crops.go (many views), contrast.go, neighbour.go, similarity.go, sinkhorn.go
// and kmeans.go (losses), and checks.go.
package method
