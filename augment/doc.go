// SPDX-License-Identifier: Apache-2.0

// Package augment turns one 8-bit RGB image into the random views that self-supervised methods compare.
//
// There are four nouns. An [Image] holds the pixels. An [Op] is one augmentation with its ranges and its probability,
// as plain data. Its Draw picks the random numbers and returns a [Drawn]: the exact operation, with no randomness left,
// that can be recorded, compared and applied again. A [Recipe] is a list of ops in order: it makes one view.
//
// Every op has Pillow 13's uint8 semantics to the byte, including rounding and truncation after each step, because the
// published results were obtained with them. The golden files under testdata/oracles/augment check it. The one
// exception is [GaussianBlur]: it follows torchvision, since Pillow has only an approximation.
//
// Randomness is always an argument. [ViewRand] gives the generator of one view as a function of (seed, epoch, index,
// view) alone, so pixels do not depend on how many workers made them, or in which order.
package augment
