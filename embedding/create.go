// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/internal/binary16"
	"github.com/parallax-ssl/parallax/run"
)

// Options say how a file is written.
type Options struct {
	Dim     int  // dimensions of a vector, 1 to MaxDim
	Card    Card // what the file says of itself
	Float16 bool // vectors as float16, not in CSV
}

// Writer writes a file of embeddings. It is not safe for concurrent use.
type Writer struct {
	path     string
	o        Options
	files    []*output // the last one is the file at path; the others belong to it
	encoding encoding
	rows     int
	err      error // the first one
}

// encoding writes rows in a format.
type encoding interface {
	write(r *Row) error
	end() error
}

// output is a file that gets its name when it is complete.
type output struct {
	*bufio.Writer
	file *os.File
	path string
}

// Create begins a file of embeddings. It is written under a temporary name beside path; [Writer.Close] gives it its
// name, so that an earlier file at path stays whole until then. The ending of path says the format.
func Create(path string, o Options) (*Writer, error) {
	w := &Writer{path: path, o: o}
	if err := w.create(); err != nil {
		return nil, failed(path, errors.Join(err, w.discard()))
	}
	return w, nil
}

func (w *Writer) create() error {
	end, err := ending(w.path)
	if err != nil {
		return err
	}
	switch {
	case w.o.Dim < 1 || w.o.Dim > MaxDim:
		return fmt.Errorf("vectors have %d dimensions: they must have 1 to %d", w.o.Dim, MaxDim)
	case w.o.Float16 && end == ".csv":
		return errors.New("a CSV file has no float16: choose .parquet or .npy")
	}
	card, err := w.o.Card.text()
	if err != nil {
		return err
	}
	if end != ".parquet" {
		f, err := w.open(cardPath(w.path))
		if err != nil {
			return err
		}
		if _, err := f.Write(append(card, '\n')); err != nil {
			return err
		}
	}
	var rows *output
	if end == ".npy" {
		if rows, err = w.open(rowsPath(w.path)); err != nil {
			return err
		}
	}
	f, err := w.open(w.path)
	if err != nil {
		return err
	}
	switch end {
	case ".parquet":
		w.encoding, err = newParquetWriter(f, w.o, string(card))
	case ".npy":
		w.encoding, err = newNPYWriter(f, rows, w.o)
	case ".csv":
		w.encoding, err = newCSVWriter(f, w.o.Dim)
	}
	return err
}

// text is the card as JSON, its keys in order.
func (c Card) text() ([]byte, error) {
	c = maps.Clone(c)
	if c == nil {
		c = Card{}
	}
	for key, value := range c {
		c[key] = clean(value)
	}
	text, err := json.Marshal(c)
	if err == nil && len(text) >= maxCard {
		err = fmt.Errorf("its card has %d bytes: at most %d can be kept", len(text), maxCard)
	}
	return text, err
}

// failed is the error of writing a file. A system's refusal to write is marked for run.IsOutput.
func failed(path string, err error) error {
	var system syscall.Errno
	if errors.As(err, &system) {
		err = &run.OutputError{Err: err}
	}
	return fmt.Errorf("writing the embeddings %s: %w", path, err)
}

// Files returns the files that [Create] writes for path: path itself, the last one, and those that belong to it.
func Files(path string) []string {
	switch end, _ := ending(path); end {
	case ".npy":
		return []string{cardPath(path), rowsPath(path), path}
	case ".csv":
		return []string{cardPath(path), path}
	}
	return []string{path}
}

// open begins one of the writer's files.
func (w *Writer) open(path string) (*output, error) {
	folder, name := filepath.Split(path)
	at := filepath.Join(folder, "."+name+temporary+strconv.Itoa(os.Getpid())+"-"+strconv.FormatUint(rand.Uint64(), 36))
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	o := &output{Writer: bufio.NewWriterSize(f, 1<<18), file: f, path: path}
	w.files = append(w.files, o)
	return o, nil
}

// temporary marks the names of files that are not complete; see run.IsTemporary.
const temporary = ".parallax-tmp-"

// RemoveTemporaries removes the files that a crash of a program left that was writing path.
func RemoveTemporaries(path string) error {
	for _, of := range Files(path) {
		folder, name := filepath.Split(of)
		entries, err := os.ReadDir(filepath.Join(folder, "."))
		if err != nil {
			return run.Output("looking for unfinished files", err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "."+name+temporary) {
				if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
					return run.Output("removing an unfinished file", err)
				}
			}
		}
	}
	return nil
}

// Write writes rows in their order. A row that a file cannot hold is an error that names it. After an error the file
// cannot be completed.
func (w *Writer) Write(rows ...Row) error {
	for i := range rows {
		if w.err != nil {
			return w.err
		}
		w.err = w.write(rows[i])
	}
	return w.err
}

func (w *Writer) write(r Row) error {
	r.Path, r.Reason, r.Label = clean(r.Path), clean(r.Reason), clean(r.Label)
	err := r.check(w.o.Dim)
	if err == nil && w.o.Float16 {
		err = FitsFloat16(r.Vector)
	}
	if err == nil {
		err = w.encoding.write(&r)
	}
	if err != nil {
		return failed(w.path, fmt.Errorf("row %d: %w", w.rows, err))
	}
	w.rows++
	return nil
}

// FitsFloat16 refuses a vector with a value that is too large for float16.
func FitsFloat16(vector []float32) error {
	for i, v := range vector {
		if math.IsInf(float64(binary16.Value(binary16.Round(v))), 0) {
			return fmt.Errorf("dimension %d of its vector is %v, beyond the float16 range of 65504: use float32", i, v)
		}
	}
	return nil
}

// Close completes the file and gives it its name. If a Write failed, or Close does, the file is removed. Close after
// Close or Discard does nothing.
func (w *Writer) Close() error {
	if w.encoding == nil {
		return w.err
	}
	if w.err == nil {
		if err := w.complete(); err != nil {
			w.err = failed(w.path, err)
		}
	}
	return errors.Join(w.err, w.discard())
}

func (w *Writer) complete() error {
	if err := w.encoding.end(); err != nil {
		return err
	}
	for _, f := range w.files {
		if err := f.Flush(); err != nil {
			return err
		}
		if err := f.file.Sync(); err != nil {
			return err
		}
	}
	for len(w.files) > 0 { // the file at path is the last one: when it exists, so do those that belong to it
		f := w.files[0]
		if err := f.file.Close(); err != nil {
			return err
		}
		if err := run.Rename(f.file.Name(), f.path); err != nil {
			return err
		}
		w.files = w.files[1:]
	}
	return nil
}

// Discard removes what was written. After Close it does nothing.
func (w *Writer) Discard() error {
	if w.encoding == nil {
		return nil
	}
	return w.discard()
}

func (w *Writer) discard() (err error) {
	for _, f := range w.files {
		_ = f.file.Close() // may be closed already
		err = errors.Join(err, os.Remove(f.file.Name()))
	}
	w.files, w.encoding = nil, nil
	return err
}

// rowsPath is the file with the other columns of an .npy file.
func rowsPath(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) + ".csv" }
