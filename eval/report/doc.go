// SPDX-License-Identifier: Apache-2.0

// Package report evaluates the encoder of a run, or of an exported file, and reports the results: by nearest neighbours
// ([KNN]), by linear classifiers ([Linear]), by k-means ([KMeans]). Beside each score it gives that of the network
// before training, and a 95 % confidence interval by bootstrap over the images of the test.
package report
