// SPDX-License-Identifier: Apache-2.0

package parquetcheck

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

type row struct {
	Text string `parquet:"text,dict"`
	Data []byte `parquet:"data,optional"`
}

var limits = Limits{Values: 1000, Unpacked: func(int64) int64 { return 1 << 20 }}

// fileOf writes rows, in pages of the given version.
func fileOf(t testing.TB, rows []row, codec compress.Codec, version int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.Compression(codec), parquet.DataPageVersion(version),
		parquet.PageBufferSize(64<<20))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func rowsOf(n, size int) (rows []row) {
	for i := range n {
		rows = append(rows, row{fmt.Sprint("class ", i%3), bytes.Repeat([]byte{byte(i)}, size)})
	}
	return rows
}

// opened opens a file as its readers do, who expect that parquet-go panics on some damaged files.
func opened(r io.ReaderAt, size int64) (f *parquet.File, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("damaged: %v", caught)
		}
	}()
	return parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// check checks all of a file.
func check(data []byte, l Limits) error {
	r, size := bytes.NewReader(data), int64(len(data))
	if err := Footer(r, size); err != nil {
		return err
	}
	f, err := opened(r, size)
	if err != nil {
		return err
	}
	for g := range f.Metadata().RowGroups {
		for c := range f.Metadata().RowGroups[g].Columns {
			if err := Pages(r, size, f.Metadata(), g, c, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sound files pass, however they are compressed. Those that unpack to more than the limit do not.
func TestCodecs(t *testing.T) {
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for version := 1; version <= 2; version++ {
			if err := check(fileOf(t, rowsOf(100, 1000), codec, version), limits); err != nil {
				t.Errorf("%s, pages of version %d: %v", codec, version, err)
			}
			err := check(fileOf(t, rowsOf(100, 20000), codec, version), limits)
			if err == nil || !strings.Contains(err.Error(), "a page claims") {
				t.Errorf("%s, pages of version %d, too large: %v", codec, version, err)
			}
		}
	}
	for _, codec := range []compress.Codec{&parquet.Brotli, &parquet.Lz4Raw} {
		err := check(fileOf(t, rowsOf(9, 9), codec, 1), limits)
		if err == nil || !strings.Contains(err.Error(), codec.String()+", which is not read: write it with Snappy") {
			t.Errorf("%s: %v", codec, err)
		}
	}
}

// withFooter is a file that has the footer alone, which claims to have n bytes.
func withFooter(footer string, n int, magic string) []byte {
	b := append([]byte("PAR1"), footer...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(n)), magic...)
}

func TestFooter(t *testing.T) {
	many := "\x29\xfc" + "\xff\xff\xff\xff\x07" // field 2 is a list of 2^31-1 structures
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "too short for a Parquet file: copy it again"},
		{"text", []byte("PAR1 is a text of some length"), "not a Parquet file, or one that is cut short"},
		{"encrypted", withFooter("\x00", 1, "PARE"), "an encrypted Parquet file, which is not read"},
		{"longer than the file", withFooter("\x00", 2, "PAR1"), "its footer claims 2 bytes, of a file of 13"},
		{"a long list", withFooter(many, len(many), "PAR1"), "its footer is damaged"},
		{"structures of a byte", withFooter("\x19\x3c\x00\x00\x00\x00", 6, "PAR1"), "its footer is damaged"},
		{"deep", withFooter(strings.Repeat("\x1c", 1000)+strings.Repeat("\x00", 1000), 2000, "PAR1"),
			"its footer is damaged"},
		{"deep lists", withFooter("\x19"+strings.Repeat("\x19", 1000), 1001, "PAR1"), "its footer is damaged"},
		{"a map", withFooter("\x1b\x00\x00", 3, "PAR1"), "its footer is damaged"},
		{"not whole", withFooter("\x15", 1, "PAR1"), "its footer is damaged"},
	} {
		err := Footer(bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	size := int64(mostFooter + 100)
	if err := Footer(claimed{size, mostFooter + 1}, size); err == nil || !strings.Contains(err.Error(), "are read") {
		t.Errorf("a footer beyond the limit: %v", err)
	}
}

// claimed is a file of zeros that ends as a Parquet file with a footer of so many bytes.
type claimed struct{ size, footer int64 }

func (c claimed) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at == c.size-8 {
		copy(b, withFooter("", int(c.footer), "PAR1")[4:])
	}
	return len(b), nil
}

// column is a column chunk with one page, which has the given header and data.
func column(t *testing.T, codec format.CompressionCodec, h format.PageHeader, data []byte) ([]byte,
	*format.FileMetaData,
) {
	t.Helper()
	text, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
	if err != nil {
		t.Fatal(err)
	}
	file := append(text, data...)
	var c format.ColumnChunk
	c.MetaData.Codec, c.MetaData.TotalCompressedSize = codec, int64(len(file))
	return file, &format.FileMetaData{RowGroups: []format.RowGroup{{Columns: []format.ColumnChunk{c}}}}
}

// TestPages: what a page or its data claim is refused if it is more than they hold, or than is read.
func TestPages(t *testing.T) {
	v1 := func(packed, plain, values int32) (h format.PageHeader) {
		h.CompressedPageSize, h.UncompressedPageSize = packed, plain
		h.DataPageHeader.Valid, h.DataPageHeader.V.NumValues = true, values
		return h
	}
	dictionary := func(plain, entries int32) (h format.PageHeader) {
		h = format.PageHeader{Type: format.DictionaryPage, CompressedPageSize: 10, UncompressedPageSize: plain}
		h.DictionaryPageHeader.Valid, h.DictionaryPageHeader.V.NumValues = true, entries
		return h
	}
	v2 := func(levels int32) (h format.PageHeader) {
		h = format.PageHeader{Type: format.DataPageV2, CompressedPageSize: 10}
		h.DataPageHeaderV2.Valid, h.DataPageHeaderV2.V.RepetitionLevelsByteLength = true, levels
		return h
	}
	both := v1(10, 10, 1)
	both.DictionaryPageHeader.Valid = true
	delta := v1(10, 10, 1)
	delta.DataPageHeader.V.Encoding = format.DeltaByteArray
	long := v1(10, 10, 1)
	long.DataPageHeader.V.Statistics.MaxValue = make([]byte, 3<<20) // a whole image
	longer := v1(10, 10, 1)
	longer.DataPageHeader.V.Statistics.MaxValue = make([]byte, mostPageHeader)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := encoder.EncodeAll(make([]byte, 1000), nil)
	huge := encoder.EncodeAll(make([]byte, 2<<20), nil)
	var stream bytes.Buffer // of which no frame says its size
	encoder.Reset(&stream)
	_, _ = encoder.Write(make([]byte, 2<<20))
	_ = encoder.Flush()
	_ = encoder.Close()
	ten := make([]byte, 10)
	sized := func(b []byte) format.PageHeader { return v1(int32(len(b)), 1000, 1) }
	snappy := append(binary.AppendUvarint(nil, math.MaxUint32), ten...)
	for _, c := range []struct {
		name  string
		codec format.CompressionCodec
		h     format.PageHeader
		data  []byte
		want  string // "": it is read
	}{
		{"sound", format.Uncompressed, v1(10, 10, 1), ten, ""},
		{"a long header", format.Uncompressed, long, ten, ""},
		{"too long a header", format.Uncompressed, longer, ten, "the header of a page is damaged"},
		{"longer than the column", format.Uncompressed, v1(11, 10, 1), ten, "a page claims 11 bytes, 10 unpacked"},
		{"a negative size", format.Uncompressed, v1(-1, 10, 1), ten, "a page claims -1 bytes"},
		{"larger than the limit", format.Uncompressed, v1(10, 1<<20+1, 1), ten, "1048577 unpacked"},
		{"a negative unpacked size", format.Uncompressed, v1(10, -1, 1), ten, "-1 unpacked"},
		{"more values than rows", format.Uncompressed, v1(10, 10, 1001), ten, "1001 values"},
		{"negative values", format.Uncompressed, v1(10, 10, -1), ten, "a page claims"},
		{"two kinds", format.Uncompressed, both, ten, "for two kinds of page"},
		{"DELTA_BYTE_ARRAY", format.Uncompressed, delta, ten, "DELTA_BYTE_ARRAY, which is not read"},
		{"a dictionary of more entries than rows", format.Uncompressed, dictionary(8000, 2000), ten, ""},
		{"a dictionary of more entries than bytes", format.Uncompressed, dictionary(8000, 2001), ten, "2001 values"},
		{"levels", format.Uncompressed, v2(11), ten, "claims levels of 11 and 0"},
		{"negative levels", format.Uncompressed, v2(-1), ten, "claims levels of -1 and 0"},
		{"Snappy", format.Snappy, sized(snappy), snappy, "to unpack to 4294967295"},
		{"zstd", format.Zstd, sized(frame), frame, ""},
		{"zstd, large", format.Zstd, sized(huge), huge, "to unpack to 1048577"},
		{"zstd, a second frame", format.Zstd, sized(append(frame[:len(frame):len(frame)], huge...)),
			append(frame[:len(frame):len(frame)], huge...), "to unpack to"},
		{"zstd, a stream", format.Zstd, sized(stream.Bytes()), stream.Bytes(), "to unpack to"},
		{"zstd, cut", format.Zstd, sized(frame[:8]), frame[:8], "data of a page are damaged"},
		{"LZ4", format.Lz4Raw, v1(10, 10, 1), ten, "LZ4_RAW, which is not read"},
	} {
		file, m := column(t, c.codec, c.h, c.data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Pages(bytes.NewReader(file), int64(len(file)), m, 0, 0, limits)
		runtime.ReadMemStats(&after)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 3*mostPageHeader {
			t.Errorf("%s: took %d bytes", c.name, took)
		}
	}
	with := limits
	with.DeltaByteArray = true
	file, m := column(t, format.Uncompressed, delta, ten)
	if err := Pages(bytes.NewReader(file), int64(len(file)), m, 0, 0, with); err != nil {
		t.Error(err)
	}
	c := &m.RowGroups[0].Columns[0].MetaData
	for _, place := range [][2]int64{{0, int64(len(file)) + 1}, {0, -1}, {-1, 1}, {math.MaxInt64, math.MaxInt64}} {
		c.DataPageOffset, c.TotalCompressedSize = place[0], place[1]
		err := Pages(bytes.NewReader(file), int64(len(file)), m, 0, 0, with)
		if err == nil || !strings.Contains(err.Error(), "beyond the end of the file") {
			t.Errorf("%d: %v", place, err)
		}
	}
	if err := Pages(bytes.NewReader(file), int64(len(file)), m, 0, 1, with); err == nil {
		t.Error("a column that is not there is read")
	}
}

// FuzzCheck checks foreign files: no panic, little memory, also when parquet-go opens those that pass, and errors of
// one line.
func FuzzCheck(f *testing.F) {
	f.Add(withFooter("\x00", 1, "PAR1"))
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for version := 1; version <= 2; version++ {
			f.Add(fileOf(f, rowsOf(9, 30), codec, version))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := check(data, limits)
		runtime.ReadMemStats(&after)
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q", err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20+1000*uint64(len(data)) {
			t.Errorf("took %d bytes for %d", took, len(data))
		}
	})
}
