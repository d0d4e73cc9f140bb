// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits on a page of a Parquet file, of which the library takes memory for what the page's header says. Usual pages
// have a megabyte.
const (
	maxPage   = 256 << 20 // bytes, uncompressed
	maxValues = 64 << 20
	maxHeader = 1 << 20
)

// checkPages refuses a column chunk whose pages say that they are larger than the chunk, or than the limits.
func checkPages(f *parquet.File, group, index int) error {
	groups := f.Metadata().RowGroups
	if group >= len(groups) || index >= len(groups[group].Columns) {
		return errors.New("a column is missing: the file is damaged")
	}
	m := groups[group].Columns[index].MetaData
	at := m.DataPageOffset
	if d := m.DictionaryPageOffset; d > 0 && d < at {
		at = d
	}
	switch m.Codec {
	case format.Uncompressed, format.Snappy, format.Zstd:
	default:
		return fmt.Errorf("a column is compressed by %s, which is not read: write it with Snappy, Zstandard or none",
			m.Codec)
	}
	end := at + m.TotalCompressedSize
	if at < 0 || m.TotalCompressedSize < 0 || end < at || end > f.Size() {
		return errors.New("a column lies beyond the end of the file: it is cut off or damaged")
	}
	for at < end {
		h, size, err := pageHeader(f, at, end)
		if err != nil {
			return fmt.Errorf("the header of a page: %w", err)
		}
		values := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
		at += int64(size)
		if h.CompressedPageSize < 0 || int64(h.CompressedPageSize) > end-at || h.UncompressedPageSize < 0 ||
			h.UncompressedPageSize > maxPage || values > maxValues {
			return fmt.Errorf("a page says that it has %d values in %d bytes, %d unpacked: it is damaged", values,
				h.CompressedPageSize, h.UncompressedPageSize)
		}
		if err := checkUnpacked(f, m.Codec, &h, at); err != nil {
			return err
		}
		at += int64(h.CompressedPageSize)
	}
	return nil
}

// checkUnpacked refuses a page whose compressed data say that they are larger than the limit when unpacked: the library
// takes memory for what they say. at is where the page's bytes begin.
func checkUnpacked(f *parquet.File, codec format.CompressionCodec, h *format.PageHeader, at int64) error {
	n := int64(h.CompressedPageSize)
	if v := h.DataPageHeaderV2; v.Valid { // its levels come first, and are never compressed
		levels := int64(v.V.RepetitionLevelsByteLength) + int64(v.V.DefinitionLevelsByteLength)
		if v.V.RepetitionLevelsByteLength < 0 || v.V.DefinitionLevelsByteLength < 0 || levels > n {
			return errors.New("a page has levels that are longer than itself: it is damaged")
		}
		at, n = at+levels, n-levels
		if v.V.IsCompressed.Valid && !v.V.IsCompressed.V {
			return nil
		}
	}
	if codec == format.Uncompressed || n == 0 {
		return nil
	}
	head := make([]byte, min(n, zstd.HeaderMaxSize))
	if _, err := f.ReadAt(head, at); err != nil {
		return err
	}
	says, known := uint64(0), false
	if codec == format.Snappy {
		var size int
		says, size = binary.Uvarint(head)
		known = size > 0
	} else {
		var z zstd.Header
		known = z.Decode(head) == nil && z.HasFCS
		says = z.FrameContentSize
	}
	if !known || says > maxPage {
		return fmt.Errorf("a page of %d bytes says that it has %d when unpacked: it is damaged", n, says)
	}
	return nil
}

// pageHeader reads the header of the page at a place, and returns its size.
func pageHeader(f *parquet.File, at, end int64) (h format.PageHeader, size int, err error) {
	for window := int64(4 << 10); ; window *= 16 { // long texts in the statistics make a long header
		text := make([]byte, min(window, end-at))
		if _, err := f.ReadAt(text, at); err != nil {
			return h, 0, err
		}
		r := new(thrift.CompactProtocol).NewReaderFromBytes(text)
		h = format.PageHeader{}
		if err = thrift.NewDecoder(r).Decode(&h); err == nil {
			return h, r.BytesRead(), nil
		}
		if window >= maxHeader || int64(len(text)) == end-at {
			return h, 0, err
		}
	}
}
