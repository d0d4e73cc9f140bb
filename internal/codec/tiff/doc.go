// SPDX-License-Identifier: Apache-2.0

// Package tiff decodes the first page of a TIFF file (TIFF 6.0, its supplements, and BigTIFF) to 8-bit RGB, to the
// pixels that Pillow makes of it. What Pillow itself gets wrong is refused.
//
// A file is a directory of tags ([readDirectory]), which say how the page is cut into strips or tiles ([page]). Each of
// these chunks is decompressed by rows ([page.chunk]), and each row is converted to RGB ([page.mode]). No more than the
// image, one row of each plane and the state of a decompressor is in memory.
package tiff
