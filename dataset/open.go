// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
)

// whole is a recognised data set before a split is taken: every image of every split.
type whole struct {
	kind     Kind
	items    []item
	classes  []string // of items[].label, if the format has its own labels
	image    func(i int) (*augment.Image, error)
	hold     func(i int) (*augment.Image, func(), error) // image files only: as Holder says
	factors  func(i int) Factors                         // synthetic images only
	close    func() error
	notes    []string
	identity []byte
}

// item is one image: its name, its size in bytes, its split ("" = none), its path below the split, its own label.
type item struct {
	name, split, rel string
	size             int64
	label            int
}

// Open recognises what path holds and returns the images that o selects.
//
// Path is a folder of images, a .tar, .tar.gz or .tgz of them, a folder or archive with CIFAR-10's or CIFAR-100's
// binary files, a folder with IDX files or one such file, or the word "synthetic" or "synthetic:N" (N training
// images; 5000 without N). PATH:sub/folder selects a folder below a folder or archive.
//
// Top-level folders called train, val and test are splits, also inside the one folder that wraps an archive. An error
// says what is wrong with the path or the options; Open does not look for single images that cannot be read.
func Open(path string, o Options) (*Source, error) {
	o = o.withDefaults()
	w, err := openWhole(path, o)
	if err != nil {
		return nil, fmt.Errorf("opening the data %s: %w", path, err)
	}
	s, err := w.source(o.Split, o.Labels)
	if err == nil {
		err = checkDecoder(o.Decoder)
	}
	if err != nil {
		_ = w.close()
		return nil, fmt.Errorf("opening the data %s: %w", path, err)
	}
	s.close = w.close
	return s, nil
}

func openWhole(name string, o Options) (*whole, error) {
	if name == "synthetic" || strings.HasPrefix(name, "synthetic:") {
		return openSynthetic(name, o)
	}
	name, sub, err := cutSub(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	var l *listing
	switch {
	case info.IsDir():
		l, err = listFolder(name, true)
	case info.Mode().IsRegular():
		l, err = listFile(name, o)
	default:
		err = errors.New("neither a folder nor a file")
	}
	if err != nil {
		return nil, err
	}
	if sub != "" {
		if l.below(sub); len(l.files) == 0 {
			_ = l.close()
			return nil, fmt.Errorf("it has no folder %s with files", sub)
		}
	}
	w, err := recognise(l, sub, o)
	if err != nil {
		_ = l.close()
		return nil, err
	}
	w.identity = append(w.identity, l.identity...)
	w.notes = append(w.notes, l.skipped.notes()...)
	return w, nil
}

// cutSub splits PATH:sub/folder at the last colon that follows an existing file or folder. It does not split a path
// that exists as written.
func cutSub(name string) (base, sub string, err error) {
	_, missing := os.Stat(name)
	if missing == nil {
		return name, "", nil
	}
	for at := strings.LastIndexByte(name, ':'); at > 0; at = strings.LastIndexByte(name[:at], ':') {
		if _, err := os.Stat(name[:at]); err == nil {
			sub := path.Clean(filepath.ToSlash(name[at+1:]))
			if sub == "." {
				return name[:at], "", nil
			}
			if !filepath.IsLocal(filepath.FromSlash(sub)) {
				return "", "", fmt.Errorf("the part after the colon, %s, must be a folder below %s", sub, name[:at])
			}
			return name[:at], sub, nil
		}
	}
	if errors.Is(missing, os.ErrNotExist) {
		return "", "", errors.New("there is no such file or folder")
	}
	return "", "", missing
}

// listFile lists what a single file holds: an archive, or an IDX file together with the files beside it that belong to
// it.
func listFile(name string, o Options) (*listing, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	l, err := listOpened(f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

func listOpened(f *os.File, o Options) (*listing, error) {
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	head = head[:n]
	inner := head
	zipped := bytes.HasPrefix(head, []byte{0x1f, 0x8b})
	if zipped {
		inner = make([]byte, 512)
		z, err := gzip.NewReader(io.NewSectionReader(f, 0, 1<<20))
		if err != nil {
			return nil, fmt.Errorf("not a readable gzip file: %w", err)
		}
		n, err := io.ReadFull(z, inner)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
			return nil, fmt.Errorf("not a readable gzip file: %w", err)
		}
		inner = inner[:n]
	}
	switch ext := strings.ToLower(filepath.Ext(f.Name())); {
	case len(head) == 0:
		return nil, errors.New("the file is empty")
	case bytes.HasPrefix(inner, idxImages):
		f.Close()
		return listFamily(f.Name())
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, errors.New("zip archives are not read in place: unpack it and give the folder")
	case !zipped && codec.IsImage(head):
		return nil, errors.New("a single image: give the folder it lies in")
	case ext == ".bin":
		return nil, errors.New("a single binary file: give the folder it lies in")
	case !zipped && ext != ".tar" && !isTar(inner):
		return nil, errors.New("neither a folder, nor a .tar, .tar.gz, .tgz or IDX file")
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	identity, err := ends(f, info.Size())
	if err != nil {
		return nil, err
	}
	plain := f
	if zipped {
		if plain, err = unpackedTar(f, info, identity, inner, o); err != nil {
			return nil, err
		}
		f.Close()
	}
	l, err := listTar(plain)
	if err != nil {
		plain.Close()
		return nil, err
	}
	l.identity = identity
	return l, nil
}

// unpackedTar returns the plain archive of a gzipped one that begins with inner.
func unpackedTar(f *os.File, info os.FileInfo, identity, inner []byte, o Options) (*os.File, error) {
	if _, err := tar.NewReader(bytes.NewReader(inner)).Next(); len(inner) == 512 && errors.Is(err, tar.ErrHeader) {
		return nil, errors.New("gzipped, but neither a tar archive nor an IDX file")
	}
	full, err := filepath.Abs(f.Name())
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%d\n%d\n%x", info.Size(), info.ModTime().UnixNano(), identity)
	return unpacked(packed{f, info.Size(), full, id, ".tar"}, o)
}

func isTar(head []byte) bool { return len(head) >= 262 && string(head[257:262]) == "ustar" }

// recognise tells the kind of a data set by the names of its files.
func recognise(l *listing, sub string, o Options) (*whole, error) {
	if w, err := recogniseCIFAR(l); w != nil || err != nil {
		return w, err
	}
	if w, err := recogniseIDX(l, o); w != nil || err != nil {
		return w, err
	}
	return imageFiles(l, sub, o)
}

// imageFiles makes the data set of a listing's image files.
func imageFiles(l *listing, sub string, o Options) (*whole, error) {
	var kept []int
	archives := 0
	for i, f := range l.files {
		rel := f.name
		if sub != "" {
			rel = f.name[len(sub)+1:]
		}
		if why := whyNotImage(rel); why != "" {
			l.skipped.add(why, f.name)
			if ext := strings.ToLower(path.Ext(rel)); slices.Contains([]string{".tar", ".tgz", ".gz", ".zip"}, ext) {
				archives++
			}
			continue
		}
		kept = append(kept, i)
	}
	if len(kept) == 0 {
		if archives > 0 {
			return nil, fmt.Errorf("it holds no images but %d archives: give one of them, or unpack them", archives)
		}
		return nil, errors.New("it holds no images (JPEG, PNG, GIF, BMP, TIFF and WebP are read, at any depth)")
	}

	root := ""
	if sub != "" {
		root = sub + "/"
	}
	if l.archive {
		root += wrapper(l, kept, len(root))
	}
	w := &whole{kind: KindFolder, close: l.close}
	if l.archive {
		w.kind = KindTar
	}
	w.items = make([]item, 0, len(kept))
	for _, i := range kept {
		f := l.files[i]
		it := item{name: f.name, rel: f.name[len(root):], size: f.size, label: -1}
		if top, rest, ok := strings.Cut(it.rel, "/"); ok && isSplit(top) {
			it.split, it.rel = top, rest
		}
		w.items = append(w.items, it)
	}
	files := newDecoder(o)
	w.hold = func(i int) (*augment.Image, func(), error) {
		size := min(l.files[kept[i]].size, o.MaxBytes)
		img, release, err := files.decode(size, func(buf []byte) ([]byte, error) {
			return l.read(kept[i], buf, o.MaxBytes)
		})
		if err != nil {
			return nil, nil, &ImageError{w.items[i].name, err}
		}
		return img, release, nil
	}
	w.image = func(i int) (*augment.Image, error) {
		img, release, err := w.hold(i)
		if err == nil {
			release()
		}
		return img, err
	}
	return w, nil
}

// wrapper returns the one folder, with its slash, that holds all files of an archive, or "". A split is no wrapper.
func wrapper(l *listing, kept []int, from int) string {
	first, _, ok := strings.Cut(l.files[kept[0]].name[from:], "/")
	if !ok || isSplit(first) {
		return ""
	}
	for _, i := range kept {
		if !strings.HasPrefix(l.files[i].name[from:], first+"/") {
			return ""
		}
	}
	return first + "/"
}

func isSplit(name string) bool { return name == SplitTrain || name == SplitVal || name == SplitTest }
