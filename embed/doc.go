// SPDX-License-Identifier: Apache-2.0

// Package embed writes the embeddings of a data set's images into a file, which package embedding reads.
//
// [Run] reads and prepares images on several goroutines while the network computes. Memory does not grow with the
// number of images. An image that cannot be read costs its own row alone, which says why.
//
// # Interruptions
//
// Finished batches are kept in a folder beside the output, OUT.partial, until the output is complete. After an
// interruption of any kind, the same Request goes on after the last of them. The output then has the same bytes as
// without an interruption. A Request with other settings, other images or another encoder is refused.
//
// # Hashes
//
// The column sha256 is the hash of an image's file. For a data set without a file for each image (CIFAR's binary files,
// IDX files, synthetic images) it is the hash of the image's width and height, each as eight bytes, least significant
// first, and then its pixels: three bytes each, row by row.
package embed
