// SPDX-License-Identifier: Apache-2.0

// Package part has what several methods are made of and no one paper owns. Networks: heads.go and target.go. Views:
// views.go, crops.go and shuffle.go. Losses: contrast.go, similarity.go, neighbour.go, codes.go and kmeans.go. Checks
// of hyperparameters: checks.go. What a method is like when it has collapsed: collapsed.go.
package part
