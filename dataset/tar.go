// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// tarFile is a file of an archive and the position of its content.
type tarFile struct {
	file
	offset int64
}

// listTar indexes the archive once; its files are then read in place. Nothing is ever written to disk under the names
// in the archive.
func listTar(f archiveFile) (*listing, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l := &listing{kind: KindTar, close: f.Close}
	files, err := indexTar(f, info.Size(), &l.skipped)
	if err != nil {
		return nil, err
	}
	// An archive may have millions of files: sorted, they need no map.
	slices.SortFunc(files, func(a, b tarFile) int { return strings.Compare(a.name, b.name) })
	l.files = make([]file, len(files))
	for i, t := range files {
		l.files[i] = t.file
		l.files[i].modified = info.ModTime().UnixNano()
		l.offsets = append(l.offsets, t.offset)
	}
	l.open = func(t file) (blob, error) {
		i, _ := slices.BinarySearchFunc(files, t.name, func(f tarFile, name string) int {
			return strings.Compare(f.name, name)
		})
		return section{io.NewSectionReader(f, files[i].offset, t.size)}, nil
	}
	return l, nil
}

// section is a part of an archive that stays open.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// indexTar reads the headers of an archive of the given size. It leaves out and counts devices, absolute names and
// names that lead out of the archive. Of several files with one name the last one counts, as in tar. A link to a file
// of the archive is that file under another name.
func indexTar(r io.ReaderAt, size int64, out *skipped) ([]tarFile, error) {
	s := io.NewSectionReader(r, 0, size)
	t := tar.NewReader(s)
	var files []tarFile
	at := map[string]int{}
	links := tarLinks{}
	for {
		h, err := t.Next()
		if err == io.EOF {
			return links.resolve(files, at, out), nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("the archive is cut short after %d files: copy it again", len(files))
		}
		if err != nil {
			return nil, fmt.Errorf("not a readable tar archive after %d files: %w", len(files), err)
		}
		name := path.Clean(strings.TrimSuffix(h.Name, "/"))
		switch {
		case !filepath.IsLocal(filepath.FromSlash(h.Name)) || strings.ContainsAny(h.Name, "\x00\\"):
			out.add("names that lead out of the archive", h.Name)
			continue
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink:
			links.add(h, name)
			if _, ok := at[name]; ok && links[name] == name {
				delete(links, name) // a link of a file to itself changes nothing
			} else {
				delete(at, name)
			}
			continue
		case h.Typeflag != tar.TypeReg || isSparse(h):
			out.add("devices, sparse and other special files", h.Name)
			continue
		}
		offset, err := s.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if h.Size < 0 || h.Size > size-offset {
			return nil, fmt.Errorf("the archive is cut short in %s: copy it again",
				printable.Name(h.Name))
		}
		entry := tarFile{file{name: name, size: h.Size}, offset}
		delete(links, name)
		if i, ok := at[name]; ok {
			out.add("replaced by a later file of the same name", h.Name)
			files[i] = entry
			continue
		}
		at[name] = len(files)
		files = append(files, entry)
	}
}

// isSparse reports whether a file's content is stored in the archive in another form.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// ends hashes the size of a file and up to 64 KiB of each end. The hash identifies a large file without reading all of
// it.
func ends(r io.ReaderAt, size int64) ([]byte, error) {
	const part = 64 << 10
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", size)
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, part)); err != nil {
		return nil, err
	}
	if _, err := io.Copy(h, io.NewSectionReader(r, max(0, size-part), part)); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
