// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// info describes one tensor of a file.
type info struct {
	DType  DType
	Shape  []int // empty for a scalar
	Offset int64 // of its first byte in the file's data, which begins after the header
	Bytes  int64 // its length: the product of Shape times the size of DType
}

// File is a safetensors file whose header has been checked. Its methods may be called from several goroutines.
type File struct {
	Names    []string          // in the order of the data
	Metadata map[string]string // empty if the file has none

	label  string
	infos  map[string]info
	data   io.ReaderAt
	closer io.Closer
}

// Open opens the file at path and checks its header. Close it after use.
func Open(path string) (*File, error) {
	handle, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening safetensors file: %w", err)
	}
	stat, err := handle.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	var f *File
	if err == nil {
		f, err = Parse(handle, stat.Size())
	}
	if err != nil {
		_ = handle.Close()
		return nil, fmt.Errorf("reading safetensors file %s: %w", path, err)
	}
	f.label, f.closer = path, handle
	return f, nil
}

// Parse checks the header of a file of the given size in bytes and returns its contents; it reads tensors from r when
// they are asked for.
func Parse(r io.ReaderAt, size int64) (*File, error) {
	if size < 8 {
		return nil, fmt.Errorf("it has %d bytes, too few for a safetensors file", size)
	}
	var prefix [8]byte
	if err := readAt(r, prefix[:], 0); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > MaxHeader {
		return nil, fmt.Errorf("its header claims %d bytes, more than the %d that are read: this is not a "+
			"safetensors file of an image encoder", length, MaxHeader)
	}
	if length > uint64(size-8) {
		return nil, fmt.Errorf("its header claims %d bytes and %d follow: the file is truncated, or not a "+
			"safetensors file", length, size-8)
	}
	var text strings.Builder // a []byte would be copied for the scanner
	text.Grow(int(length))
	n, err := io.Copy(&text, io.NewSectionReader(r, 8, int64(length)))
	if err == nil && uint64(n) < length {
		err = io.ErrUnexpectedEOF // the file has changed since its size was taken
	}
	if err != nil {
		return nil, err
	}
	start := 8 + int64(length)
	entries, metadata, err := header(text.String(), size-start)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: metadata, label: "file", infos: make(map[string]info, len(entries)),
		data: io.NewSectionReader(r, start, size-start)}
	if f.Metadata == nil {
		f.Metadata = map[string]string{}
	}
	for _, e := range entries {
		f.Names = append(f.Names, e.name)
		f.infos[e.name] = e.info
	}
	return f, nil
}

// Info returns the type and the shape of a tensor, "" and nil if the file has none of that name.
func (f *File) Info(name string) (DType, []int) {
	info := f.infos[name]
	return info.DType, info.Shape
}

// Tensor reads one whole tensor.
func (f *File) Tensor(name string) (Tensor, error) {
	info, ok := f.infos[name]
	if !ok {
		return Tensor{}, fmt.Errorf("%s has no tensor %s", f.label, printable.Short(name))
	}
	t := Tensor{Name: name, DType: info.DType, Shape: info.Shape, Data: make([]byte, info.Bytes)}
	if err := readAt(f.data, t.Data, info.Offset); err != nil {
		return Tensor{}, fmt.Errorf("reading tensor %s of %s: %w", printable.Short(name), f.label, err)
	}
	return t, nil
}

// Tensors reads every tensor, in the order of Names.
func (f *File) Tensors() ([]Tensor, error) {
	var list []Tensor
	for _, name := range f.Names {
		t, err := f.Tensor(name)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// Close closes the file that Open opened; after Parse it does nothing.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// readAt fills p from r; a source that ends early has changed since its size was taken.
func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
