// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"fmt"
	"image"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"

	"github.com/parallax-ssl/parallax/augment"
)

func isWebP(head []byte) bool {
	return bytes.HasPrefix(head, []byte("RIFF")) && len(head) >= 12 && string(head[8:12]) == "WEBP"
}

// decodeWebP decodes the image, or the first frame of an animation in its place on a black canvas. Alpha is not looked
// at, not even whether it is sound.
func decodeWebP(data []byte, o Options) (*augment.Image, error) {
	f, err := readWebP(data)
	if err != nil {
		return nil, err
	}
	if err := o.admit(header{w: f.canvas.X, h: f.canvas.Y, bits: 24, by: blank, buffer: 8}, len(data)); err != nil {
		return nil, err
	}
	img, err := f.decode()
	if err != nil {
		return nil, err
	}
	return onCanvas(img, f.at, f.canvas.X, f.canvas.Y), nil
}

// decode decodes the frame's bitstream.
func (f *webpFrame) decode() (*augment.Image, error) {
	if f.lossless {
		img, err := vp8l.Decode(bytes.NewReader(f.bits))
		if err != nil {
			return nil, err
		}
		return augment.FromImage(img), nil
	}
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(f.bits), len(f.bits))
	if _, err := d.DecodeFrameHeader(); err != nil {
		return nil, err
	}
	img, err := d.DecodeFrame()
	if err != nil {
		return nil, fmt.Errorf("the VP8 data is damaged or cut short: %w", err)
	}
	return fromWebP(img), nil
}

// onCanvas puts a frame in its place on a canvas of w by h pixels; the rest is black.
func onCanvas(frame *augment.Image, at image.Point, w, h int) *augment.Image {
	if frame.W == w && frame.H == h {
		return frame
	}
	out := augment.NewImage(w, h)
	for y := range frame.H {
		copy(out.Pix[3*((at.Y+y)*w+at.X):], frame.Pix[3*y*frame.W:3*(y+1)*frame.W])
	}
	return out
}
