// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/parquet-go/parquet-go"

	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/parquetcheck"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// Parquet files hold images as the bytes of image files, in a column of bytes, or of structures with the fields bytes
// and path as Hugging Face's library datasets writes them (datasets.Image). Their pages are packed, and one can hold a
// hundred images, so random order would unpack a page for each image. Therefore the files of a data set are unpacked
// once, in order and page by page, into one tar archive in the cache, and read there.

// imageColumns are names of columns with images, in the order in which they are taken.
var imageColumns = strings.Fields("image img jpg jpeg png webp picture photo image_bytes bytes content data")

// moreLabelColumns follow labelColumns.
var moreLabelColumns = strings.Fields("labels fine_label class_id label_id targets")

// rowLabels is the name of the file in the unpacked archive that has the labels.
const rowLabels = "labels.json"

// rowSet are the labels of the unpacked rows, in the order of their names.
type rowSet struct {
	Column  string   // the column with the labels, "" if there is none
	Classes []string // sorted, or in the order of Hugging Face's ClassLabel
	Labels  []int    // of each row, -1 if it is not known
	Notes   []string // what is damaged
}

// openParquet opens the images in Parquet files.
func openParquet(set []shard, o Options) (*whole, error) {
	slices.SortFunc(set, func(a, b shard) int { return cmp.Compare(a.name+"/", b.name+"/") }) // as their rows' names
	id := sha256.New()
	identity := sha256.New()
	var size, modified int64
	for _, s := range set {
		full, err := filepath.Abs(s.path)
		if err != nil {
			return nil, err
		}
		f, err := os.Open(s.path)
		if err != nil {
			return nil, err
		}
		sum, err := identify(f)
		info, err2 := f.Stat()
		if err := errors.Join(err, err2, f.Close()); err != nil {
			return nil, err
		}
		size, modified = size+info.Size(), max(modified, info.ModTime().UnixNano())
		fmt.Fprintf(id, "%q %d %d %x\n", full, info.Size(), info.ModTime().UnixNano(), sum)
		fmt.Fprintf(identity, "%q %x\n", s.name, sum)
	}
	base := cmp.Or(strings.Trim(path.Base(set[0].name), "."), "rows")
	name := fmt.Sprintf("%s-parquet1-%x.tar", base, id.Sum(nil)[:8])
	plain, err := unpackedRows(set, name, size, o)
	if err != nil {
		return nil, err
	}
	w, err := rowsOf(plain, modified, set, o)
	if err != nil {
		plain.Close()
		return nil, err
	}
	w.identity = identity.Sum(nil)
	return w, nil
}

// unpackedRows returns the images of Parquet files of the given size in a tar archive of the cache, unpacked now or
// before.
func unpackedRows(set []shard, name string, size int64, o Options) (*os.File, error) {
	c, err := openCache(o.CacheDir)
	if err != nil {
		return nil, err
	}
	if plain, err := c.open(name); err == nil {
		return plain, nil
	}
	if err := c.make(size + size/8); err != nil {
		return nil, err
	}
	err = c.write(name, unpackLimit(size), func(w io.Writer) error {
		return unpackRows(w, set)
	})
	if errors.Is(err, errLimit) {
		return nil, fmt.Errorf("its %s grow to more than %s when they are unpacked, which images do not: give the "+
			"images as files if that is right", humanize.IBytes(uint64(size)),
			humanize.IBytes(uint64(unpackLimit(size))))
	}
	if err != nil {
		return nil, err
	}
	return c.open(name)
}

// rowsOf makes the data set of unpacked rows.
func rowsOf(plain *os.File, modified int64, set []shard, o Options) (*whole, error) {
	l, err := listTar(plain)
	if err != nil {
		return nil, fmt.Errorf("%w (in the cache: remove %s)", err, printable.Name(plain.Name()))
	}
	at := l.find(rowLabels)
	if at < 0 {
		return nil, fmt.Errorf("the cache is damaged: remove %s", printable.Name(plain.Name()))
	}
	text, err := l.read(at, nil, longestCSV)
	var rows rowSet
	if err == nil {
		err = json.Unmarshal(text, &rows)
	}
	l.files = slices.Delete(l.files, at, at+1)
	if err != nil || len(rows.Labels) != len(l.files) {
		return nil, fmt.Errorf("the cache is damaged: remove %s", printable.Name(plain.Name()))
	}
	if len(l.files) == 0 {
		return nil, errors.New("it has no rows")
	}
	l.kind = KindParquet
	split := map[string]string{}
	for _, s := range set {
		split[s.name] = shardSplit(s.name)
	}
	w := &whole{kind: KindParquet, list: l, close: l.close, classes: rows.Classes}
	w.from = "the column " + rows.Column
	w.noClass = "no column with labels"
	if rows.Column != "" {
		w.noClass = fmt.Sprintf("the column %s has no labels", printable.Name(rows.Column))
	}
	kept := make([]int, len(l.files))
	for i := range l.files {
		f := &l.files[i]
		f.modified = modified
		kept[i] = i
		dir, rel := path.Split(f.name)
		w.items = append(w.items, item{name: f.name, rel: rel, split: split[strings.TrimSuffix(dir, "/")], size: f.size,
			label: rows.Labels[i]})
	}
	w.notes = rows.Notes
	w.arrange = w.given("by the names of the Parquet files", "no Parquet file is called like a split")
	w.files = func(i int) []int { return kept[i : i+1] }
	w.decoded(kept, o)
	return w, nil
}

// unpackRows writes the rows of Parquet files, each an image, as a tar archive.
func unpackRows(w io.Writer, set []shard) error {
	b := bufio.NewWriterSize(w, 1<<20)
	u := &rowWriter{tar: tar.NewWriter(b), known: map[string]string{}}
	for _, s := range set {
		err := u.file(s)
		switch {
		case err == nil:
			continue
		case u.failed != nil:
			return u.failed
		}
		err = fmt.Errorf("%s: %w", printable.Name(s.name+s.ending), err)
		u.notes = append(u.notes, err.Error())
	}
	if u.good == 0 && len(u.notes) > 0 {
		return errors.New(u.notes[0])
	}
	text, err := json.Marshal(u.set())
	if err == nil {
		err = u.add(rowLabels, text)
	}
	return cmp.Or(err, u.tar.Close(), b.Flush())
}

// rowWriter writes rows of Parquet files into a tar archive.
type rowWriter struct {
	tar     *tar.Writer
	last    string            // the name of the last row
	labels  []string          // of the rows so far
	known   map[string]string // labels, so that equal ones share their memory
	column  string
	classes []string // of the first file with names of classes
	differ  bool     // other files have other names
	notes   []string // what is damaged
	good    int      // rows with an image
	failed  error    // of writing
}

// set returns the labels as numbers.
func (u *rowWriter) set() rowSet {
	r := rowSet{Column: u.column, Notes: u.notes, Labels: make([]int, len(u.labels))}
	if len(u.classes) == 0 || u.differ {
		r.Classes = numberValues(u.labels, r.Labels)
		return r
	}
	r.Classes = u.classes
	at := map[string]int{}
	for i, name := range u.classes {
		at[name] = i
	}
	for i, label := range u.labels {
		r.Labels[i] = -1
		if k, ok := at[label]; ok {
			r.Labels[i] = k
		}
	}
	return r
}

func (u *rowWriter) add(name string, content []byte) error {
	u.failed = u.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
	if u.failed == nil {
		_, u.failed = u.tar.Write(content)
	}
	return u.failed
}

// row adds an image, nil if the row has none.
func (u *rowWriter) row(shard string, n int64, image []byte, label string) error {
	name := fmt.Sprintf("%s/%08d", shard, n)
	if format := codec.Format(image[:min(len(image), formatBytes)]); format != "" {
		name += "." + strings.ToLower(format)
	}
	if name <= u.last {
		u.failed = fmt.Errorf("the rows of %s cannot be told from those of another file: rename it",
			printable.Name(shard))
		return u.failed
	}
	u.last = name
	if _, ok := u.known[label]; !ok {
		u.known[label] = label
	}
	u.labels = append(u.labels, u.known[label])
	if len(image) > 0 {
		u.good++
	}
	return u.add(name, image)
}

// file adds the rows of a Parquet file.
func (u *rowWriter) file(s shard) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return u.table(f, info.Size(), s.name)
}

// table adds the rows of a Parquet file of the given size.
func (u *rowWriter) table(r io.ReaderAt, size int64, shard string) (err error) {
	defer func() { // the library is not ours, and has panicked on damaged files
		if caught := recover(); caught != nil {
			err = fmt.Errorf("damaged: %v", caught)
		}
	}()
	if err := parquetcheck.Footer(r, size); err != nil {
		return err
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true),
		parquet.OptimisticRead(false), parquet.ReadBufferSize(1<<16))
	if err != nil {
		return fmt.Errorf("not a readable Parquet file: %w", err)
	}
	rows := int64(0)
	for _, g := range f.RowGroups() {
		if rows += g.NumRows(); g.NumRows() < 0 || rows < 0 || rows > unpackLimit(size)/512 {
			return fmt.Errorf("it claims more rows than its %s can hold: it is damaged", humanize.IBytes(uint64(size)))
		}
	}
	t := tableOf(f)
	image, err := t.image()
	if err != nil {
		return err
	}
	label := t.label(image)
	if label != nil && len(label.classes) > 0 {
		if u.classes == nil {
			u.classes = label.classes
		}
		u.differ = u.differ || !slices.Equal(u.classes, label.classes)
	}
	if label != nil {
		u.column = cmp.Or(u.column, label.path[0])
	}
	n := int64(0)
	for g, group := range f.RowGroups() {
		done, err := u.group(f, r, g, group, image, label, func(k int64, image []byte, text string) error {
			return u.row(shard, n+k, image, text)
		})
		if err != nil && u.failed == nil { // the other row groups may be sound
			u.notes = append(u.notes, fmt.Sprintf("%s: rows %d to %d cannot be read: %v", printable.Name(shard), n+done,
				n+group.NumRows()-1, err))
			for ; done < group.NumRows() && u.failed == nil; done++ {
				_ = u.row(shard, n+done, nil, "") // which keeps its error in u.failed
			}
		}
		if u.failed != nil {
			return u.failed
		}
		n += group.NumRows()
	}
	return nil
}

// group gives the rows of row group g to add, and returns how many.
func (u *rowWriter) group(f *parquet.File, r io.ReaderAt, g int, group parquet.RowGroup, image, label *tableColumn,
	add func(k int64, image []byte, label string) error,
) (done int64, err error) {
	defer func() { // the library is not ours, and has panicked on damaged files
		if caught := recover(); caught != nil {
			err = fmt.Errorf("damaged: %v", caught)
		}
	}()
	images, err := cells(f, r, g, group, image)
	if err != nil {
		return 0, err
	}
	defer images.close()
	var labels *cellReader
	if label != nil {
		if labels, err = cells(f, r, g, group, label); err != nil {
			return 0, err
		}
		defer labels.close()
	}
	for ; done < group.NumRows(); done++ {
		value, err := images.next()
		if err != nil {
			return done, err
		}
		text := ""
		if labels != nil {
			cell, err := labels.next()
			if err != nil {
				return done, err
			}
			text = label.text(cell)
		}
		var bytes []byte
		if !value.IsNull() {
			bytes = value.ByteArray()
		}
		if err := add(done, bytes, text); err != nil {
			return done, err
		}
	}
	return done, nil
}

// cellReader reads the values of a column of a row group, one for each row.
type cellReader struct {
	column *tableColumn
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer []parquet.Value
	left   []parquet.Value
}

// cells opens column c of row group g.
func cells(f *parquet.File, r io.ReaderAt, g int, group parquet.RowGroup, c *tableColumn) (*cellReader, error) {
	err := parquetcheck.Pages(r, f.Size(), f.Metadata(), g, c.index,
		parquetcheck.Limits{Values: group.NumRows(), Unpacked: unpackLimit})
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", printable.Name(strings.Join(c.path, ".")), err)
	}
	return &cellReader{column: c, pages: group.ColumnChunks()[c.index].Pages(), buffer: make([]parquet.Value, 64)}, nil
}

func (c *cellReader) close() {
	parquet.Release(c.page)
	_ = c.pages.Close() // it closes nothing that could fail
}

// next returns the value of the next row, which is valid until the next call.
func (c *cellReader) next() (parquet.Value, error) {
	for len(c.left) == 0 {
		if c.values != nil {
			n, err := c.values.ReadValues(c.buffer)
			if c.left = c.buffer[:n]; n > 0 {
				break
			}
			if err != nil && err != io.EOF {
				return parquet.Value{}, err
			}
		}
		parquet.Release(c.page)
		c.page, c.values = nil, nil
		page, err := c.pages.ReadPage()
		if err == io.EOF {
			err = errors.New("the column ends before the rows do")
		}
		if err != nil {
			return parquet.Value{}, err
		}
		c.page, c.values = page, page.Values()
	}
	v := c.left[0]
	c.left = c.left[1:]
	return v, nil
}
