// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// A file is one regular file of a folder or archive, by its slash-separated path in it.
type file struct {
	name     string
	size     int64
	modified int64 // nanoseconds since 1970
}

// blob is an opened file.
type blob interface {
	io.ReaderAt
	io.Closer
}

// listing is what a folder and an archive have in common: files, sorted by name, that several goroutines can read at
// once in any order.
type listing struct {
	files    []file
	open     func(f file) (blob, error)
	close    func() error
	skipped  skipped
	kind     Kind   // KindFolder, KindTar or KindZip
	identity []byte // goes into the fingerprint: an archive's size and ends

	offsets []int64 // of the files of a tar archive; nil: not known

	index string                   // the path of the index that some files are from, "" if they were looked at
	path  func(name string) string // of a folder's files

	// recorded returns the hash of file i that a pack has noted, "" if it is not what it was; nil: files are hashed.
	recorded func(i int) string
}

var errChanged = errors.New("the file changed while it was being used")

// read returns the content of file i in buf, which it grows as needed.
func (l *listing) read(i int, buf []byte, maxBytes int64) ([]byte, error) {
	size := l.files[i].size
	switch {
	case size == 0 && l.kind == KindParquet:
		return nil, errors.New("the row has no image")
	case size == 0:
		b, err := l.open(l.files[i]) // a list may name what is not there
		if err == nil {
			err = cmp.Or(b.Close(), errors.New("empty file"))
		}
		return nil, err
	}
	if size > maxBytes {
		return nil, fmt.Errorf("%d bytes, more than the limit of %d", size, maxBytes)
	}
	b, err := l.open(l.files[i])
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if f, ok := b.(*os.File); ok && l.index != "" { // it may have been written in place
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if size = info.Size(); size == 0 || size > maxBytes {
			return nil, fmt.Errorf("%d bytes, and the limit is %d", size, maxBytes)
		}
	}
	// One byte more than expected, to see a file that has grown.
	buf = slices.Grow(buf[:0], int(size)+1)[:size+1]
	switch n, err := b.ReadAt(buf, 0); {
	case err != nil && err != io.EOF:
		return nil, err
	case int64(n) != size:
		return nil, errChanged
	}
	return buf[:size], nil
}

// readSmall returns the content of the file called name if it exists and has at most limit bytes.
func (l *listing) readSmall(name string, limit int64) ([]byte, bool) {
	i, ok := slices.BinarySearchFunc(l.files, name,
		func(f file, name string) int { return strings.Compare(f.name, name) })
	if !ok {
		return nil, false
	}
	data, err := l.read(i, nil, limit)
	return data, err == nil
}

func (l *listing) sort() {
	slices.SortFunc(l.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
}

// below keeps the files under the folder sub, with their full names.
func (l *listing) below(sub string) {
	prefix := sub + "/"
	l.files = slices.DeleteFunc(l.files, func(f file) bool { return !strings.HasPrefix(f.name, prefix) })
}

// text returns the content of a small text file, or "".
func (l *listing) text(name string) string {
	data, _ := l.readSmall(name, 16<<20)
	return string(data)
}
