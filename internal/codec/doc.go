// SPDX-License-Identifier: Apache-2.0

// Package codec decodes the bytes of image files to 8-bit RGB, to the pixels that Pillow's
//
//	ImageOps.exif_transpose(Image.open(file)).convert("RGB")
//
// makes of them: the first frame of an animation, alpha dropped, upright. HEIC and AVIF with fewer colour samples than
// pixels differ a little, by another interpolation. Each format is a file of this package. A format's decoder bounds
// what it makes by [Limits], and refuses with a reason what it cannot decode rightly.
package codec
