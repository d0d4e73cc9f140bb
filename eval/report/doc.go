// SPDX-License-Identifier: Apache-2.0

// Package report evaluates the encoder of a run, or of a file, by probes, and reports the results: votes of nearest
// neighbours ([KNN]), linear classifiers ([Linear]), few labels ([FewShot]), training all weights further ([FineTune]),
// ranked images ([Retrieval]), corrupted images ([Robustness]), k-means ([KMeans]), or several of them at once ([All]).
//
// Beside each score it gives that of the network before training, and of what [Request.Against] names, with the paired
// difference; a 95 % confidence interval, by bootstrap over the images of the test or over draws; and the protocol. The
// features are computed once for all probes, and kept in a cache if there is one.
package report
