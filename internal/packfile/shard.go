// SPDX-License-Identifier: Apache-2.0

package packfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

const (
	magic        = "\x89PLXPK\r\n" // a transfer as text changes it
	headerBytes  = 64
	trailerBytes = 64
	// aligned is what the offsets of payloads are multiples of: a cache line, and the size of no value is larger.
	aligned = 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An ID tells the shards of one pack from those of another.
type ID [16]byte

// header is the first bytes of a shard.
func header(number int, id ID) []byte {
	b := make([]byte, headerBytes)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], Version)
	binary.LittleEndian.PutUint32(b[12:], uint32(number))
	copy(b[16:], id[:])
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// A Writer writes a shard.
type Writer struct {
	to    io.Writer
	hash  hash.Hash
	at    int64
	table table
}

// NewWriter begins the shard of a pack with the given number.
func NewWriter(w io.Writer, number int, id ID) (*Writer, error) {
	s := &Writer{hash: sha256.New()}
	s.to = io.MultiWriter(w, s.hash)
	s.table.last = headerBytes
	return s, s.write(header(number, id))
}

func (w *Writer) write(b []byte) error {
	n, err := w.to.Write(b)
	w.at += int64(n)
	return err
}

// pad writes zeros up to a multiple of aligned.
func (w *Writer) pad() error { return w.write(make([]byte, -w.at&(aligned-1))) }

// Images returns the number of images so far.
func (w *Writer) Images() int { return w.table.n }

// After returns the bytes that the payloads would take with another one of the given length.
func (w *Writer) After(length int) int64 { return w.at + -w.at&(aligned-1) + int64(length) }

// Add writes an image. It sets the record's place.
func (w *Writer) Add(r *Record, payload []byte) error {
	r.Length = int64(len(payload))
	if err := r.check(); err != nil {
		return fmt.Errorf("%q: %w", r.Name, err)
	}
	if r.Length > 0 {
		if err := w.pad(); err != nil {
			return err
		}
	}
	r.Offset, r.CRC = w.at, crc32.Checksum(payload, castagnoli)
	w.table.add(r)
	return w.write(payload)
}

// Close writes the table and the trailer.
func (w *Writer) Close() error {
	if err := w.pad(); err != nil {
		return err
	}
	text, at := w.table.bytes(), w.at
	if err := w.write(text); err != nil {
		return err
	}
	b := make([]byte, trailerBytes)
	binary.LittleEndian.PutUint64(b, uint64(at))
	binary.LittleEndian.PutUint64(b[8:], uint64(len(text)))
	binary.LittleEndian.PutUint32(b[16:], uint32(w.table.n))
	binary.LittleEndian.PutUint32(b[20:], crc32.Checksum(text, castagnoli))
	copy(b[24:], w.hash.Sum(nil))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return w.write(b)
}

// A Shard is an opened shard: what its table says. Reading is safe for concurrent use if r is.
type Shard struct {
	Size    int64
	SHA256  [32]byte // of all bytes before the trailer, as the trailer says
	Records []Record
	r       io.ReaderAt
}

// ErrDamaged is wrapped by the errors of shards and payloads that are not as they were written.
var ErrDamaged = errors.New("damaged")

func damaged(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, a...))
}

// OpenShard reads the table of the shard in the size bytes of r.
func OpenShard(r io.ReaderAt, size int64, number int, id ID) (*Shard, error) {
	if size < headerBytes+trailerBytes {
		return nil, damaged("%d bytes are too few", size)
	}
	head, b := make([]byte, headerBytes), make([]byte, trailerBytes)
	if err := readAt(r, head, 0); err != nil {
		return nil, err
	}
	if err := readAt(r, b, size-trailerBytes); err != nil {
		return nil, err
	}
	switch {
	case string(head[:len(magic)]) != magic:
		return nil, damaged("it does not begin like a shard")
	case binary.LittleEndian.Uint32(head[8:]) > Version:
		return nil, fmt.Errorf("a newer Parallax wrote it, in format %d: this one reads up to %d",
			binary.LittleEndian.Uint32(head[8:]), Version)
	case !bytes.Equal(head, header(number, id)):
		return nil, damaged("it is another shard, or one of another pack")
	case binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli):
		return nil, damaged("its end is missing or not its own")
	}
	at, length := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if end := uint64(size - trailerBytes); at > end || length != end-at || at < headerBytes {
		return nil, damaged("it has %d bytes, and not those that its end says", size)
	}
	text := make([]byte, length)
	if err := readAt(r, text, int64(at)); err != nil {
		return nil, err
	}
	if crc32.Checksum(text, castagnoli) != binary.LittleEndian.Uint32(b[20:]) {
		return nil, damaged("its table has another checksum")
	}
	records, err := parse(text, int(binary.LittleEndian.Uint32(b[16:])), int64(at))
	if err != nil {
		return nil, damaged("%v", err)
	}
	return &Shard{Size: size, SHA256: [32]byte(b[24:56]), Records: records, r: r}, nil
}

// readAt fills b. A file that ends before is damaged; other errors may pass.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return damaged("it ends after %d bytes", at+int64(n))
	}
	return err
}

// Payload reads what the record holds into buf, which has its length, and checks it.
func Payload(r io.ReaderAt, record *Record, buf []byte) error {
	if err := readAt(r, buf, record.Offset); err != nil {
		return err
	}
	if crc32.Checksum(buf, castagnoli) != record.CRC {
		return damaged("its bytes have another checksum")
	}
	return nil
}

// Verify reads all of the shard. It calls bad for each image that is damaged, and returns an error if any byte is.
func (s *Shard) Verify(ctx context.Context, bad func(r *Record, err error)) error {
	h := sha256.New()
	buffer := make([]byte, 1<<20)
	for at := int64(0); at < s.Size-trailerBytes; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		part := buffer[:min(int64(len(buffer)), s.Size-trailerBytes-at)]
		if err := readAt(s.r, part, at); err != nil {
			return err
		}
		h.Write(part)
		at += int64(len(part))
	}
	if [32]byte(h.Sum(nil)) == s.SHA256 {
		return nil
	}
	for i := range s.Records {
		r := &s.Records[i]
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := Payload(s.r, r, make([]byte, r.Length)); err != nil {
			bad(r, err)
		}
	}
	return damaged("its bytes have another hash")
}
