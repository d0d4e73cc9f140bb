// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
)

// What is unpacked may be this large: a fixed part, and a multiple of the packed size. Images hardly compress: MNIST,
// the emptiest set in use, grows 4.7 times. A file that grows more is a mistake or an attack.
const (
	unpackFixed = 64 << 20
	unpackRatio = 20
)

func unpackLimit(packed int64) int64 { return unpackFixed + unpackRatio*packed }

// errUnpackLimit is the error of a gzipped file that grows beyond its limit.
func errUnpackLimit(packed int64) error {
	return fmt.Errorf("its %s grow to more than %s when they are unpacked, which images do not: gunzip it yourself if "+
		"that is right", humanize.IBytes(uint64(packed)), humanize.IBytes(uint64(unpackLimit(packed))))
}

// claimed is how many bytes a gzipped file of the given size says that it holds, modulo 2^32: the last four bytes of a
// file with one member (RFC 1952, section 2.3.1). More than the limit is an error.
func claimed(r io.ReaderAt, size int64) (int64, error) {
	var last [4]byte
	if _, err := r.ReadAt(last[:], max(0, size-4)); err != nil && err != io.EOF {
		return 0, err
	}
	want := int64(binary.LittleEndian.Uint32(last[:]))
	if want > unpackLimit(size) {
		return 0, fmt.Errorf("it ends as if its %s grew to %s when they are unpacked, which images do not: it is cut "+
			"short or damaged (copy it again), or gunzip it yourself", humanize.IBytes(uint64(size)),
			humanize.IBytes(uint64(want)))
	}
	return want, nil
}

// A packed is a gzipped file.
type packed struct {
	r    io.ReaderAt
	size int64
	path string // of the file: absolute, or its name in an archive
	id   string // tells this content from another one at the same path
	as   string // the ending of the unpacked file's name
}

// unpacked returns the plain content of a gzipped file, from the cache or unpacked into it now. The cache holds one
// file for each; an archive's files are not unpacked to disk.
func unpacked(p packed, o Options) (*os.File, error) {
	c, err := openCache(o.CacheDir)
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256([]byte(p.path + "\n" + p.id))
	base, _, _ := strings.Cut(filepath.Base(p.path), ".")
	name := fmt.Sprintf("%s-%x%s", base, key[:8], p.as)
	if plain, err := c.open(name); err == nil {
		return plain, nil
	}
	want, err := claimed(p.r, p.size)
	if err != nil {
		return nil, err
	}
	if err := c.make(max(want, p.size)); err != nil {
		return nil, err
	}
	if err := gunzipTo(c.path(name), io.NewSectionReader(p.r, 0, p.size), p.size, c.room); err != nil {
		return nil, err
	}
	return c.open(name)
}

// gunzipTo writes the content of the gzip stream r of size bytes into a file, see writeWhole.
func gunzipTo(name string, r io.Reader, size int64, room func() error) error {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return fmt.Errorf("not a readable gzip file: %w", err)
	}
	err = writeWhole(name, unpackLimit(size), room, func(w io.Writer) error {
		n, err := io.Copy(w, z)
		if err != nil {
			return fmt.Errorf("the gzipped file is cut short or damaged after %d bytes: %w (copy it again)", n, err)
		}
		return nil
	})
	if errors.Is(err, errLimit) {
		return errUnpackLimit(size)
	}
	return err
}
