// SPDX-License-Identifier: Apache-2.0

// Package search finds things among embeddings: the nearest rows of a query ([Nearest], [Index]), near-duplicates
// ([Duplicates]), outliers ([Outliers]), a subset worth labelling ([Diverse], [Typical]), and a picture in two
// dimensions ([PCA], [TSNE]).
//
// # Rows
//
// All of them read [Rows]: embeddings scaled to length 1, in a temporary file. Similarity is the cosine, from -1 to 1.
// Memory grows with the number of rows only by what a function's documentation says, for example its answers.
//
// # Exact results
//
// Blocks of rows are multiplied by libtorch in float32. That product is only a filter: whatever could belong to the
// answer, within the rounding error of a float32 product, is computed again in float64, in a fixed order. So results
// are those of a plain loop in float64 over the rows, the same for any number of threads, and equal rows have equal
// similarities. Ties go to the row with the smaller number. Exceptions are what k-means decides ([Index],
// [Typical]), and [Whiten], [PCA] and [TSNE], which are as exact as floating-point sums.
//
// Package search/report applies these to files of embeddings and to runs, and draws the results.
package search
