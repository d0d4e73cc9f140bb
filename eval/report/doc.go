// SPDX-License-Identifier: Apache-2.0

// Package report evaluates the encoder of a run, or of an exported file, and says what came of it: by nearest neighbours
// ([KNN]), by linear classifiers ([Linear]), by k-means ([KMeans]). Each score stands beside that of the network before
// training, with a 95 % confidence interval by bootstrap over the images it was measured on.
package report
