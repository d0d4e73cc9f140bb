// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The Parquet library takes memory for what lists, pages and values claim to be before it reads them. What a file says
// of itself is therefore compared with its bytes first.
const (
	mostFooter     = 16 << 20 // bytes of the description of a Parquet file: tens of thousands of row groups
	mostPageHeader = 16 << 20 // it may hold the least and the greatest value of its page, which are whole images
	thriftDepth    = 32
	thriftStruct   = 3 // bytes that a structure in a list takes at least
)

var errThrift = errors.New("the description of its columns is damaged")

// checkFooter checks the description at the end of a Parquet file of the given size.
func checkFooter(r io.ReaderAt, size int64) error {
	var ends [8]byte
	if size < 12 {
		return errors.New("too short for a Parquet file: copy it again")
	}
	if _, err := r.ReadAt(ends[:], size-8); err != nil {
		return err
	}
	switch string(ends[4:]) {
	case "PAR1":
	case "PARE":
		return errors.New("an encrypted Parquet file, which is not read")
	default:
		return errors.New("not a Parquet file, or one that is cut short: copy it again")
	}
	n := int64(binary.LittleEndian.Uint32(ends[:4]))
	if n > size-12 || n > mostFooter {
		return fmt.Errorf("its description claims %d bytes: the file is damaged, copy it again", n)
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-8-n); err != nil {
		return err
	}
	_, err := thriftLength(footer)
	return err
}

// checkPages checks the pages of a column chunk, which has the given number of rows, against the bytes of the file.
func checkPages(r io.ReaderAt, chunk *format.ColumnMetaData, rows int64) error {
	at := chunk.DataPageOffset
	if d := chunk.DictionaryPageOffset; d != 0 {
		at = d
	}
	left := chunk.TotalCompressedSize
	head := make([]byte, 512)
	var protocol thrift.CompactProtocol
	for values := int64(0); left > 0 && values < chunk.NumValues; {
		n, header, err := pageHeader(r, at, left, &head, &protocol)
		if err != nil {
			return err
		}
		packed, plain := int64(header.CompressedPageSize), int64(header.UncompressedPageSize)
		var claimed int64
		var by format.Encoding
		switch header.Type {
		case format.DataPage:
			claimed, by = int64(header.DataPageHeader.V.NumValues), header.DataPageHeader.V.Encoding
			values += claimed
		case format.DataPageV2:
			claimed, by = int64(header.DataPageHeaderV2.V.NumValues), header.DataPageHeaderV2.V.Encoding
			values += claimed
		case format.DictionaryPage:
			claimed = int64(header.DictionaryPageHeader.V.NumValues)
			rows = max(rows, plain)
		}
		switch {
		case packed < 0 || packed > left-n || plain < 0 || plain > unpackLimit(packed) || claimed < 0 || claimed > rows:
			return fmt.Errorf("a page claims %d bytes, %d unpacked, and %d values: the file is damaged, copy it again",
				packed, plain, claimed)
		case by == format.DeltaByteArray: // a value may be any number of times as long as its bytes in the file
			return errors.New("a column is packed as DELTA_BYTE_ARRAY, which is not read")
		}
		at, left = at+n+packed, left-n-packed
	}
	return nil
}

// pageHeader reads the header of the page at offset at, of which left bytes are in the column chunk, and returns its
// length. It uses head as a buffer.
func pageHeader(r io.ReaderAt, at, left int64, head *[]byte, p *thrift.CompactProtocol) (int64, *format.PageHeader,
	error,
) {
	for {
		part := (*head)[:min(int64(len(*head)), left)]
		if n, err := r.ReadAt(part, at); n < len(part) {
			return 0, nil, err
		}
		n, err := thriftLength(part)
		if err != nil && len(part) == len(*head) && len(part) < mostPageHeader {
			*head = slices.Grow(*head, 4*len(part))[:4*len(part)] // minima and maxima can be long
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		header := new(format.PageHeader)
		return int64(n), header, thrift.Unmarshal(p, part[:n], header)
	}
}

// thriftLength returns the length of the structure that b begins with, in Thrift's compact protocol. It is an error if
// the structure is not whole, or if a list claims more elements than its bytes can hold.
func thriftLength(b []byte) (int, error) {
	w := thriftWalk{b: b}
	err := w.structure(0)
	return w.at, err
}

type thriftWalk struct {
	b  []byte
	at int
}

func (w *thriftWalk) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.at:])
	if n <= 0 {
		return 0, errThrift
	}
	w.at += n
	return v, nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.b)-w.at) {
		return errThrift
	}
	w.at += int(n)
	return nil
}

func (w *thriftWalk) byte() (byte, error) {
	if w.at == len(w.b) {
		return 0, errThrift
	}
	w.at++
	return w.b[w.at-1], nil
}

func (w *thriftWalk) structure(depth int) error {
	if depth > thriftDepth {
		return errThrift
	}
	for {
		head, err := w.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the number of the field follows
			if _, err := w.uvarint(); err != nil {
				return err
			}
		}
		if kind := head & 15; kind > 2 { // 1 and 2 are true and false
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

// value passes over a value of a type of the compact protocol.
func (w *thriftWalk) value(kind byte, depth int) error {
	switch kind {
	case 1, 2, 3: // in a list a truth value takes a byte
		return w.skip(1)
	case 4, 5, 6:
		_, err := w.uvarint()
		return err
	case 7:
		return w.skip(8)
	case 8:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case 9, 10:
		return w.list(depth)
	case 12:
		return w.structure(depth + 1)
	}
	return errThrift // maps are not in Parquet's structures
}

func (w *thriftWalk) list(depth int) error {
	head, err := w.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		if n, err = w.uvarint(); err != nil {
			return err
		}
	}
	least := uint64(1)
	if kind == 12 {
		least = thriftStruct
	}
	if depth > thriftDepth || n > uint64(len(w.b)-w.at)/least {
		return errThrift
	}
	for range n {
		if err := w.value(kind, depth+1); err != nil {
			return err
		}
	}
	return nil
}
