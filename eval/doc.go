// SPDX-License-Identifier: Apache-2.0

// Package eval measures the quality of an encoder's features: [KNN] by the neighbours of a feature, [Linear] by a
// classifier trained along with the encoder, [Labelled] and [Regression] by classifiers fitted to frozen features,
// [Retrieval] by ranking rows, [KMeans] and [ScoreClusters] by the agreement of clusters with classes. [Embed] computes
// the features; [Bootstrap] gives a score a confidence interval.
//
// A label of -1 means unknown everywhere: such a row takes no part. Call everything but [ScoreClusters], [Purity] and
// [Bootstrap] inside torch.Scope and outside torch.Autocast. Functions that take tensors end the scope with an error if
// shapes or labels do not fit.
package eval
