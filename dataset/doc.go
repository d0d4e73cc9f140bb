// SPDX-License-Identifier: Apache-2.0

// Package dataset reads images from folders, archives, Parquet files, lists, CIFAR and IDX files, or draws them itself,
// and hands them to training as batches of augmented views.
//
// Open recognises what a path holds and returns a Source, or asks in doubt. A Loader draws its order and the views of
// every image from (seed, epoch, index, view) alone, so that neither the number of workers nor an interruption can
// change a pixel. Files come from outside and are not trusted. Sizes are checked before decoding. An unreadable image
// goes into a Quarantine and is replaced; too many of them stop the run.
//
// Every decoder yields 8-bit RGB. Other pixels are converted as by Pillow's Image.convert("RGB"): grey and palette are
// expanded, an alpha channel is dropped (not composited), CMYK is subtracted from its black. 16-bit samples keep their
// high byte (as in Pillow for RGB; Pillow clips grey at 255). The EXIF orientation is applied. An animation is its
// first frame. HEIC and AVIF are turned by their own properties and not by EXIF. CIELab TIFF is not read, and so
// quarantined. A file whose name does not say that it is an image is left out if its content does not, either.
package dataset
