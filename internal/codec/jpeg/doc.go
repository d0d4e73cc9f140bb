// SPDX-License-Identifier: Apache-2.0

// Package jpeg decodes JPEG files (ITU-T T.81) to the pixels of libjpeg-turbo with its default settings, which are
// Pillow's, bit for bit: the accurate integer DCT, smooth chroma upsampling, and its rounding of colours.
//
// It reads the baseline, extended and progressive processes with 8 bits a sample, Huffman and arithmetic coding, any
// sampling factors whose ratios are whole, and 1, 3 or 4 components. It refuses, with a reason, what libjpeg-turbo
// refuses or would fill with grey: other processes, and data that is cut short or damaged.
//
// Each file is a stage, in the order of the data: markers, frame, tables, scan, huffman or arithmetic, progressive,
// idct, upsample, color.
package jpeg
