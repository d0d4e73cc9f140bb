// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// columns are the columns of a file, in order.
var columns = []string{"path", "sha256", "status", "reason", "label", "embedding"}

// Endings are the endings of the files that this package reads and writes.
func Endings() []string { return []string{".parquet", ".npy", ".csv"} }

// ending returns the ending of path that decides its format.
func ending(path string) (string, error) {
	if end := strings.ToLower(filepath.Ext(path)); slices.Contains(Endings(), end) {
		return end, nil
	}
	return "", errors.New("the ending of its name must be .parquet, .npy or .csv")
}

// File is an open file of embeddings. Its methods may be called from many goroutines at once.
type File struct {
	path  string
	table table
	card  Card
}

// table is what a format reads of a file. The files behind it stay open until close.
type table interface {
	shape() (rows, dim int)
	half() bool
	read() cursor // from the first row
	close() error
}

// cursor reads a table from its start to its end.
type cursor interface {
	// next returns the next rows, at least one and at most n, without Start, OK and the rows' statuses checked; after
	// the last row it returns io.EOF. Vectors has the vectors of the rows whose status is OK.
	next(n int) (rows []Row, vectors []float32, err error)
	close()
}

// Open opens a file of embeddings. It reads the file's description alone, except that a CSV file is read once to count
// its rows. An error says what is wrong with the file; damage in the rows is an error of [File.Blocks].
func Open(path string) (*File, error) {
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the embeddings %s: %w", path, err)
	}
	return f, nil
}

func open(path string) (*File, error) {
	end, err := ending(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("there is no such file: parallax embed --out writes one")
		}
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	f := &File{path: path}
	switch end {
	case ".parquet":
		f.table, f.card, err = openParquet(path)
	case ".npy":
		f.table, err = openNPY(path)
	case ".csv":
		f.table, err = openCSV(path)
	}
	if err == nil && f.card == nil {
		f.card, err = readCard(cardPath(path))
	}
	if err != nil {
		if f.table != nil {
			err = errors.Join(err, f.table.close())
		}
		return nil, err
	}
	return f, nil
}

// Len returns the number of rows, failed ones included.
func (f *File) Len() int { rows, _ := f.table.shape(); return rows }

// Dim returns the number of dimensions of a vector.
func (f *File) Dim() int { _, dim := f.table.shape(); return dim }

// Float16 reports whether the file holds its vectors as float16.
func (f *File) Float16() bool { return f.table.half() }

// Card returns what the file says of itself. It is empty if the file has no card.
func (f *File) Card() Card { return f.card }

// Close closes the file.
func (f *File) Close() error { return f.table.close() }

// Blocks reads the rows from the first to the last, up to so many at a time, at least 1. It holds one block in memory,
// however long the file is, and may be called again, also while another call is under way. A block is the caller's to
// keep. An error is the last pair: it says which row is damaged, or is ctx's.
func (f *File) Blocks(ctx context.Context, rows int) iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		c := f.table.read()
		defer c.close()
		length, dim := f.table.shape()
		for at := 0; at < length; {
			if err := ctx.Err(); err != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			b, err := block(c, at, min(max(rows, 1), length-at), dim)
			if err != nil {
				yield(nil, fmt.Errorf("reading the embeddings %s: %w", f.path, err))
				return
			}
			if !yield(b, nil) {
				return
			}
			at += len(b.Rows)
		}
	}
}

// block reads the block of n rows at start, and checks it.
func block(c cursor, start, n, dim int) (*Block, error) {
	b := &Block{Start: start}
	for len(b.Rows) < n {
		rows, vectors, err := c.next(n - len(b.Rows))
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("after row %d: %w", start+len(b.Rows), err)
		}
		if b.Rows == nil {
			b.Rows, b.Vectors = rows, vectors
		} else {
			b.Rows, b.Vectors = append(b.Rows, rows...), append(b.Vectors, vectors...)
		}
	}
	at := 0
	for i := range b.Rows {
		r := &b.Rows[i]
		if r.Status == OK {
			if at+dim > len(b.Vectors) {
				return nil, fmt.Errorf("row %d has no vector, but its status is %s", start+i, OK)
			}
			r.Vector = b.Vectors[at : at+dim : at+dim]
			b.OK = append(b.OK, i)
			at += dim
		}
		if err := r.check(dim); err != nil {
			return nil, fmt.Errorf("row %d: %w", start+i, err)
		}
	}
	return b, nil
}

// cardPath is where the card of an .npy or .csv file is.
func cardPath(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) + ".card.json" }

// maxCard is how many bytes a card may have.
const maxCard = 1 << 20

// readCard reads a card of its own file. A missing file is an empty card.
func readCard(path string) (Card, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Card{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCard+1))
	if err != nil {
		return nil, err
	}
	card, err := parseCard(text)
	if err != nil {
		return nil, fmt.Errorf("its card %s: %w", path, err)
	}
	return card, nil
}

// parseCard reads the JSON of a card.
func parseCard(text []byte) (Card, error) {
	if len(text) > maxCard {
		return nil, fmt.Errorf("it has more than %d bytes", maxCard)
	}
	card := Card{}
	if err := json.Unmarshal(text, &card); err != nil {
		return nil, fmt.Errorf("it is no JSON object of strings: %w", err)
	}
	if card == nil {
		card = Card{}
	}
	return card, nil
}
