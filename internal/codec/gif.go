// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parallax-ssl/parallax/augment"
)

// The first frame of a GIF is read here rather than by image/gif, which refuses frames beyond the screen, a screen of
// 0x0, files without a palette and unknown extensions. Numbers in brackets are sections of the GIF89a specification.

func isGIF(head []byte) bool {
	return bytes.HasPrefix(head, []byte("GIF87a")) || bytes.HasPrefix(head, []byte("GIF89a"))
}

// gifFrame is the first frame and what is before it.
type gifFrame struct {
	screenW, screenH int
	x, y, w, h       int
	interlaced       bool
	transparent      int // an index; 0 if there is none
	colours          [256][3]uint8
	codeBits         int // LZW's least code size
}

func decodeGIF(data []byte, o Options) (*augment.Image, error) {
	r := bytes.NewReader(data)
	f, err := readGIF(r)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("the file is cut short")
	}
	if err != nil {
		return nil, err
	}
	// Like Pillow, enlarge the screen so that it holds the frame.
	w, h := max(f.screenW, f.x+f.w), max(f.screenH, f.y+f.h)
	if err := o.admit(header{w: w, h: h, bits: 8, by: blank}, len(data)); err != nil {
		return nil, err
	}
	if err := o.admit(header{w: f.w, h: f.h, bits: 8, by: lzwCodes}, len(data)); err != nil {
		return nil, err
	}
	img := augment.NewImage(w, h)
	if f.w < w || f.h < h {
		outside := f.colours[f.transparent]
		for p := 0; p < len(img.Pix); p += 3 {
			copy(img.Pix[p:], outside[:])
		}
	}
	indices := lzw.NewReader(&gifBlocks{r: r}, lzw.LSB, f.codeBits)
	defer indices.Close()
	row := make([]byte, f.w)
	for y := range f.rows() {
		if _, err := io.ReadFull(indices, row); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, errors.New("the file is cut short")
			}
			return nil, fmt.Errorf("its pixels are damaged: %w", err)
		}
		out := img.Pix[3*((f.y+y)*w+f.x):]
		for i, index := range row {
			copy(out[3*i:3*i+3], f.colours[index][:])
		}
	}
	return img, nil
}

// readGIF reads up to the compressed pixels of the first frame.
func readGIF(r *bytes.Reader) (*gifFrame, error) {
	var head [13]byte // signature and logical screen descriptor [17, 18]
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	f := &gifFrame{}
	f.screenW, f.screenH = int(binary.LittleEndian.Uint16(head[6:])), int(binary.LittleEndian.Uint16(head[8:]))
	for i := range f.colours { // without any palette
		f.colours[i] = [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	if err := f.readPalette(r, head[10]); err != nil {
		return nil, err
	}
	for {
		kind, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		switch kind {
		case '!':
			err = f.readExtension(r)
		case ',':
			return f, f.readDescriptor(r)
		case ';':
			err = errors.New("it has no image")
		}
		if err != nil {
			return nil, err
		}
	}
}

// readPalette reads a colour table [19, 21] if the flags say that one follows. Beyond its end the colours are black.
func (f *gifFrame) readPalette(r io.Reader, flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	table := make([]byte, 3<<(flags&7+1))
	if _, err := io.ReadFull(r, table); err != nil {
		return err
	}
	f.colours = [256][3]uint8{}
	for i := range len(table) / 3 {
		f.colours[i] = [3]uint8(table[3*i:])
	}
	return nil
}

// readExtension skips an extension [23 to 26]. It takes the transparent index of a graphic control extension.
func (f *gifFrame) readExtension(r *bytes.Reader) error {
	label, err := r.ReadByte()
	if err != nil {
		return err
	}
	blocks := &gifBlocks{r: r}
	if label == 0xf9 {
		var control [4]byte
		if n, err := io.ReadFull(blocks, control[:]); err == nil && control[0]&1 != 0 {
			f.transparent = int(control[3])
		} else if n == 0 && errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	_, err = io.Copy(io.Discard, blocks)
	return err
}

// readDescriptor reads the image descriptor [20], a local palette and the code size [22].
func (f *gifFrame) readDescriptor(r *bytes.Reader) error {
	var d [9]byte
	if _, err := io.ReadFull(r, d[:]); err != nil {
		return err
	}
	f.x, f.y = int(binary.LittleEndian.Uint16(d[0:])), int(binary.LittleEndian.Uint16(d[2:]))
	f.w, f.h = int(binary.LittleEndian.Uint16(d[4:])), int(binary.LittleEndian.Uint16(d[6:]))
	f.interlaced = d[8]&0x40 != 0
	if err := f.readPalette(r, d[8]); err != nil {
		return err
	}
	bits, err := r.ReadByte()
	if err != nil {
		return err
	}
	if bits < 2 || bits > 8 {
		return fmt.Errorf("its pixels have %d bits, not 2 to 8", bits)
	}
	f.codeBits = int(bits)
	return nil
}

// rows yields the numbers of the rows in the order of the file [appendix E].
func (f *gifFrame) rows() func(yield func(int) bool) {
	passes := [][2]int{{0, 1}}
	if f.interlaced {
		passes = [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	return func(yield func(int) bool) {
		for _, p := range passes {
			for y := p[0]; y < f.h; y += p[1] {
				if !yield(y) {
					return
				}
			}
		}
	}
}

// gifBlocks reads as the joined contents of data sub-blocks [15], up to the block terminator [16].
type gifBlocks struct {
	r    *bytes.Reader
	left int
	done bool
}

func (b *gifBlocks) Read(p []byte) (int, error) {
	for b.left == 0 {
		if b.done {
			return 0, io.EOF
		}
		n, err := b.r.ReadByte()
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		b.left, b.done = int(n), n == 0
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
