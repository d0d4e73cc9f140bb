// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
)

// webpFrame is the picture of a WebP file: the first frame of an animation.
type webpFrame struct {
	canvas   image.Point // the size of the whole
	at, size image.Point // where the frame is on it
	lossless bool        // VP8L, not VP8
	bits     []byte
}

// errWebP is of a file that libwebp's demultiplexer refuses, too.
var errWebP = errors.New("the WebP file is damaged")

// readWebP walks the chunks of a file (WebP container specification) up to the picture. It checks that the picture fits
// what the container says of it.
func readWebP(data []byte) (*webpFrame, error) {
	end := 8 + uint64(binary.LittleEndian.Uint32(data[4:]))
	if end > uint64(len(data)) {
		return nil, errors.New("the WebP file is cut short")
	}
	chunks := riff(data[min(12, end):end])
	name, payload, err := chunks.next()
	if err != nil {
		return nil, err
	}
	if name != "VP8X" {
		f, err := newWebPFrame(name, payload)
		if err != nil {
			return nil, err
		}
		f.canvas = f.size
		return f, nil
	}
	if len(payload) < 10 {
		return nil, errWebP
	}
	const animated = 1 << 1
	f, err := chunks.picture(payload[0]&animated != 0)
	if err != nil {
		return nil, err
	}
	f.canvas = image.Pt(1+uint24(payload[4:]), 1+uint24(payload[7:]))
	still := payload[0]&animated == 0
	if still && f.size != f.canvas || !f.at.Add(f.size).In(image.Rectangle{Max: f.canvas.Add(image.Pt(1, 1))}) {
		return nil, fmt.Errorf("a WebP picture of %v pixels at %v, which does not fit its canvas of %v", f.size, f.at,
			f.canvas)
	}
	return f, nil
}

// riff is a list of chunks.
type riff []byte

// next takes the first chunk. A chunk of odd length is followed by a byte of padding.
func (r *riff) next() (name string, payload []byte, err error) {
	if len(*r) < 8 {
		return "", nil, errors.New("a WebP file without a picture")
	}
	n := uint64(binary.LittleEndian.Uint32((*r)[4:]))
	if padded := n + n&1; padded > uint64(len(*r)-8) {
		return "", nil, errWebP
	}
	name, payload = string((*r)[:4]), (*r)[8:8+n]
	*r = (*r)[8+n+n&1:]
	return name, payload, nil
}

// picture looks for the picture in the chunks behind VP8X, over those of other kinds.
func (r *riff) picture(animated bool) (*webpFrame, error) {
	for {
		name, payload, err := r.next()
		if err != nil {
			return nil, err
		}
		switch {
		case name == "VP8 ", name == "VP8L":
			return newWebPFrame(name, payload)
		case name == "ANMF" && animated:
			return readANMF(payload)
		}
	}
}

// readANMF reads a frame of an animation. As in libwebp, its size is that of the bitstream, whatever the frame says.
func readANMF(payload []byte) (*webpFrame, error) {
	if len(payload) < 16 {
		return nil, errWebP
	}
	chunks := riff(payload[16:])
	f, err := chunks.picture(false)
	if err != nil {
		return nil, err
	}
	f.at = image.Pt(2*uint24(payload), 2*uint24(payload[3:]))
	return f, nil
}

// newWebPFrame reads the size in the header of a bitstream.
func newWebPFrame(name string, payload []byte) (*webpFrame, error) {
	f := &webpFrame{bits: payload}
	switch name {
	case "VP8 ":
		d := vp8.NewDecoder()
		d.Init(bytes.NewReader(payload), len(payload))
		h, err := d.DecodeFrameHeader()
		if err != nil {
			return nil, err
		}
		if !h.KeyFrame || !h.ShowFrame || h.VersionNumber > 3 {
			return nil, errWebP
		}
		f.size = image.Pt(h.Width, h.Height)
	case "VP8L":
		c, err := vp8l.DecodeConfig(bytes.NewReader(payload))
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		f.lossless, f.size = true, image.Pt(c.Width, c.Height)
	default:
		return nil, fmt.Errorf("a WebP file that begins with the chunk %q", name)
	}
	return f, nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
