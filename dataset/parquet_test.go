// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// TestHuggingFace reads files that pyarrow wrote, in row groups and packed in several ways.
func TestHuggingFace(t *testing.T) {
	const root = "testdata/huggingface"
	s := opened(t, root, Options{})
	const summary = "data: 12 images of 3 classes (from the column label), split train of train (12) and test (2), " +
		"by the names of the Parquet files"
	if s.Kind != KindParquet || s.Summary() != summary {
		t.Errorf("%s: %s\nwant %s", s.Kind, s.Summary(), summary)
	}
	if got := strings.Join(s.Classes, " "); got != "zebra automobile bird" { // in the order of ClassLabel
		t.Error(got)
	}
	for i := range s.Len() {
		shard, row := 0, i
		if i >= 8 {
			shard, row = 1, i-8
		}
		if want := fmt.Sprintf("data/train-%05d-of-00002/%08d.png", shard, row); s.Name(i) != want {
			t.Errorf("row %d is %s, want %s", i, s.Name(i), want)
		}
		want := i % 3
		if i == 5 {
			want = -1
		}
		if s.Label(i) != want {
			t.Errorf("row %d: label %d, want %d", i, s.Label(i), want)
		}
		img, err := s.Image(i)
		if err != nil || int(img.Pix[len(img.Pix)-1]) != i {
			t.Errorf("row %d: %v", i, err)
		}
		if f := s.Format(i); f != "PNG" {
			t.Error(f)
		}
	}
	if s.JPEG() {
		t.Error("rows of PNG files may be JPEG")
	}
	test := opened(t, root, Options{Split: SplitTest})
	if got := describe(test); got != "data/test-00000-of-00001/00000000.png=automobile "+
		"data/test-00000-of-00001/00000001.png=bird" {
		t.Error(got)
	}
	sub := opened(t, root+":data", Options{})
	if sub.Name(0) != "train-00000-of-00002/00000000.png" || sub.Len() != 12 {
		t.Error(describe(sub))
	}
	glob := opened(t, root+"/data/*.parquet", Options{})
	if glob.Fingerprint != sub.Fingerprint || glob.Fingerprint == s.Fingerprint {
		t.Error("the fingerprint is that of the names below the folder of all files")
	}
	content, err := s.Content(t.Context(), HashAll)
	if err != nil || len(content) != 12 || content[0].SHA256 == "" {
		t.Error(content, err)
	}
	if _, err := Open(root, Options{Labels: "folders", CacheDir: t.TempDir()}); err == nil {
		t.Error("rows lie in no folders")
	}
}

// TestParquetOnce: the rows are unpacked once, and anew when a file changes.
func TestParquetOnce(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "x.parquet")
	data, err := os.ReadFile("testdata/huggingface/data/train-00000-of-00002.parquet")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, data)
	count := func() int {
		names, _ := filepath.Glob(filepath.Join(dir, "*"))
		return len(names)
	}
	first := opened(t, file, Options{CacheDir: dir})
	again := opened(t, file, Options{CacheDir: dir})
	if count() != 1 || first.Fingerprint != again.Fingerprint {
		t.Errorf("%d files in the cache", count())
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(file, later, later); err != nil {
		t.Fatal(err)
	}
	opened(t, file, Options{CacheDir: dir})
	if count() != 2 {
		t.Errorf("%d files in the cache after a change", count())
	}
}

// parquetOf writes rows as a Parquet file.
func parquetOf[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type textRow struct {
	ID    int64  `parquet:"id"`
	Photo []byte `parquet:"photo,optional"`
	Class string `parquet:"class,dict"`
}

func TestParquetColumns(t *testing.T) {
	px := pngOf(t, 3, 8, 8)
	type numberRow struct {
		JPG   []byte `parquet:"jpg"`
		Label int32  `parquet:"label"`
	}
	type bytesRow struct {
		Anything []byte `parquet:"anything"`
		Name     string `parquet:"name"`
	}
	type noImage struct {
		ID   int64  `parquet:"id"`
		Name string `parquet:"name"`
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"text labels", parquetOf(t, []textRow{{1, px, "dog"}, {2, nil, "cat"}, {3, px, "dog"}}),
			"x/00000000.png=dog x/00000001=cat x/00000002.png=dog"},
		{"numbers", parquetOf(t, []numberRow{{px, 10}, {px, 9}, {px, -1}}),
			"x/00000000.png=10 x/00000001.png=9 x/00000002.png"},
		{"one column of bytes", parquetOf(t, []bytesRow{{px, "a"}}), "x/00000000.png"},
		{"no images", parquetOf(t, []noImage{{1, "a"}}), "it has no column with images"},
		{"no rows", parquetOf(t, []bytesRow{}), "it has no rows"},
		{"not Parquet", []byte("PAR1 is a text of some length"), "not a Parquet file, or one that is cut short"},
		{"empty", nil, "too short for a Parquet file"},
	} {
		name := filepath.Join(t.TempDir(), "x.parquet")
		writeFile(t, name, c.data)
		s, err := Open(name, Options{CacheDir: t.TempDir()})
		if err != nil {
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if got := describe(s); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if c.name == "text labels" {
			if _, err := s.Image(1); err == nil || !strings.Contains(err.Error(), "x/00000001: the row has no image") {
				t.Error(err)
			}
		}
		s.Close()
	}
}

// TestParquetDamaged: a damaged page costs the rows of its row group from there on, a damaged file its own rows.
func TestParquetDamaged(t *testing.T) {
	root := t.TempDir()
	var rows []textRow
	for i := range 30 {
		rows = append(rows, textRow{int64(i), pngOf(t, uint8(i), 8, 8), "x"})
	}
	data := parquetOf(t, rows, parquet.MaxRowsPerRowGroup(10), parquet.Compression(&parquet.Gzip))
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	chunk := f.Metadata().RowGroups[1].Columns[1].MetaData
	hurt := bytes.Clone(data)
	for i := range 40 {
		hurt[chunk.DataPageOffset+chunk.TotalCompressedSize-1-int64(i)] ^= 0x55
	}
	writeFile(t, filepath.Join(root, "a.parquet"), hurt)
	writeFile(t, filepath.Join(root, "b.parquet"), data[:len(data)-9])
	s := opened(t, root, Options{})
	notes := strings.Join(s.Notes, "\n")
	if s.Len() != 30 || !strings.Contains(notes, "a: rows 10 to 19 cannot be read") ||
		!strings.Contains(notes, "b.parquet: not a Parquet file, or one that is cut short") {
		t.Error(s.Len(), notes)
	}
	for i := range s.Len() {
		if _, err := s.Image(i); (err != nil) != (i/10 == 1) {
			t.Errorf("row %d: %v", i, err)
		}
	}
}

// TestParquetBomb: files that claim more than they hold are refused, and take no memory for it.
func TestParquetBomb(t *testing.T) {
	packed := []parquet.WriterOption{parquet.Compression(&parquet.Zstd), parquet.PageBufferSize(128 << 20)}
	blank := make([]textRow, 80) // one page of 80 MiB
	for i := range blank {
		blank[i].Photo = make([]byte, 1<<20)
	}
	data := parquetOf(t, blank, packed...)
	name := filepath.Join(t.TempDir(), "x.parquet")
	writeFile(t, name, data)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Open(name, Options{CacheDir: t.TempDir()})
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "a page claims") {
		t.Errorf("%d bytes: %v", len(data), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("took %d bytes", took)
	}
	type dictRow struct {
		Photo []byte `parquet:"photo,dict"`
	}
	rows := make([]dictRow, 1000) // one value, a thousand times
	for i := range rows {
		rows[i].Photo = make([]byte, 1<<17)
	}
	data = parquetOf(t, rows, packed...)
	writeFile(t, name, data)
	if _, err := Open(name, Options{CacheDir: t.TempDir()}); err == nil ||
		!strings.Contains(err.Error(), "when they are unpacked, which images do not") {
		t.Errorf("%d bytes: %v", len(data), err)
	}
}

// FuzzParquet reads foreign files: no panic, and no row that the file could not hold.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"} {
		data, err := os.ReadFile("testdata/huggingface/data/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("PAR1\x00\x00\x00\x00\x00\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &cacheWriter{room: func() error { return nil }, to: io.Discard, left: unpackLimit(int64(len(data)))}
		u := &rowWriter{tar: tar.NewWriter(w), known: map[string]string{}}
		_ = u.table(bytes.NewReader(data), int64(len(data)), "x")
		if set := u.set(); len(set.Labels) < u.good {
			t.Errorf("%d labels for %d rows", len(set.Labels), u.good)
		}
	})
}
