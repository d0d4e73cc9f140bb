// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
)

// csvTable is a CSV file, with vectors or, beside an .npy file, without.
type csvTable struct {
	file      *os.File
	rows, dim int
}

func (t *csvTable) shape() (rows, dim int) { return t.rows, t.dim }
func (t *csvTable) half() bool             { return false }
func (t *csvTable) close() error           { return t.file.Close() }

func openCSV(path string) (table, error) {
	t, err := openRows(path)
	if err == nil && t.dim == 0 {
		err = errors.Join(errors.New("it has no vectors: give the .npy file beside it"), t.close())
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// openRows opens a CSV file, which may have no vectors, and counts its rows.
func openRows(path string) (*csvTable, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &csvTable{file: f}
	if err := t.scan(); err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

func (t *csvTable) scan() error {
	c := newCSVCursor(t.file, 0)
	header, err := c.record()
	if err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	names := columns[:len(columns)-1]
	if len(header) < len(names) || !slices.Equal(header[:len(names)], names) {
		return fmt.Errorf("its first line must be the columns %q, then e0, e1 and so on", names)
	}
	t.dim = len(header) - len(names)
	if t.dim > MaxDim {
		return fmt.Errorf("it has %d dimensions: at most %d are read", t.dim, MaxDim)
	}
	for i, name := range header[len(names):] {
		if name != dimension(i) {
			return fmt.Errorf("its column %d is %.40q: want %s", len(names)+i+1, name, dimension(i))
		}
	}
	for {
		_, err := c.record()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", t.rows, err)
		}
		t.rows++
	}
}

func dimension(i int) string { return "e" + strconv.Itoa(i) }

func (t *csvTable) read() cursor {
	c := newCSVCursor(t.file, t.dim)
	_, c.failed = c.record() // the header
	return c
}

// csvCursor reads the records of a CSV file.
type csvCursor struct {
	reader *csv.Reader
	limit  *limit
	dim    int
	failed error
}

// maxRecord is how many bytes a record may have.
const maxRecord = 64 * (MaxDim + maxText)

func newCSVCursor(f io.ReaderAt, dim int) *csvCursor {
	l := &limit{r: io.NewSectionReader(f, 0, 1<<62)}
	r := csv.NewReader(l)
	r.ReuseRecord = true
	return &csvCursor{reader: r, limit: l, dim: dim}
}

// limit bounds what a record reads: a CSV reader would take memory for any line.
type limit struct {
	r    io.Reader
	left int
}

func (l *limit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a line has more than %d bytes", maxRecord)
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// record returns the next record, which is valid until the next call.
func (c *csvCursor) record() ([]string, error) {
	c.limit.left = maxRecord
	return c.reader.Read()
}

func (c *csvCursor) close() {}

func (c *csvCursor) next(n int) (rows []Row, vectors []float32, err error) {
	if c.failed != nil {
		return nil, nil, c.failed
	}
	for range n {
		record, err := c.record()
		if errors.Is(err, io.EOF) && len(rows) > 0 {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		r := Row{Path: record[0], SHA256: record[1], Status: record[2], Reason: record[3], Label: record[4]}
		for i, text := range record[5:] {
			if r.Status != OK {
				if text != "" {
					return nil, nil, fmt.Errorf("the row of %.100q is %.20q but has a vector", r.Path, r.Status)
				}
				continue
			}
			v, err := strconv.ParseFloat(text, 32)
			if err != nil {
				return nil, nil, fmt.Errorf("%s of %.100q is %.40q: it must be a number", dimension(i), r.Path, text)
			}
			vectors = append(vectors, float32(v))
		}
		// A record's fields share one string, which would keep its numbers in memory.
		for _, text := range []*string{&r.Path, &r.SHA256, &r.Status, &r.Reason, &r.Label} {
			*text = string([]byte(*text))
		}
		rows = append(rows, r)
	}
	return rows, vectors, nil
}

// csvWriter writes a CSV file, with vectors or, beside an .npy file, without.
type csvWriter struct {
	w      *csv.Writer
	record []string
	dim    int
}

func newCSVWriter(f io.Writer, dim int) (*csvWriter, error) {
	w := &csvWriter{w: csv.NewWriter(f), dim: dim}
	header := slices.Clone(columns[:len(columns)-1])
	for i := range dim {
		header = append(header, dimension(i))
	}
	return w, w.w.Write(header)
}

func (w *csvWriter) write(r *Row) error {
	w.record = append(w.record[:0], r.Path, r.SHA256, r.Status, r.Reason, r.Label)
	for i := range w.dim {
		text := ""
		if r.Status == OK {
			text = strconv.FormatFloat(float64(r.Vector[i]), 'g', -1, 32)
		}
		w.record = append(w.record, text)
	}
	return w.w.Write(w.record)
}

func (w *csvWriter) end() error {
	w.w.Flush()
	return w.w.Error()
}
