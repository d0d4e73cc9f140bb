// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/parallax-ssl/parallax/internal/binary16"
	"github.com/parallax-ssl/parallax/internal/parquetcheck"
)

// Keys of a Parquet file's metadata.
const (
	cardKey = "parallax"
	dimKey  = "parallax.dimensions"
)

// A row group has about groupBytes of vectors, or groupRows. A writer holds one group in memory, its texts included.
const (
	groupBytes = 8 << 20
	groupRows  = 8192
)

// limits are those of a page. Usual pages have a megabyte.
var limits = parquetcheck.Limits{
	Values:         64 << 20,
	Unpacked:       func(int64) int64 { return 256 << 20 },
	DeltaByteArray: true,
}

// half is the type of a float16: two bytes and the logical type that says what they mean.
type half struct{ parquet.Type }

func (half) LogicalType() *format.LogicalType {
	return &format.LogicalType{Value: new(format.Float16Type)}
}

// ordered is a group whose fields have the order of columns, not that of the alphabet.
type ordered struct{ parquet.Group }

func (g ordered) Fields() []parquet.Field {
	fields := g.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return slices.Index(columns, a.Name()) - slices.Index(columns, b.Name())
	})
	return fields
}

type parquetWriter struct {
	w       *parquet.GenericWriter[any]
	o       Options
	group   int // rows of a row group
	rows    int // of the row group that is being written
	values  []parquet.Value
	halves  []byte
	columns []*parquet.ColumnWriter
}

func newParquetWriter(f io.Writer, o Options, card string) (*parquetWriter, error) {
	element := parquet.Leaf(parquet.FloatType)
	width := 4
	if o.Float16 {
		element = parquet.Leaf(half{parquet.FixedLenByteArrayType(2)})
		width = 2
	}
	// The values of a network do not compress.
	group := parquet.Group{"embedding": parquet.Optional(parquet.List(
		parquet.Compressed(parquet.Encoded(parquet.Optional(element), &parquet.Plain), &parquet.Uncompressed)))}
	for _, name := range columns[:len(columns)-1] {
		text := parquet.Compressed(parquet.String(), &parquet.Snappy) // Zstd takes 16 MB an encoder
		if name == "status" || name == "label" {
			text = parquet.Encoded(text, &parquet.RLEDictionary)
		}
		group[name] = text
	}
	w := parquet.NewGenericWriter[any](f, parquet.NewSchema("embeddings", ordered{group}),
		parquet.CreatedBy("parallax", "", ""),
		parquet.MaxRowsPerRowGroup(1<<62), // Flush ends them
		parquet.KeyValueMetadata(arrowKey, arrowText(o.Dim, o.Float16, card)),
		parquet.KeyValueMetadata(cardKey, card),
		parquet.KeyValueMetadata(dimKey, strconv.Itoa(o.Dim)),
		parquet.SkipPageBounds("embedding", "list", "element"),
		parquet.SkipPageStatistics("embedding", "list", "element"),
	)
	rows := min(max(1, groupBytes/width/o.Dim), groupRows)
	return &parquetWriter{w: w, o: o, group: rows, columns: w.ColumnWriters()}, nil
}

func (w *parquetWriter) write(r *Row) error {
	for i, text := range []string{r.Path, r.SHA256, r.Status, r.Reason, r.Label} {
		v := parquet.ByteArrayValue([]byte(text)).Level(0, 0, i)
		if _, err := w.columns[i].WriteRowValues([]parquet.Value{v}); err != nil {
			return err
		}
	}
	const at = 5 // the column of the vectors
	w.values = w.values[:0]
	switch {
	case r.Status != OK:
		w.values = append(w.values, parquet.NullValue().Level(0, 0, at))
	case w.o.Float16:
		w.halves = w.halves[:0]
		for _, x := range r.Vector {
			w.halves = binary.LittleEndian.AppendUint16(w.halves, binary16.Round(x))
		}
		for i := range r.Vector {
			w.values = append(w.values, parquet.FixedLenByteArrayValue(w.halves[2*i:2*i+2]).Level(min(i, 1), 3, at))
		}
	default:
		for i, x := range r.Vector {
			w.values = append(w.values, parquet.FloatValue(x).Level(min(i, 1), 3, at))
		}
	}
	if _, err := w.columns[at].WriteRowValues(w.values); err != nil {
		return err
	}
	if w.rows++; w.rows == w.group {
		w.rows = 0
		return w.w.Flush()
	}
	return nil
}

func (w *parquetWriter) end() error { return w.w.Close() }

// parquetTable is a Parquet file: one that is written here, or another with the columns path and embedding.
type parquetTable struct {
	file      *os.File
	f         *parquet.File
	leaves    [5]*parquet.LeafColumn // of the columns of text; nil if the file has none
	vectors   parquet.LeafColumn
	rows, dim int
}

func (t *parquetTable) shape() (rows, dim int) { return t.rows, t.dim }
func (t *parquetTable) half() bool {
	return t.vectors.Node.Type().Kind() == parquet.FixedLenByteArray
}
func (t *parquetTable) close() error { return t.file.Close() }

// guarded turns a panic of the library, which has no other way to say that levels or types do not fit, into an error.
func guarded(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("it is damaged: %v", r)
	}
}

func openParquet(path string) (_ table, card Card, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	t := &parquetTable{file: file}
	if card, err = t.open(); err != nil {
		file.Close()
		return nil, nil, err
	}
	return t, card, nil
}

func (t *parquetTable) open() (card Card, err error) {
	defer guarded(&err)
	info, err := t.file.Stat()
	if err != nil {
		return nil, err
	}
	if err := parquetcheck.Footer(t.file, info.Size()); err != nil {
		return nil, err
	}
	t.f, err = parquet.OpenFile(t.file, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("it is no readable Parquet file: %w", err)
	}
	if err := t.schema(); err != nil {
		return nil, err
	}
	rows := int64(0)
	for _, g := range t.f.RowGroups() {
		if g.NumRows() < 0 || g.NumRows() > 1<<40 {
			return nil, fmt.Errorf("a row group says it has %d rows: it is damaged", g.NumRows())
		}
		rows += g.NumRows()
	}
	t.rows = int(rows)
	if text, ok := t.f.Lookup(cardKey); ok {
		if card, err = parseCard([]byte(text)); err != nil {
			return nil, fmt.Errorf("its card: %w", err)
		}
	} else {
		card = Card{}
	}
	if text, ok := t.f.Lookup(dimKey); ok {
		t.dim, err = strconv.Atoi(text)
	} else {
		t.dim, err = t.measure()
	}
	if err == nil && (t.dim < 1 || t.dim > MaxDim) {
		err = fmt.Errorf("it has %d dimensions: 1 to %d are read", t.dim, MaxDim)
	}
	return card, err
}

// schema finds the columns.
func (t *parquetTable) schema() error {
	s := t.f.Schema()
	for i, name := range columns[:len(columns)-1] {
		leaf, ok := s.Lookup(name)
		if !ok {
			if name == "path" {
				return fmt.Errorf("it has no column path: its columns are %.500q", s.Columns())
			}
			continue
		}
		if !leaf.Node.Leaf() || leaf.Node.Type().Kind() != parquet.ByteArray || leaf.MaxRepetitionLevel > 0 {
			return fmt.Errorf("its column %s does not hold text", name)
		}
		t.leaves[i] = &leaf
	}
	found := 0
	for _, path := range s.Columns() {
		if path[0] == "embedding" {
			t.vectors, _ = s.Lookup(path...)
			found++
		}
	}
	if found != 1 || t.vectors.MaxRepetitionLevel != 1 {
		return errors.New("its column embedding must be a list of float32 or float16")
	}
	kind := t.vectors.Node.Type()
	switch {
	case kind.Kind() == parquet.Float, kind.Kind() == parquet.Double:
	case kind.Kind() == parquet.FixedLenByteArray && kind.Length() == 2 && t.isHalf():
	default:
		return fmt.Errorf("its column embedding is a list of %s: it must be one of float32 or float16", kind)
	}
	return nil
}

// isHalf reports whether the vectors' type is a float16. The library's own schema leaves that out.
func (t *parquetTable) isHalf() bool {
	leaf := 0
	for _, e := range t.f.Metadata().Schema {
		if e.NumChildren.V > 0 {
			continue
		}
		if leaf == t.vectors.ColumnIndex {
			_, ok := e.LogicalType.Value.(*format.Float16Type)
			return ok
		}
		leaf++
	}
	return false
}

// measure returns the length of the first vector: a file of another program does not say it.
func (t *parquetTable) measure() (int, error) {
	v := &vectorColumn{column: column{f: t.f, index: t.vectors.ColumnIndex}, of: t.vectors}
	defer v.close()
	for range t.rows {
		if err := v.fill(1); err != nil {
			return 0, err
		}
		if v.lengths[0] >= 0 {
			return v.lengths[0], nil
		}
		v.take(1)
	}
	return 0, errors.New("none of its rows has a vector")
}

func (t *parquetTable) read() cursor {
	c := &parquetCursor{t: t, vectors: &vectorColumn{
		column: column{f: t.f, index: t.vectors.ColumnIndex}, of: t.vectors}}
	for i, leaf := range t.leaves {
		if leaf != nil {
			c.texts[i] = &textColumn{column: column{f: t.f, index: leaf.ColumnIndex}}
		}
	}
	return c
}

type parquetCursor struct {
	t       *parquetTable
	texts   [5]*textColumn
	vectors *vectorColumn
}

func (c *parquetCursor) close() {
	for _, t := range c.texts {
		if t != nil {
			t.close()
		}
	}
	c.vectors.close()
}

func (c *parquetCursor) next(n int) (rows []Row, vectors []float32, err error) {
	defer guarded(&err)
	rows = make([]Row, n)
	if err := c.vectors.fill(n); err != nil {
		return nil, nil, fmt.Errorf("column embedding: %w", err)
	}
	lengths, vectors := c.vectors.take(n)
	for i := range rows {
		rows[i].Status = OK
		if lengths[i] < 0 {
			rows[i].Status = Failed
		}
	}
	for k, field := range []func(*Row) *string{
		func(r *Row) *string { return &r.Path }, func(r *Row) *string { return &r.SHA256 },
		func(r *Row) *string { return &r.Status }, func(r *Row) *string { return &r.Reason },
		func(r *Row) *string { return &r.Label },
	} {
		if c.texts[k] == nil {
			continue
		}
		err := c.texts[k].read(n, func(i int, text string) { *field(&rows[i]) = text })
		if err != nil {
			return nil, nil, fmt.Errorf("column %s: %w", columns[k], err)
		}
	}
	for i := range rows {
		if (lengths[i] >= 0) != (rows[i].Status == OK) {
			return nil, nil, fmt.Errorf("the status of %.100q is %.20q, but whether it has a vector is %v",
				rows[i].Path, rows[i].Status, lengths[i] >= 0)
		}
	}
	return rows, vectors, nil
}

// column reads the pages of a column, through all row groups.
type column struct {
	f     *parquet.File
	index int
	group int // the next row group
	pages parquet.Pages
	page  parquet.Page
}

// advance reads the next page that has values. fresh says that it is the first one of its row group.
func (c *column) advance() (fresh bool, err error) {
	for {
		if c.page != nil {
			parquet.Release(c.page)
			c.page = nil
		}
		if c.pages == nil {
			if c.group == len(c.f.RowGroups()) {
				return fresh, io.EOF
			}
			if err := parquetcheck.Pages(c.f, c.f.Size(), c.f.Metadata(), c.group, c.index, limits); err != nil {
				return fresh, fmt.Errorf("row group %d: %w", c.group, err)
			}
			c.pages, fresh = c.f.RowGroups()[c.group].ColumnChunks()[c.index].Pages(), true
			c.group++
		}
		c.page, err = c.pages.ReadPage()
		switch {
		case errors.Is(err, io.EOF):
			if err := c.pages.Close(); err != nil {
				return fresh, err
			}
			c.pages = nil
		case err != nil:
			return fresh, err
		case c.page.NumValues() > 0:
			return fresh, nil
		}
	}
}

func (c *column) close() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	if c.pages != nil {
		_ = c.pages.Close() // nothing was written
	}
}

// textColumn reads a column of text, one value a row.
type textColumn struct {
	column
	values parquet.ValueReader
	buffer [256]parquet.Value
	last   string // the text before: labels and statuses repeat
}

// read hands the next n texts to set.
func (c *textColumn) read(n int, set func(i int, text string)) error {
	for at := 0; at < n; {
		if c.values == nil {
			if _, err := c.advance(); err != nil {
				return err
			}
			c.values = c.page.Values()
		}
		got, err := c.values.ReadValues(c.buffer[:min(len(c.buffer), n-at)])
		for _, v := range c.buffer[:got] {
			text := ""
			if !v.IsNull() {
				text = c.text(v.ByteArray())
			}
			set(at, text)
			at++
		}
		if errors.Is(err, io.EOF) || err == nil && got == 0 {
			c.values = nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (c *textColumn) text(bytes []byte) string {
	if string(bytes) != c.last {
		c.last = string(bytes)
	}
	return c.last
}

// vectorColumn reads the column of vectors.
type vectorColumn struct {
	column
	of      parquet.LeafColumn
	values  []float32 // read, not taken
	lengths []int     // of the rows in values; -1 for one that is null
	whole   int       // how many of lengths are complete
}

// fill reads until n rows are complete.
func (c *vectorColumn) fill(n int) error {
	for c.whole < n {
		fresh, err := c.advance()
		if fresh || errors.Is(err, io.EOF) {
			c.whole = len(c.lengths) // a row does not go on in another row group
		}
		if errors.Is(err, io.EOF) && c.whole >= n {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.add(fresh); err != nil {
			return err
		}
	}
	return nil
}

// add reads the values of a page.
func (c *vectorColumn) add(fresh bool) error {
	values, err := floats(c.page)
	if err != nil {
		return err
	}
	repetition, definition := c.page.RepetitionLevels(), c.page.DefinitionLevels()
	full, at := byte(c.of.MaxDefinitionLevel), 0
	if len(repetition) != len(definition) {
		return errors.New("a page of vectors has levels that do not fit: it is damaged")
	}
	for i, level := range repetition {
		if level == 0 {
			c.whole = len(c.lengths)
			c.lengths = append(c.lengths, 0)
		} else if i == 0 && fresh || len(c.lengths) == 0 {
			return errors.New("a row group begins within a vector: it is damaged")
		}
		length := &c.lengths[len(c.lengths)-1]
		switch {
		case definition[i] == full && at < len(values) && *length >= 0:
			at++
			if *length++; *length > MaxDim {
				return fmt.Errorf("a vector has more than %d dimensions", MaxDim)
			}
		case definition[i] == 0 && *length == 0 && level == 0:
			*length = -1
		default:
			return errors.New("a vector is empty or has a value that is null")
		}
	}
	c.values = append(c.values, values[:at]...)
	return nil
}

// take removes the first n rows, which must be complete.
func (c *vectorColumn) take(n int) (lengths []int, values []float32) {
	count := 0
	for _, l := range c.lengths[:n] {
		count += max(l, 0)
	}
	lengths, values = slices.Clone(c.lengths[:n]), slices.Clone(c.values[:count])
	c.lengths = append(c.lengths[:0], c.lengths[n:]...)
	c.values = append(c.values[:0], c.values[count:]...)
	c.whole -= n
	return lengths, values
}

// floats are the values of a page that are not null.
func floats(p parquet.Page) ([]float32, error) {
	if d := p.Dictionary(); d != nil {
		all, err := plain(d.Page())
		if err != nil {
			return nil, err
		}
		var values []float32
		data := p.Data()
		for _, i := range data.Int32() {
			if int(i) < 0 || int(i) >= len(all) {
				return nil, errors.New("a page of vectors names a value that its dictionary lacks: it is damaged")
			}
			values = append(values, all[i])
		}
		return values, nil
	}
	return plain(p)
}

func plain(p parquet.Page) ([]float32, error) {
	data := p.Data()
	switch p.Type().Kind() {
	case parquet.Float:
		return data.Float(), nil
	case parquet.Double:
		values := make([]float32, 0, p.NumValues())
		for _, v := range data.Double() {
			values = append(values, float32(v))
		}
		return values, nil
	default:
		raw, _ := data.FixedLenByteArray()
		values := make([]float32, 0, len(raw)/2)
		for ; len(raw) >= 2; raw = raw[2:] {
			values = append(values, binary16.Value(binary.LittleEndian.Uint16(raw)))
		}
		return values, nil
	}
}
