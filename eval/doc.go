// SPDX-License-Identifier: Apache-2.0

// Package eval asks what an encoder's features are good for: [KNN] by what a feature's neighbours are, [Linear] by a
// classifier trained beside the encoder, [Labelled] by classifiers fitted to its frozen features, [KMeans] and
// [ScoreClusters] by how clusters agree with classes. [Embed] makes the features, [Bootstrap] says how sure a score is.
//
// A label of -1 is unknown everywhere: its row takes no part. All but [ScoreClusters], [Purity] and [Bootstrap] is called
// inside torch.Scope and outside torch.Autocast, and what takes tensors ends the scope with an error on shapes and labels
// that do not fit.
package eval
