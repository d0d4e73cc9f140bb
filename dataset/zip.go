// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Limits of a zip archive. Its own size bounds everything else: what its directory takes in memory, and what all its
// entries hold, since entries that overlap are refused.
const (
	zipDirectory = 256 << 20 // bytes of the directory: about two million entries
	zipFixed     = 24 << 20  // an entry may unpack to this much: eight workers may do so at once
	zipRatio     = 20        // and this multiple of its packed size: images hardly compress
)

// listZip lists the files of a zip archive, which are read in place. Nothing is ever written to disk under the names in
// the archive.
func listZip(f archiveFile) (*listing, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l := &listing{kind: KindZip, close: f.Close}
	entries, err := indexZip(f, info.Size(), &l.skipped)
	if err != nil {
		return nil, err
	}
	for name, e := range entries {
		l.files = append(l.files, file{name, int64(e.UncompressedSize64), info.ModTime().UnixNano()})
	}
	l.sort()
	l.open = func(t file) (blob, error) {
		e := entries[t.name]
		if e.UncompressedSize64 > zipFixed+zipRatio*e.CompressedSize64 {
			return nil, fmt.Errorf("it unpacks to %d bytes, more than %d times its size: unpack the archive yourself "+
				"if that is right", e.UncompressedSize64, zipRatio)
		}
		return &zipBlob{entry: e}, nil
	}
	return l, nil
}

// indexZip returns the files of an archive of the given size by their names. It leaves out and counts links, encrypted
// files, absolute names and names that lead out of the archive. Of several files with one name the last one counts.
func indexZip(r io.ReaderAt, size int64, out *skipped) (map[string]*zip.File, error) {
	directory := &directoryReader{ReaderAt: r, left: zipDirectory}
	z, err := zip.NewReader(directory, size)
	directory.listed = true
	switch {
	case errors.Is(err, errDirectory):
		return nil, fmt.Errorf("its directory has more than %d MiB: unpack it and give the folder", zipDirectory>>20)
	case err != nil:
		return nil, fmt.Errorf("not a readable zip archive: %w (copy it again)", err)
	}
	entries := map[string]*zip.File{}
	left := uint64(size)
	for _, e := range z.File {
		if e.CompressedSize64 > left {
			return nil, errors.New("the entries of the zip archive overlap: it is damaged, or made to do harm")
		}
		left -= e.CompressedSize64
		name := path.Clean(e.Name)
		mode := e.Mode()
		switch {
		case !filepath.IsLocal(filepath.FromSlash(e.Name)) || strings.ContainsAny(e.Name, "\x00\\"):
			out.add("names that lead out of the archive", e.Name)
		case strings.HasSuffix(e.Name, "/") || mode.IsDir():
		case mode&os.ModeSymlink != 0:
			out.add("links in a zip archive are not followed", e.Name)
		case !mode.IsRegular():
			out.add("devices and other special files", e.Name)
		case e.Flags&1 != 0:
			out.add("encrypted", e.Name)
		case e.Method != zip.Store && e.Method != zip.Deflate:
			out.add("packed by a method that is not read", e.Name)
		case int64(e.UncompressedSize64) < 0:
			out.add("larger than a file can be", e.Name)
		default:
			if _, ok := entries[name]; ok {
				out.add("replaced by a later file of the same name", e.Name)
			}
			entries[name] = e
		}
	}
	return entries, nil
}

var errDirectory = errors.New("the directory is too large")

// directoryReader reads an archive. Until the directory is listed, all that it reads adds up to at most left bytes.
type directoryReader struct {
	io.ReaderAt
	left   int64
	listed bool
}

func (d *directoryReader) ReadAt(p []byte, off int64) (int, error) {
	if !d.listed {
		if d.left -= int64(len(p)); d.left < 0 {
			return 0, errDirectory
		}
	}
	return d.ReaderAt.ReadAt(p, off)
}

// zipBlob is an opened file of a zip archive. Reading it from the beginning to the end unpacks it once; a step back
// unpacks it anew.
type zipBlob struct {
	entry *zip.File
	r     io.ReadCloser
	at    int64
}

func (b *zipBlob) ReadAt(p []byte, off int64) (int, error) {
	if b.r == nil || off < b.at {
		if err := b.Close(); err != nil {
			return 0, err
		}
		var err error
		if b.r, err = b.entry.Open(); err != nil {
			return 0, err
		}
		b.at = 0
	}
	n, err := io.CopyN(io.Discard, b.r, off-b.at)
	b.at += n
	if err != nil {
		return 0, zipError(err)
	}
	got, err := io.ReadFull(b.r, p)
	b.at += int64(got)
	if errors.Is(err, io.ErrUnexpectedEOF) && b.at == int64(b.entry.UncompressedSize64) {
		err = io.EOF
	}
	return got, zipError(err)
}

// zipError says in the user's words what is wrong with a file in an archive.
func zipError(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, zip.ErrChecksum) || errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("damaged in the zip archive: %w", err)
	}
	return err
}

func (b *zipBlob) Close() error {
	if b.r == nil {
		return nil
	}
	err := b.r.Close()
	b.r = nil
	return err
}
