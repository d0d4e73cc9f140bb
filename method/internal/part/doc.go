// SPDX-License-Identifier: Apache-2.0

// Package part has the parts that several methods share. Networks: heads.go and target.go. Views: views.go, crops.go
// and shuffle.go. Losses: contrast.go, similarity.go, neighbour.go, codes.go and kmeans.go. Checks of hyperparameters:
// checks.go. The loss of a collapsed network: collapsed.go.
package part
