// SPDX-License-Identifier: Apache-2.0

// Package dataset reads images: from folders, tar archives, CIFAR and IDX files, or drawn on the spot, and hands them
// to training as batches of augmented views.
//
// Open recognises what a path holds and returns a Source. A Loader draws its order and the views of every image from
// (seed, epoch, index, view) alone, so that neither the number of workers nor an interruption can change a pixel.
// Files come from outside and are not trusted: sizes are checked before decoding, an unreadable image is put into a
// Quarantine and replaced, and too many of them stop the run.
//
// Every decoder yields 8-bit RGB. What is not, is converted as Pillow's Image.convert("RGB") has it: grey and palette
// are expanded, an alpha channel is dropped (not composited), CMYK is subtracted from its black. Of 16-bit samples the
// high byte is kept (Pillow does so for RGB, and clips grey at 255). The EXIF orientation is applied. An animation is
// its first frame. Not read, and so quarantined: CMYK and floating-point TIFF, run-length BMP, animated WebP, HEIC,
// AVIF.
package dataset
