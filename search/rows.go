// SPDX-License-Identifier: Apache-2.0

package search

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"unsafe"

	"github.com/parallax-ssl/parallax/run"
)

const (
	// MostWidth bounds the width of an embedding.
	MostWidth = 1 << 16
	// MostRows bounds the number of rows: their numbers are kept in 32 bits.
	MostRows = math.MaxInt32
)

// Rows are embeddings scaled to length 1: N rows of D float32, in a temporary file without a name, or in memory if they
// are few. A row of zeros stays one: its similarity to everything is 0. Rows may be read by several goroutines.
type Rows struct {
	n, d   int
	memory []float32 // of N x D; nil if the file holds them
	file   *os.File
}

// Len returns the number of rows, N.
func (r *Rows) Len() int { return r.n }

// Dim returns the width of a row, D.
func (r *Rows) Dim() int { return r.d }

// Close gives the rows' memory and file back. The rows must not be used after it.
func (r *Rows) Close() error {
	r.memory = nil
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// FromSlice returns the rows of a matrix, N x dim in row-major order, scaled to length 1, in memory. An error names a
// row with a value that is not finite.
func FromSlice(dim int, values []float32) (*Rows, error) {
	if err := checkWidth(dim); err != nil {
		return nil, err
	}
	if len(values)%dim != 0 {
		return nil, fmt.Errorf("%d values are no rows of width %d", len(values), dim)
	}
	r := &Rows{n: len(values) / dim, d: dim, memory: make([]float32, len(values))}
	for i := range r.n {
		if err := unit(r.memory[i*dim:(i+1)*dim], values[i*dim:(i+1)*dim]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return r, nil
}

// Collect writes blocks of rows, each a multiple of dim float32 in row-major order, to a temporary file in the folder
// that os.TempDir names: 4 bytes a value. It scales each row to length 1. Memory does not grow with the rows. An error
// names a row with a value that is not finite, or is that of the blocks.
func Collect(ctx context.Context, dim int, blocks iter.Seq2[[]float32, error]) (_ *Rows, err error) {
	if err := checkWidth(dim); err != nil {
		return nil, err
	}
	r := &Rows{d: dim}
	if r.file, err = anonymous(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	out := bufio.NewWriterSize(r.file, 1<<20)
	row := make([]float32, dim)
	for block, err := range blocks {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		if len(block)%dim != 0 {
			return nil, fmt.Errorf("a block of %d values holds no rows of width %d", len(block), dim)
		}
		for ; len(block) > 0; block = block[dim:] {
			if r.n == MostRows {
				return nil, fmt.Errorf("more than %d rows: search them in parts", MostRows)
			}
			if err := unit(row, block[:dim]); err != nil {
				return nil, fmt.Errorf("row %d: %w", r.n, err)
			}
			if _, err := out.Write(raw(row)); err != nil {
				return nil, spillError(err)
			}
			r.n++
		}
	}
	if err := out.Flush(); err != nil {
		return nil, spillError(err)
	}
	return r, nil
}

// anonymous makes a temporary file that no folder lists, so that nothing is left even if the process is killed.
func anonymous() (*os.File, error) {
	f, err := os.CreateTemp("", "parallax-rows-*")
	if err != nil {
		return nil, spillError(err)
	}
	os.Remove(f.Name()) // where an open file cannot be removed, it stays behind
	return f, nil
}

func spillError(err error) error {
	return &run.OutputError{Err: fmt.Errorf("writing rows to a temporary file: %w: name a folder with room in TMPDIR",
		err)}
}

func checkWidth(dim int) error {
	if dim < 1 || dim > MostWidth {
		return fmt.Errorf("embeddings are %d wide: want 1 to %d", dim, MostWidth)
	}
	return nil
}

// unit writes src, scaled to length 1, to dst.
func unit(dst, src []float32) error {
	sum := 0.0
	for _, v := range src {
		sum += float64(v) * float64(v)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return errors.New("the embedding holds a value that is not finite: the network that made it has diverged")
	}
	scale := 0.0
	if sum > 0 {
		scale = 1 / math.Sqrt(sum)
	}
	for i, v := range src {
		dst[i] = float32(float64(v) * scale)
	}
	return nil
}

// read fills dst with the rows from row from on. dst holds whole rows, none beyond the last.
func (r *Rows) read(dst []float32, from int) error {
	if r.memory != nil {
		copy(dst, r.memory[from*r.d:])
		return nil
	}
	if _, err := r.file.ReadAt(raw(dst), int64(from)*int64(r.d)*4); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading rows from the temporary file: %w", err)
	}
	return nil
}

// gather returns the rows of the given numbers, one after the other.
func (r *Rows) gather(numbers []int32) ([]float32, error) {
	out := make([]float32, len(numbers)*r.d)
	for i, n := range numbers {
		if err := r.read(out[i*r.d:(i+1)*r.d], int(n)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// at returns row i of rows in memory.
func (r *Rows) at(i int) []float32 {
	return r.memory[i*r.d : (i+1)*r.d]
}

// subset copies the rows of the given numbers: into memory, or where r has its rows.
func (r *Rows) subset(ctx context.Context, numbers []int32, memory bool) (*Rows, error) {
	out := &Rows{n: len(numbers), d: r.d}
	if memory || r.memory != nil {
		var err error
		out.memory, err = r.gather(numbers)
		return out, err
	}
	file, err := anonymous()
	if err != nil {
		return nil, err
	}
	out.file = file
	at := int64(0)
	for part := range slices.Chunk(numbers, max(1, (1<<20)/r.d)) {
		values, err := r.gather(part)
		if err = errors.Join(err, context.Cause(ctx)); err == nil {
			if _, err = file.WriteAt(raw(values), at); err != nil {
				err = spillError(err)
			}
			at += int64(len(values)) * 4
		}
		if err != nil {
			out.Close()
			return nil, err
		}
	}
	return out, nil
}

// Subset returns a copy of the rows of the given numbers, in that order, to be closed by itself.
func (r *Rows) Subset(ctx context.Context, numbers []int) (*Rows, error) {
	narrow := make([]int32, len(numbers))
	for i, n := range numbers {
		if n < 0 || n >= r.n {
			return nil, fmt.Errorf("there is no row %d of %d", n, r.n)
		}
		narrow[i] = int32(n)
	}
	return r.subset(ctx, narrow, false)
}

// Read returns row i.
func (r *Rows) Read(i int) ([]float32, error) {
	if i < 0 || i >= r.n {
		return nil, fmt.Errorf("there is no row %d of %d", i, r.n)
	}
	return r.gather([]int32{int32(i)})
}

// raw is the memory of values, as bytes in the machine's order: the file is read only by the process that wrote it.
func raw(values []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*4)
}

// slack bounds the difference between a float32 inner product of two rows of length 1, in any order of summation, and
// [cosine.Of]: D times the unit roundoff 2⁻²⁴ by Higham (2002), "Accuracy and Stability of Numerical Algorithms",
// section 3.1, and as much again for the lengths and the sum in float64.
func slack(dim int) float64 { return float64(2*dim+8) * 0x1p-24 }
