// SPDX-License-Identifier: Apache-2.0

package orientation

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"unicode/utf8"
)

// maxText bounds what a compressed text is expanded to.
const maxText = 1 << 20

// The keywords of texts with metadata: ImageMagick's for EXIF data in hexadecimal, and XMP's (part 3, 1.1.5).
const (
	keywordExif = "Raw profile type exif"
	keywordXMP  = "XML:com.adobe.xmp"
)

// PNG returns the orientation of a PNG file. The data may stand in a chunk eXIf or in a text, before or behind the
// pixels. Of an animation, what follows the first frame belongs to others.
func PNG(data []byte) int {
	p := pngMetadata{}
	p.read(data)
	if p.exif == nil && p.profile != nil {
		p.exif = profile(p.profile)
	}
	if len(p.text) > 0 {
		p.xmp = p.text
	}
	return of(p.exif, p.xmp)
}

type pngMetadata struct {
	exif    []byte
	profile []byte // the text keywordExif
	text    []byte // the text keywordXMP
	xmp     []byte // the same, if it is a text of any encoding
}

func (p *pngMetadata) read(data []byte) {
	frames, framed, pixels := uint32(0), false, false
	for at := 8; at+8 <= len(data); {
		n := int(binary.BigEndian.Uint32(data[at:]))
		name := string(data[at+4 : at+8])
		at += 8
		if name == "IEND" || n > len(data)-at {
			return
		}
		chunk := data[at : at+n]
		at += n + 4
		switch name {
		case "IDAT":
			pixels = true
		case "acTL":
			if n >= 8 && !pixels {
				frames = binary.BigEndian.Uint32(chunk)
			}
		case "fcTL":
			// Without one before the pixels, these are no frame of the animation, but come before its first.
			if pixels && (frames > 1 || frames == 1 && !framed) {
				return
			}
			framed = true
		case "eXIf":
			p.exif = chunk
		case "tEXt", "zTXt", "iTXt":
			p.addText(name, chunk)
		}
	}
}

// addText keeps a text with metadata.
func (p *pngMetadata) addText(kind string, chunk []byte) {
	key, rest, found := bytes.Cut(chunk, []byte{0})
	keyword := string(key)
	if !found || keyword != keywordExif && keyword != keywordXMP && keyword != "exif" {
		return
	}
	plain := true
	switch kind {
	case "zTXt":
		if len(rest) < 1 || rest[0] != 0 {
			return
		}
		rest, _ = inflate(rest[1:])
	case "iTXt":
		if rest, plain = international(rest); rest == nil {
			return
		}
		if keyword == keywordXMP {
			p.xmp = rest
		}
	}
	switch {
	case !plain:
	case keyword == keywordExif:
		p.profile = rest
	case keyword == keywordXMP:
		p.text = rest
	case kind == "tEXt":
		p.exif = rest
	}
}

// international returns the text of an iTXt chunk behind its keyword (PNG, 11.3.3.4), and whether all of it is UTF-8.
func international(rest []byte) (text []byte, plain bool) {
	if len(rest) < 2 {
		return nil, false
	}
	compressed, method := rest[0], rest[1]
	parts := bytes.SplitN(rest[2:], []byte{0}, 3)
	if len(parts) < 3 {
		return nil, false
	}
	text = parts[2]
	if compressed != 0 {
		var ok bool
		if text, ok = inflate(text); !ok || method != 0 {
			return nil, false
		}
	}
	return text, utf8.Valid(parts[0]) && utf8.Valid(parts[1]) && utf8.Valid(text)
}

// inflate expands a compressed text. One that is cut short is used as far as it goes.
func inflate(data []byte) ([]byte, bool) {
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, false
	}
	text, err := io.ReadAll(io.LimitReader(z, maxText+1))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || len(text) > maxText {
		return nil, false
	}
	return text, true
}

// profile decodes ImageMagick's text: an empty line, a name, a length, and hexadecimal digits.
func profile(text []byte) []byte {
	lines := bytes.SplitN(text, []byte{'\n'}, 4)
	if len(lines) < 4 {
		return nil
	}
	digits := bytes.Join(bytes.Fields(lines[3]), nil)
	exif := make([]byte, len(digits)/2)
	if _, err := hex.Decode(exif, digits); err != nil {
		return nil
	}
	return exif
}
