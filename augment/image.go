// SPDX-License-Identifier: Apache-2.0

package augment

import "fmt"

// Image is a picture: of 8-bit RGB, or a deep one of any number of channels in float32.
//
// Of 8-bit RGB, the pixel at column x, row y is Pix[3*(y*W+x)] and the two bytes after it (R, G, B); Deep is nil. Of a
// deep image, it is the C values from Deep[C*(y*W+x)] on; Pix is nil. A decoder scales whole numbers so that their type
// goes from 0 to 1 and leaves floating-point numbers as they are. The operations of this package take 0 for a channel's
// black and 1 for its white, but accept any value and do not clip. [Normalize.Levels] maps a channel's range to that.
type Image struct {
	W, H int
	Pix  []uint8 // 8-bit RGB: len(Pix) == 3*W*H

	C       int       // channels of a deep image, 1 to MaxChannels
	Deep    []float32 // len(Deep) == C*W*H
	Samples string    // what a decoder made Deep from, such as "uint16" or "float32"; "" of other images
}

// MaxChannels bounds the channels of a deep image. Hyperspectral cameras have up to about 250.
const MaxChannels = 256

// A Format is what the images of one data set have in common.
type Format struct {
	Channels int
	Samples  string // of a pixel of the files, such as "uint16" or "float32"
}

func (f Format) String() string {
	if f.Channels == 1 {
		return fmt.Sprintf("1 channel of %s", f.Samples)
	}
	return fmt.Sprintf("%d channels of %s", f.Channels, f.Samples)
}

// NewImage returns a black image of w by h pixels.
func NewImage(w, h int) *Image {
	return &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
}

// NewDeep returns a deep image of w by h pixels and c channels, all 0.
func NewDeep(w, h, c int) *Image {
	return &Image{W: w, H: h, C: c, Deep: make([]float32, c*w*h)}
}

// empty returns an image like m, all 0.
func (m *Image) empty() *Image {
	if m.Deep != nil {
		return NewDeep(m.W, m.H, m.C)
	}
	return NewImage(m.W, m.H)
}

// Clone returns a copy that shares no memory with m.
func (m *Image) Clone() *Image {
	if m.Deep != nil {
		return &Image{W: m.W, H: m.H, C: m.C, Samples: m.Samples, Deep: append([]float32(nil), m.Deep...)}
	}
	return &Image{W: m.W, H: m.H, Pix: append([]uint8(nil), m.Pix...)}
}

// Channels returns the number of channels: 3 of 8-bit RGB.
func (m *Image) Channels() int {
	if m.Deep != nil {
		return m.C
	}
	return 3
}

// Format returns what the image has in common with others of its data set.
func (m *Image) Format() Format {
	if m.Deep != nil {
		return Format{m.C, m.Samples}
	}
	return Format{3, "uint8"}
}

// Check returns an error if the image has no pixels, or not as many values as its sides say.
func (m *Image) Check() error {
	switch {
	case m.W <= 0 || m.H <= 0:
		return fmt.Errorf("%dx%d pixels", m.W, m.H)
	case m.Deep == nil && len(m.Pix) != 3*m.W*m.H:
		return fmt.Errorf("%d bytes for %dx%d pixels: want 3 bytes a pixel", len(m.Pix), m.W, m.H)
	case m.Deep != nil && (m.C < 1 || m.C > MaxChannels || len(m.Deep) != m.C*m.W*m.H):
		return fmt.Errorf("%d values for %dx%d pixels of %d channels", len(m.Deep), m.W, m.H, m.C)
	}
	return nil
}

// Deepen returns an image as a deep one, with levels from 0 to 1. A deep image is returned as it is.
func (m *Image) Deepen() *Image {
	if m.Deep != nil {
		return m
	}
	d := NewDeep(m.W, m.H, 3)
	d.Samples = "uint8"
	for i, v := range m.Pix {
		d.Deep[i] = float32(v) / 255
	}
	return d
}

// Shown returns an image as 8-bit RGB for people to look at. Of a deep image it shows levels from 0 to 1, and clips
// what is beyond: the first three channels as red, green and blue, two as red and green, a single one as grey.
func (m *Image) Shown() *Image {
	if m.Deep == nil {
		return m
	}
	out := NewImage(m.W, m.H)
	for i := range m.W * m.H {
		px := m.Deep[i*m.C : (i+1)*m.C]
		for c := range 3 {
			switch {
			case m.C == 1:
				out.Pix[3*i+c] = level(px[0])
			case c < m.C:
				out.Pix[3*i+c] = level(px[c])
			}
		}
	}
	return out
}

// level rounds a level of 0 to 1 to 8 bits and clips what is beyond. NaN gives 0.
func level(v float32) uint8 {
	if v >= 1 {
		return 255
	}
	if v > 0 {
		return uint8(v*255 + 0.5)
	}
	return 0
}
