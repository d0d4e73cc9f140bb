// SPDX-License-Identifier: Apache-2.0

package augment

// Image is an 8-bit RGB picture. The pixel at column x, row y is Pix[3*(y*W+x)] and the two bytes after it (R, G, B).
type Image struct {
	W, H int
	Pix  []uint8 // len(Pix) == 3*W*H
}

// NewImage returns a black image of w by h pixels.
func NewImage(w, h int) *Image {
	return &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
}

// Clone returns a copy that shares no memory with m.
func (m *Image) Clone() *Image {
	return &Image{W: m.W, H: m.H, Pix: append([]uint8(nil), m.Pix...)}
}
