// SPDX-License-Identifier: Apache-2.0

// Package corrupt corrupts images in the 15 ways of ImageNet-C and its four further ones, at five strengths each
// (Hendrycks & Dietterich 2019, "Benchmarking neural network robustness to common corruptions and perturbations",
// arXiv:1903.12261, section 3 and appendix B). The kinds and their parameters are those of the published benchmark: of
// ImageNet-C for images of more than [SmallSide] pixels a side, of CIFAR-10-C for smaller ones. The programs are our
// own, so the pixels are those of the benchmark's kinds, not of its files. They differ in these points:
//
//   - The random numbers are ours: a function of a seed, the kind and the strength.
//   - Frost is a texture made here. The benchmark mixes in crops of six photographs.
//   - The result is not compressed. ImageNet-C's files are JPEG of quality 85.
//   - JPEG compression is that of Go's standard library: libjpeg's quantisation, with chroma repeated where libjpeg
//     interpolates it.
//   - Spatter follows the benchmark's layers, with a plain shading of the drops at strengths 1 to 3.
//
// [Corruption] is an [augment.Op], so a recipe can end with one.
package corrupt
