// SPDX-License-Identifier: Apache-2.0

package packfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A Kind says what a record holds of its image.
type Kind uint8

// The kinds of record.
const (
	Pixels  Kind = iota // 8-bit RGB, row by row: 3*W*H bytes
	Deep                // float32, little-endian, C values for each pixel, row by row: 4*C*W*H bytes
	Encoded             // an image file
	Failed              // nothing: the image cannot be read
	kinds
)

// A Record describes an image of a shard.
type Record struct {
	Name    string
	Rel     int    // where in Name the path below the split's folder begins
	Split   string // train, val, test, or "": the pack's layout says it
	Label   int    // an index into the pack's classes; -1: unknown, or the pack's layout says it
	Size    int64  // of the image in the data that was packed, in bytes
	Kind    Kind
	W, H, C int    // of Pixels and Deep
	Samples string // of Deep: what the file had, such as "uint16"
	Reason  string // of Failed: why
	Files   []File // what was read to make the image and its label

	// Offset and Length are the place of the payload in the shard, CRC is its CRC-32C. A Writer sets them.
	Offset, Length int64
	CRC            uint32
}

// A File is a file of the data that was packed. An image's own file has the image's name and size.
type File struct {
	Name     string
	Size     int64
	Modified int64 // nanoseconds since 1970
	SHA256   [32]byte
}

var splits = []string{"", "train", "val", "test"}

// MaxChannels bounds the channels of a record.
const MaxChannels = 256

// check returns an error if the record's payload is not what its kind says.
func (r *Record) check() error {
	want := int64(-1)
	switch r.Kind {
	case Pixels:
		r.C = 3
		want = area(r.W, r.H, 3, 1)
	case Deep:
		if r.C < 1 || r.C > MaxChannels {
			return fmt.Errorf("it has %d channels", r.C)
		}
		want = area(r.W, r.H, r.C, 4)
	case Encoded:
		if r.Length > 0 {
			return nil
		}
	case Failed:
		want = 0
	}
	if want < 0 || r.Length != want {
		return fmt.Errorf("it has %d bytes for %dx%d pixels of %d channels", r.Length, r.W, r.H, r.C)
	}
	return nil
}

// area is the bytes of an image, -1 if it has no pixels or too many.
func area(w, h, c, bytes int) int64 {
	const side = 1 << 24
	if w <= 0 || h <= 0 || w > side || h > side || int64(w)*int64(h) > math.MaxInt64/(4*MaxChannels) {
		return -1
	}
	return int64(w) * int64(h) * int64(c) * int64(bytes)
}

// A table is the records of a shard as bytes. Numbers are varints (encoding/binary), texts have their length before
// them. First come the files that records share, then the records.
type table struct {
	shared []File
	place  map[string]int // of shared, by name
	text   []byte         // of the records
	n      int
	last   int64 // the end of the last payload
}

func (t *table) add(r *Record) {
	b := appendText(t.text, r.Name)
	b = binary.AppendUvarint(b, uint64(r.Rel))
	b = append(b, byte(r.Kind), byte(max(0, index(splits, r.Split))))
	b = binary.AppendUvarint(b, uint64(r.Label+1))
	b = binary.AppendUvarint(b, uint64(r.Size))
	b = binary.AppendUvarint(b, uint64(r.Offset-t.last)) // the gap
	b = binary.AppendUvarint(b, uint64(r.Length))
	t.last = r.Offset + r.Length
	b = binary.LittleEndian.AppendUint32(b, r.CRC)
	switch r.Kind {
	case Pixels, Deep:
		b = binary.AppendUvarint(b, uint64(r.W))
		b = binary.AppendUvarint(b, uint64(r.H))
		if r.Kind == Deep {
			b = binary.AppendUvarint(b, uint64(r.C))
			b = appendText(b, r.Samples)
		}
	case Failed:
		b = appendText(b, r.Reason)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Files)))
	for _, f := range r.Files {
		if f.Name == r.Name && f.Size == r.Size {
			b = append(b, 0) // its own
			b = binary.AppendVarint(b, f.Modified)
			b = append(b, f.SHA256[:]...)
			continue
		}
		if t.place == nil {
			t.place = map[string]int{}
		}
		at, known := t.place[f.Name]
		if !known {
			at = len(t.shared)
			t.place[f.Name] = at
			t.shared = append(t.shared, f)
		}
		b = binary.AppendUvarint(b, uint64(at)+1)
	}
	t.text = b
	t.n++
}

// bytes is the table.
func (t *table) bytes() []byte {
	b := binary.AppendUvarint(nil, uint64(len(t.shared)))
	for _, f := range t.shared {
		b = appendText(b, f.Name)
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = binary.AppendVarint(b, f.Modified)
		b = append(b, f.SHA256[:]...)
	}
	return append(b, t.text...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func index(list []string, s string) int {
	for i, v := range list {
		if v == s {
			return i
		}
	}
	return -1
}

var errTable = errors.New("its table is damaged")

// parse returns the n records of a table. Their payloads lie before end.
func parse(text []byte, n int, end int64) ([]Record, error) {
	const least = 14 // bytes of a record
	if n < 0 || n > len(text)/least {
		return nil, errTable
	}
	p := parser{text: text}
	files := int(p.number(int64(len(text))))
	if files > len(text)/34 {
		return nil, errTable
	}
	shared := make([]File, files)
	for i := range shared {
		shared[i] = File{Name: p.string(), Size: p.number(math.MaxInt64)}
		shared[i].Modified, shared[i].SHA256 = p.signed(), p.hash()
	}
	all := make([]Record, n)
	at := int64(headerBytes)
	for i := range all {
		r := &all[i]
		r.Name = p.string()
		r.Rel = int(p.number(int64(len(r.Name))))
		r.Kind = Kind(p.byte())
		split := p.byte()
		if r.Kind >= kinds || int(split) >= len(splits) || p.bad {
			return nil, errTable
		}
		r.Split = splits[split]
		r.Label = int(p.number(math.MaxInt32)) - 1
		r.Size = p.number(math.MaxInt64)
		r.Offset = at + p.number(end)
		r.Length = p.number(end)
		if r.Offset > end || r.Length > end-r.Offset {
			return nil, errTable
		}
		at = r.Offset + r.Length
		r.CRC = p.uint32()
		switch r.Kind {
		case Pixels, Deep:
			r.W, r.H = int(p.number(math.MaxInt32)), int(p.number(math.MaxInt32))
			if r.Kind == Deep {
				r.C, r.Samples = int(p.number(MaxChannels)), p.string()
			}
		case Failed:
			r.Reason = p.string()
		}
		count := int(p.number(int64(len(text))))
		if p.bad || count > len(p.text) { // each takes a byte
			return nil, errTable
		}
		if count > 0 {
			r.Files = make([]File, count)
		}
		for k := range r.Files {
			place := p.number(int64(files))
			if place > 0 {
				r.Files[k] = shared[place-1]
				continue
			}
			r.Files[k] = File{Name: r.Name, Size: r.Size, Modified: p.signed(), SHA256: p.hash()}
		}
		if p.bad || r.check() != nil {
			return nil, errTable
		}
	}
	if len(p.text) > 0 {
		return nil, errTable
	}
	return all, nil
}

// parser reads a table. After a mistake all that it returns is zero.
type parser struct {
	text []byte
	bad  bool
}

func (p *parser) fail() { p.bad, p.text = true, nil }

// take returns the next n bytes, nil if there are fewer.
func (p *parser) take(n int) []byte {
	if n > len(p.text) {
		p.fail()
		return nil
	}
	b := p.text[:n]
	p.text = p.text[n:]
	return b
}

// number reads a number of at most most.
func (p *parser) number(most int64) int64 {
	v, n := binary.Uvarint(p.text)
	if n <= 0 || v > uint64(most) {
		p.fail()
		return 0
	}
	p.text = p.text[n:]
	return int64(v)
}

func (p *parser) signed() int64 {
	v, n := binary.Varint(p.text)
	if n <= 0 {
		p.fail()
		return 0
	}
	p.text = p.text[n:]
	return v
}

func (p *parser) string() string { return string(p.take(int(p.number(int64(len(p.text)))))) }

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uint32() uint32 {
	if b := p.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (p *parser) hash() (h [32]byte) {
	copy(h[:], p.take(len(h)))
	return h
}
