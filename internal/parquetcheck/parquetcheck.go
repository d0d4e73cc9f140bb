// SPDX-License-Identifier: Apache-2.0

// Package parquetcheck refuses hostile and damaged Parquet files before parquet-go reads them. That library takes
// memory for what lists, pages and compressed data claim to be before it reads them. This package compares the claims
// with the file's bytes and the caller's limits first, and takes little memory itself.
package parquetcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	mostFooter     = 64 << 20 // bytes of the description of a file: 100,000 row groups
	mostPageHeader = 16 << 20 // it may hold the least and the greatest value of its page, which can be whole images
	usualHeader    = 512
	ends           = 12 // bytes: a magic number at the beginning, and the footer's length and another one at the end
)

// Footer checks the description at the end of a Parquet file of size bytes. An error says what is wrong with the file,
// which it does not name, and the remedy.
func Footer(r io.ReaderAt, size int64) error {
	if size < ends {
		return errors.New("too short for a Parquet file: copy it again")
	}
	var tail [8]byte
	if err := readAt(r, tail[:], size-8); err != nil {
		return err
	}
	switch string(tail[4:]) {
	case "PAR1":
	case "PARE":
		return errors.New("an encrypted Parquet file, which is not read: write it without encryption")
	default:
		return errors.New("not a Parquet file, or one that is cut short or not complete yet: copy it again")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-ends {
		return fmt.Errorf("its footer claims %d bytes, of a file of %d: the file is damaged, copy it again", n, size)
	}
	if n > mostFooter {
		return fmt.Errorf("its footer claims %d bytes, and at most %d are read: the file is damaged (copy it again), "+
			"or has too many row groups (write it with larger ones)", n, mostFooter)
	}
	footer := make([]byte, n)
	if err := readAt(r, footer, size-8-n); err != nil {
		return err
	}
	if _, err := structLength(footer); err != nil {
		return fmt.Errorf("its footer is damaged (%w): copy the file again", err)
	}
	return nil
}

// Limits are what a caller reads of a page.
type Limits struct {
	Values         int64                         // of a page of data, at most
	Unpacked       func(packedBytes int64) int64 // bytes of a page without compression, at most
	DeltaByteArray bool                          // this encoding is read: a value may be much longer than its bytes are
}

// Pages checks the pages of one column in one row group of a Parquet file of size bytes, which file describes. An error
// says where in the file what is wrong, and the remedy. It names neither the file nor the column.
func Pages(r io.ReaderAt, size int64, file *format.FileMetaData, group, column int, l Limits) error {
	if group >= len(file.RowGroups) || column >= len(file.RowGroups[group].Columns) {
		return errors.New("it is missing in a row group: the file is damaged, copy it again")
	}
	c := &file.RowGroups[group].Columns[column].MetaData
	if !readable(c.Codec) {
		return fmt.Errorf("it is compressed by %s, which is not read: write it with Snappy, gzip, Zstandard or no "+
			"compression", c.Codec)
	}
	at := c.DataPageOffset
	if c.DictionaryPageOffset != 0 { // parquet-go begins there, even if it is not before the pages of data
		at = c.DictionaryPageOffset
	}
	if at < 0 || at > size || c.TotalCompressedSize < 0 || c.TotalCompressedSize > size-at {
		return fmt.Errorf("it claims %d bytes at byte %d, beyond the end of the file: the file is cut short or "+
			"damaged, copy it again", c.TotalCompressedSize, at)
	}
	w := pageWalk{r: r, limits: l, codec: c.Codec}
	for end := at + c.TotalCompressedSize; at < end; {
		next, err := w.page(at, end)
		if err != nil {
			return fmt.Errorf("at byte %d %w", at, err)
		}
		at = next
	}
	return nil
}

// pageWalk passes over the pages of a column.
type pageWalk struct {
	r        io.ReaderAt
	limits   Limits
	codec    format.CompressionCodec
	protocol thrift.CompactProtocol
	buffer   []byte
}

// page checks the page at byte at of a column that ends at byte end, and returns where the next page is.
func (w *pageWalk) page(at, end int64) (next int64, err error) {
	n, h, err := w.header(at, end-at)
	if err != nil {
		return 0, fmt.Errorf("the header of a page is damaged (%w): copy the file again", err)
	}
	at += n
	packed, plain := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	if !onePart(h) {
		return 0, errors.New("the header of a page is for two kinds of page: the file is damaged, copy it again")
	}
	v1, v2, dictionary := &h.DataPageHeader.V, &h.DataPageHeaderV2.V, &h.DictionaryPageHeader.V
	values := int64(max(v1.NumValues, v2.NumValues))
	entries := int64(dictionary.NumValues) // can be more than the values that use them; most take 4 bytes or more
	if packed < 0 || packed > end-at || plain < 0 || plain > w.limits.Unpacked(packed) ||
		min(v1.NumValues, v2.NumValues, dictionary.NumValues) < 0 || values > w.limits.Values ||
		entries > max(w.limits.Values, plain/4) {
		return 0, fmt.Errorf("a page claims %d bytes, %d unpacked, and %d values: the file is damaged, copy it again",
			packed, plain, max(values, entries))
	}
	const delta = format.DeltaByteArray
	if !w.limits.DeltaByteArray && (v1.Encoding == delta || v2.Encoding == delta || dictionary.Encoding == delta) {
		return 0, fmt.Errorf("a page is encoded as %s, which is not read: write it as PLAIN", delta)
	}
	if err := w.unpacked(h, at); err != nil {
		return 0, err
	}
	return at + packed, nil
}

// onePart reports whether a header describes at most one kind of page. Otherwise parquet-go can take a page of data for
// a dictionary, since it does not look at the header's type in each place.
func onePart(h *format.PageHeader) bool {
	n := 0
	for _, part := range []bool{h.DataPageHeader.Valid, h.DataPageHeaderV2.Valid, h.DictionaryPageHeader.Valid} {
		if part {
			n++
		}
	}
	return n <= 1
}

// header reads the header of the page at byte at, of which left bytes are in the column, and returns its length.
func (w *pageWalk) header(at, left int64) (int64, *format.PageHeader, error) {
	for window := int64(usualHeader); ; window *= 4 { // minima and maxima can be long
		n := min(window, left, mostPageHeader)
		if int64(len(w.buffer)) < n {
			w.buffer = make([]byte, n)
		}
		part := w.buffer[:n]
		if err := readAt(w.r, part, at); err != nil {
			return 0, nil, err
		}
		length, err := structLength(part)
		if err == nil {
			h := new(format.PageHeader)
			return int64(length), h, thrift.Unmarshal(&w.protocol, part[:length], h)
		}
		if n < window || n == left || n == mostPageHeader {
			return 0, nil, err
		}
	}
}

// readAt fills b with the file's bytes from at.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		if err == io.EOF { // which callers take for the end of a column
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading byte %d: %w", at+int64(n), err)
	}
	return nil
}
