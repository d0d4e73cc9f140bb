// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/internal/binary16"
)

// The format of .npy files is that of numpy.lib.format, version 1.0: a magic string, the length of a header, the header
// as a Python literal, and the values.
const (
	npyMagic = "\x93NUMPY\x01\x00"
	npyStart = 128 // where the values begin in the files that are written here: room for any shape
)

var npyHeader = regexp.MustCompile(
	`^\{'descr': '<f([24])', 'fortran_order': False, 'shape': \((\d{1,18}), (\d{1,9})\), \} *\n$`)

// npyTable is an .npy file and the CSV file beside it.
type npyTable struct {
	file  *os.File
	rows  *csvTable
	dim   int
	width int   // bytes of a value
	start int64 // of the values
}

func (t *npyTable) shape() (rows, dim int) { return t.rows.rows, t.dim }
func (t *npyTable) half() bool             { return t.width == 2 }
func (t *npyTable) close() error           { return errors.Join(t.file.Close(), t.rows.close()) }

func openNPY(path string) (table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &npyTable{file: f}
	count, err := t.header()
	if err != nil {
		f.Close()
		return nil, err
	}
	if t.rows, err = openRows(rowsPath(path)); err != nil {
		f.Close()
		return nil, fmt.Errorf("the paths beside it, %s: %w", rowsPath(path), err)
	}
	if t.rows.dim > 0 || int64(t.rows.rows) != count {
		err := fmt.Errorf("it has %d rows, but the file of paths beside it, %s, has %d rows of %d values: "+
			"it belongs to another file", count, rowsPath(path), t.rows.rows, t.rows.dim)
		t.close()
		return nil, err
	}
	return t, nil
}

// header reads the header and returns the number of rows that it claims and the file has.
func (t *npyTable) header() (rows int64, err error) {
	r := io.NewSectionReader(t.file, 0, 1<<62)
	head := make([]byte, len(npyMagic)+2)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(npyMagic)]) != npyMagic {
		return 0, errors.New("it is no .npy file of version 1.0")
	}
	text := make([]byte, binary.LittleEndian.Uint16(head[len(npyMagic):]))
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, errors.New("its header is cut off")
	}
	m := npyHeader.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("its header is %.200q: it must be a matrix of rows x dimensions, float32 or float16, in "+
			"C order and little-endian", text)
	}
	t.width, _ = strconv.Atoi(string(m[1]))
	rows, _ = strconv.ParseInt(string(m[2]), 10, 64)
	t.dim, _ = strconv.Atoi(string(m[3]))
	if t.dim < 1 || t.dim > MaxDim {
		return 0, fmt.Errorf("it has %d dimensions: 1 to %d are read", t.dim, MaxDim)
	}
	t.start = int64(len(head) + len(text))
	info, err := t.file.Stat()
	if err != nil {
		return 0, err
	}
	bytes, row := info.Size()-t.start, int64(t.dim*t.width)
	if has := bytes / row; has != rows || bytes%row != 0 {
		return 0, fmt.Errorf("its header says %d rows, but it has the bytes of %d: it is damaged", rows, has)
	}
	return rows, nil
}

func (t *npyTable) read() cursor {
	return &npyCursor{t: t, rows: t.rows.read(), values: io.NewSectionReader(t.file, t.start, 1<<62)}
}

type npyCursor struct {
	t      *npyTable
	rows   cursor
	values io.Reader
}

func (c *npyCursor) close() { c.rows.close() }

func (c *npyCursor) next(n int) (rows []Row, vectors []float32, err error) {
	rows, _, err = c.rows.next(n)
	if err != nil {
		return nil, nil, err
	}
	raw := make([]byte, c.t.dim*c.t.width)
	for i := range rows {
		if _, err := io.ReadFull(c.values, raw); err != nil {
			return nil, nil, err
		}
		if rows[i].Status != OK {
			continue
		}
		for at := 0; at < len(raw); at += c.t.width {
			if c.t.width == 2 {
				vectors = append(vectors, binary16.Value(binary.LittleEndian.Uint16(raw[at:])))
			} else {
				vectors = append(vectors, math.Float32frombits(binary.LittleEndian.Uint32(raw[at:])))
			}
		}
	}
	return rows, vectors, nil
}

type npyWriter struct {
	f    *output
	rows *csvWriter
	o    Options
	n    int
	raw  []byte
}

func newNPYWriter(f, rows *output, o Options) (*npyWriter, error) {
	c, err := newCSVWriter(rows, 0)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(make([]byte, npyStart)) // the header is written when the number of rows is known
	return &npyWriter{f: f, rows: c, o: o}, err
}

func (w *npyWriter) write(r *Row) error {
	w.n++
	w.raw = w.raw[:0]
	for i := range w.o.Dim {
		v := float32(math.NaN())
		if r.Status == OK {
			v = r.Vector[i]
		}
		if w.o.Float16 {
			w.raw = binary.LittleEndian.AppendUint16(w.raw, binary16.Round(v))
		} else {
			w.raw = binary.LittleEndian.AppendUint32(w.raw, math.Float32bits(v))
		}
	}
	if _, err := w.f.Write(w.raw); err != nil {
		return err
	}
	return w.rows.write(r)
}

func (w *npyWriter) end() error {
	if err := w.rows.end(); err != nil {
		return err
	}
	width := 4
	if w.o.Float16 {
		width = 2
	}
	text := fmt.Sprintf("{'descr': '<f%d', 'fortran_order': False, 'shape': (%d, %d), }", width, w.n, w.o.Dim)
	size := npyStart - len(npyMagic) - 2
	head := binary.LittleEndian.AppendUint16([]byte(npyMagic), uint16(size))
	head = append(head, text+strings.Repeat(" ", size-1-len(text))+"\n"...)
	if err := w.f.Flush(); err != nil {
		return err
	}
	_, err := w.f.file.WriteAt(head, 0)
	return err
}
