// SPDX-License-Identifier: Apache-2.0

package parquetcheck

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// errPacked is the error of compressed data that cannot be unpacked.
var errPacked = errors.New("the compressed data of a page are damaged: copy the file again")

// readable reports whether pages with codec are read. What pages of the others unpack to cannot be bounded.
func readable(codec format.CompressionCodec) bool {
	switch codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd:
		return true
	}
	return false
}

// unpacked checks how many bytes the compressed data of a page, which begins at byte at, unpack to. parquet-go takes
// memory for that, whatever the page's header says.
func (w *pageWalk) unpacked(h *format.PageHeader, at int64) error {
	n := int64(h.CompressedPageSize)
	if v := h.DataPageHeaderV2; v.Valid { // its levels come first, never compressed
		repetition, definition := int64(v.V.RepetitionLevelsByteLength), int64(v.V.DefinitionLevelsByteLength)
		if repetition < 0 || definition < 0 || repetition+definition > n {
			return fmt.Errorf("a page of %d bytes claims levels of %d and %d: the file is damaged, copy it again", n,
				repetition, definition)
		}
		if v.V.IsCompressed.Valid && !v.V.IsCompressed.V {
			return nil
		}
		at, n = at+repetition+definition, n-repetition-definition
	}
	if n == 0 {
		return nil
	}
	limit := w.limits.Unpacked(int64(h.CompressedPageSize))
	size := int64(0)
	var err error
	data := io.NewSectionReader(w.r, at, n)
	switch w.codec {
	case format.Snappy:
		size, err = snappySize(data)
	case format.Gzip:
		size = gzipSize(data, limit)
	case format.Zstd:
		size, err = zstdSize(data, limit)
	}
	if err == nil && size > limit {
		err = fmt.Errorf("a page claims %d bytes, and to unpack to %d or more, where at most %d are read: the file is "+
			"damaged, copy it again", n, size, limit)
	}
	return err
}

// snappySize returns what Snappy's data say of their size
// (github.com/google/snappy/blob/main/format_description.txt, section 1).
func snappySize(data *io.SectionReader) (int64, error) {
	head := make([]byte, min(data.Size(), 5))
	if err := readAt(data, head, 0); err != nil {
		return 0, err
	}
	size, n := binary.Uvarint(head)
	if n <= 0 {
		return 0, errPacked
	}
	return int64(size), nil // 35 bits at most
}

// gzipSize returns how many bytes gzip's data unpack to, or limit+1 if there are more than limit. It unpacks them:
// gzip says its size at the end, where it may be a lie. Damaged data are left to the reader, who finds the same error.
func gzipSize(data *io.SectionReader, limit int64) int64 {
	z, err := gzip.NewReader(data)
	if err != nil {
		return 0
	}
	size, _ := io.CopyN(io.Discard, z, limit+1)
	return size
}

// zstdSize returns how many bytes Zstandard's frames unpack to at most, or more than limit. A frame need not say its
// size; it is then bounded by its blocks (RFC 8878, section 3.1.1).
func zstdSize(data *io.SectionReader, limit int64) (size int64, err error) {
	for at := int64(0); at < data.Size() && size <= limit; {
		head := make([]byte, min(data.Size()-at, zstd.HeaderMaxSize))
		if err := readAt(data, head, at); err != nil {
			return 0, err
		}
		var h zstd.Header
		if h.Decode(head) != nil {
			return 0, errPacked
		}
		at += int64(h.HeaderSize)
		if h.Skippable {
			at += int64(h.SkippableSize)
			continue
		}
		packed, most, err := zstdBlocks(data, at)
		if err != nil {
			return 0, err
		}
		if at += packed; h.HasCheckSum {
			at += 4
		}
		if h.HasFCS {
			most = int64(min(h.FrameContentSize, uint64(limit)+1))
		}
		size += most
	}
	return size, nil
}

// zstdBlocks returns how many bytes the blocks of the frame whose header ends at at take, and what they unpack to at
// most.
func zstdBlocks(data *io.SectionReader, at int64) (packed, most int64, err error) {
	const raw, repeated, compressed, largest = 0, 1, 2, 128 << 10
	var head [4]byte
	for last := false; !last; {
		if readAt(data, head[:3], at+packed) != nil {
			return 0, 0, errPacked
		}
		block := binary.LittleEndian.Uint32(head[:])
		n := int64(block >> 3)
		packed += 3
		switch block >> 1 & 3 {
		case raw:
			packed, most = packed+n, most+n
		case repeated:
			packed, most = packed+1, most+n
		case compressed:
			packed, most = packed+n, most+largest
		default:
			return 0, 0, errPacked
		}
		last = block&1 != 0
	}
	return packed, most, nil
}
