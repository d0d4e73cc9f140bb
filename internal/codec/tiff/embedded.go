// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// samplesRows are the rows of a picture that was decoded as a whole.
type samplesRows struct {
	*Samples
	y int
}

func (s *samplesRows) next(row []uint8) error {
	if s.y == s.H {
		return errors.New("it ends before its last row")
	}
	copy(row, s.Pix[s.y*s.W*s.N:(s.y+1)*s.W*s.N])
	s.y++
	return nil
}

// mostEmbedded bounds the pixels of a chunk's picture, which is in memory as a whole.
func (p *page) mostEmbedded() int { return min(p.chunkW*p.chunkH, 2*p.w*p.h+1<<20) }

// embedded checks that a chunk's picture has the chunk's size. The picture of the last strip may have more rows.
func (p *page) embedded(s *Samples, n, h int) (rows, error) {
	if s.N != n || s.W != p.chunkW || s.H < h || s.H > p.chunkH {
		return nil, fmt.Errorf("it holds %dx%d pixels of %d samples, not %dx%d of %d", s.W, s.H, s.N, p.chunkW, h, n)
	}
	return &samplesRows{Samples: s}, nil
}

// webp decodes a chunk that is a WebP file, lossy or lossless. Its alpha is dropped.
func (p *page) webp(data []byte, h int) (rows, error) {
	if p.photometric != rgb || p.planes > 1 || p.bits != 8 || p.samples > 4 {
		return nil, errors.New("WebP of other samples than RGB")
	}
	s, err := p.options.WebP(data, p.mostEmbedded())
	if err != nil {
		return nil, err
	}
	if p.samples == 4 {
		four := &Samples{s.W, s.H, 4, make([]uint8, 4*s.W*s.H)}
		for i := range s.W * s.H {
			copy(four.Pix[4*i:4*i+3], s.Pix[3*i:])
		}
		s = four
	}
	return p.embedded(s, p.samples, h)
}

// jpeg decodes a chunk that is a JPEG file without its tables.
func (p *page) jpeg(data []byte, h int) (rows, error) {
	file, components, err := p.jpegFile(data)
	if err != nil {
		return nil, err
	}
	s, err := p.options.JPEG(file, p.mostEmbedded())
	if err != nil {
		return nil, err
	}
	if components == 1 && s.N == 3 { // decoded to RGB
		for i := range s.W * s.H {
			s.Pix[i] = s.Pix[3*i]
		}
		s.N = 1
	}
	return p.embedded(s, p.samples/p.planes, h)
}

// jpegFile joins the page's tables and a chunk to a JPEG file of so many components. An Adobe marker tells a decoder
// that they are YCbCr or are not, as the page says and whatever the chunk says.
func (p *page) jpegFile(chunk []byte) (file []byte, components int, err error) {
	transform := byte(0)
	if p.photometric == yCbCr {
		transform = 1
	}
	file = append([]byte("\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"), transform)
	if len(p.tables) > 0 {
		tables, err := readJPEG(p.tables)
		if err != nil {
			return nil, 0, fmt.Errorf("its JPEG tables: %w", err)
		}
		file = append(file, tables.header...)
	}
	parts, err := readJPEG(chunk)
	if err != nil {
		return nil, 0, err
	}
	return append(append(file, parts.header...), parts.scans...), parts.components, nil
}

// jpegParts are the parts of a JPEG file.
type jpegParts struct {
	header     []byte // the segments before the first scan, without those that tell the colours
	components int
	scans      []byte // what follows the header
}

func readJPEG(data []byte) (p jpegParts, err error) {
	if !bytes.HasPrefix(data, []byte("\xff\xd8")) {
		return p, errors.New("it is no JPEG file")
	}
	for at := 2; at+2 <= len(data); {
		marker := data[at+1]
		switch {
		case data[at] != 0xff:
			return p, errors.New("its JPEG file has no marker where one should be")
		case marker == 0xff: // a byte that fills
			at++
			continue
		case marker == 0xda, marker == 0xd9: // the scan, the end
			p.scans = data[at:]
			return p, nil
		case at+4 > len(data):
			return p, nil
		}
		next := at + 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if next > len(data) {
			return p, errors.New("its JPEG file ends within its header")
		}
		frame := marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
		if frame && next-at >= 10 {
			p.components = int(data[at+9])
		}
		if marker != 0xe0 && marker != 0xee { // JFIF, Adobe
			p.header = append(p.header, data[at:next]...)
		}
		at = next
	}
	return p, nil
}
