// SPDX-License-Identifier: Apache-2.0

package pth

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/weights/pickle"
)

// File is a file of torch.save. Close it after use.
type File struct {
	Format  string       // "torch zip" or "torch stream"
	Tensors []*Tensor    // in the order of the file
	Others  []Other      // the other entries of the file's dict, such as epoch
	Foreign []pickle.Use // the globals that were skipped, in the order of the file

	file     io.ReaderAt
	size     int64
	closer   io.Closer
	storages map[string]storage // by their keys
}

// Other is an entry that holds no tensor.
type Other struct {
	Key  string // its path in the file
	Kind string // "int64", "string", "omegaconf.dictconfig.DictConfig" ...
}

// storage is where the elements of a storage lie in the file.
type storage struct {
	at, bytes int64
	checksum  uint32 // CRC-32 of an archive's entry
	checked   bool   // there is one
}

// MaxPickle is the size of the largest pickle that is read. Tensors do not count: their bytes lie beside it.
const MaxPickle = 64 << 20

// ErrForeign is wrapped by the errors of files that are not of torch.save.
var ErrForeign = errors.New("this is not a file of torch.save")

// Open opens a file of torch.save.
func Open(name string) (*File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", printable.Name(name))
	}
	var p *File
	if err == nil {
		p, err = Parse(f, info.Size())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.closer = f
	return p, nil
}

// Parse reads what r has of the given size. r must stay open while tensors are read.
func Parse(r io.ReaderAt, size int64) (*File, error) {
	f := &File{file: r, size: size, storages: map[string]storage{}}
	var start [4]byte
	if n, err := r.ReadAt(start[:], 0); n < len(start) {
		if err == io.EOF {
			err = fmt.Errorf("it has %d bytes: %w", size, ErrForeign)
		}
		return nil, err
	}
	if bytes.HasPrefix(start[:], []byte("PK")) {
		f.Format = "torch zip"
		return f, f.readZip()
	}
	if f.isTar() {
		return nil, errors.New("it is a tar archive, which torch.save has not written since PyTorch 0.1: " +
			"unpack it and import the file inside")
	}
	f.Format = "torch stream"
	return f, f.readStream()
}

func (f *File) isTar() bool {
	var mark [5]byte
	_, err := f.file.ReadAt(mark[:], 257)
	return err == nil && string(mark[:]) == "ustar"
}

// Close closes the file that Open opened; after Parse it does nothing.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// readZip reads an archive NAME/data.pkl, NAME/data/KEY ..., whose entries torch.save never compresses.
func (f *File) readZip() error {
	archive, err := zip.NewReader(f.file, f.size)
	if err != nil {
		return fmt.Errorf("it begins as a zip archive and cannot be read as one (%w): it is truncated or damaged", err)
	}
	var main *zip.File
	for _, e := range archive.File {
		if _, name := path.Split(e.Name); name == "data.pkl" && (main == nil || len(e.Name) < len(main.Name)) {
			main = e
		}
	}
	if main == nil {
		return fmt.Errorf("the zip archive has no data.pkl: %w", ErrForeign)
	}
	root := strings.TrimSuffix(main.Name, "data.pkl")
	for _, e := range archive.File {
		name, ok := strings.CutPrefix(e.Name, root)
		if !ok {
			continue
		}
		if name == "byteorder" {
			if err := f.checkOrder(e); err != nil {
				return err
			}
		}
		if key, ok := strings.CutPrefix(name, "data/"); ok {
			if f.storages[key], err = f.place(e); err != nil {
				return err
			}
		}
	}
	at, err := f.place(main)
	if err != nil {
		return err
	}
	if at.bytes > MaxPickle {
		return fmt.Errorf("its pickle has %d bytes, more than the %d that are read", at.bytes, MaxPickle)
	}
	section := io.NewSectionReader(f.file, at.at, at.bytes)
	p, err := pickle.Decode(bufio.NewReader(section), at.bytes)
	if err != nil {
		return err
	}
	return f.interpret(p)
}

// place is where the bytes of an archive's entry lie.
func (f *File) place(e *zip.File) (s storage, err error) {
	if e.Method != zip.Store {
		return s, fmt.Errorf("the entry %s of the zip archive is compressed, which torch.save never does: "+
			"save the file again with torch.save", printable.Short(e.Name))
	}
	at, err := e.DataOffset()
	if err != nil {
		return s, fmt.Errorf("the entry %s of the zip archive: %w", printable.Short(e.Name), err)
	}
	if e.UncompressedSize64 > uint64(f.size) || at > f.size-int64(e.UncompressedSize64) {
		return s, fmt.Errorf("the entry %s of the zip archive reaches beyond its end: the file is truncated",
			printable.Short(e.Name))
	}
	return storage{at, int64(e.UncompressedSize64), e.CRC32, true}, nil
}

// checkOrder refuses tensors of a big-endian machine.
func (f *File) checkOrder(e *zip.File) error {
	at, err := f.place(e)
	if err != nil {
		return err
	}
	text := make([]byte, min(at.bytes, 16))
	if _, err := f.file.ReadAt(text, at.at); err != nil {
		return err
	}
	if string(text) != "little" {
		return fmt.Errorf("its tensors are in the byte order %s: only little-endian ones are read",
			printable.Short(string(text)))
	}
	return nil
}

// The stream begins with this number and this version, each a pickle.
var magic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

const streamVersion = 1001

// readStream reads five pickles (magic number, version, facts about the machine, the object, the keys of its storages),
// then of each storage the number of its elements in 8 bytes and the elements.
func (f *File) readStream() error {
	counted := &counter{r: io.NewSectionReader(f.file, 0, f.size)}
	r := bufio.NewReader(counted)
	at := func() int64 { return counted.n - int64(r.Buffered()) }
	next := func() (*pickle.Pickle, error) { return pickle.Decode(r, min(f.size-at(), MaxPickle)) }
	first, err := next()
	if err != nil {
		return fmt.Errorf("%w, neither its zip archive nor its older stream", ErrForeign)
	}
	if number, ok := first.Value.(*big.Int); !ok || number.Cmp(magic) != 0 {
		return fmt.Errorf("%w: it is a pickle of something else", ErrForeign)
	}
	version, err := next()
	if err != nil {
		return err
	}
	if version.Value != int64(streamVersion) {
		return fmt.Errorf("its stream is of the version %v: %d is read", version.Value, streamVersion)
	}
	facts, err := next()
	if err != nil {
		return err
	}
	if little, ok := lookUp(facts.Value, "little_endian").(bool); ok && !little {
		return errors.New("its tensors are in big-endian order: only little-endian ones are read")
	}
	object, err := next()
	if err != nil {
		return err
	}
	keys, err := next()
	if err != nil {
		return err
	}
	sizes := elementSizes(object.Value)
	list, _ := keys.Value.(*pickle.Object)
	if list == nil {
		return errors.New("it does not list its storages: the file is damaged")
	}
	place := at()
	for _, k := range list.Items {
		key, ok := k.(string)
		size, known := sizes[key]
		if !ok || !known {
			return fmt.Errorf("it has a storage that no tensor names, %s: the file is damaged",
				printable.Short(fmt.Sprint(k)))
		}
		var count [8]byte
		if _, err := f.file.ReadAt(count[:], place); err != nil {
			return fmt.Errorf("storage %s: the file is truncated", printable.Short(key))
		}
		n := binary.LittleEndian.Uint64(count[:])
		place += int64(len(count))
		if n > uint64(f.size-place)/uint64(size) {
			return fmt.Errorf("storage %s has %d elements and the file ends before: it is truncated",
				printable.Short(key), n)
		}
		f.storages[key] = storage{at: place, bytes: int64(n) * int64(size)}
		place += int64(n) * int64(size)
	}
	return f.interpret(object)
}

// counter counts the bytes that were read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
