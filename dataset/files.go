// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// A file is one regular file of a folder or archive, by its slash-separated path in it.
type file struct {
	name string
	size int64
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
	archive  bool
	identity []byte // goes into the fingerprint: an archive's size and ends
}

var errChanged = errors.New("the file changed while it was being used")

// read returns the content of file i in buf, which it grows as needed.
func (l *listing) read(i int, buf []byte, maxBytes int64) ([]byte, error) {
	size := l.files[i].size
	if size == 0 {
		return nil, errors.New("empty file")
	}
	if size > maxBytes {
		return nil, fmt.Errorf("%d bytes, more than the limit of %d", size, maxBytes)
	}
	b, err := l.open(l.files[i])
	if err != nil {
		return nil, err
	}
	defer b.Close()
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

// skipped counts the files that a listing left out, by reason, with an example of each.
type skipped struct {
	order   []string
	count   map[string]int
	example map[string]string
}

func (s *skipped) add(reason, name string) {
	if s.count == nil {
		s.count, s.example = map[string]int{}, map[string]string{}
	}
	if s.count[reason] == 0 {
		s.order = append(s.order, reason)
		s.example[reason] = name
	}
	s.count[reason]++
}

func (s *skipped) notes() []string {
	var notes []string
	for _, reason := range s.order {
		if n := s.count[reason]; n == 1 {
			notes = append(notes, fmt.Sprintf("left out 1 file: %s (%s)", reason, s.example[reason]))
		} else {
			notes = append(notes, fmt.Sprintf("left out %d files: %s (such as %s)", n, reason, s.example[reason]))
		}
	}
	return notes
}

// notImages are extensions of files that often lie beside images; such files are never tried as an image. Any other
// file is judged by its content when it is decoded.
var notImages = strings.Fields(`.txt .csv .tsv .json .jsonl .md .rst .html .htm .xml .yaml .yml .toml .ini .log .pdf
	.py .pyc .ipynb .sh .m .mat .npy .npz .pkl .pickle .pt .pth .safetensors .h5 .hdf5 .parquet .arrow .db .lmdb .mdb
	.tar .tgz .gz .bz2 .xz .zst .zip .7z .rar .sha256 .sha1 .md5 .sum .mp4 .mov .avi .mkv .mp3 .wav .srt .names .data
	.bin .lock .part .torrent .license`)

// whyNotImage returns why a file is not tried as an image, or "".
func whyNotImage(name string) string {
	base := path.Base(name)
	switch {
	case isHidden(name):
		return "hidden"
	case slices.Contains([]string{"thumbs.db", "desktop.ini", "readme", "license", "copying", "makefile"},
		strings.ToLower(base)):
		return "not images by their names"
	case slices.Contains(notImages, strings.ToLower(path.Ext(base))):
		return "not images by their names"
	}
	return ""
}

// isHidden reports whether a folder or file of the path starts with a dot, or is the one macOS adds to archives.
func isHidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" {
			return true
		}
	}
	return false
}
