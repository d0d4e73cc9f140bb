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
	"sync/atomic"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/objects"
	"github.com/parallax-ssl/parallax/internal/packfile"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// whole is a recognised data set before a split is taken: every image of every split.
type whole struct {
	kind     Kind
	items    []item
	arrange  func(want string) (*layout, error) // nil if the format has its own splits, those of items
	folders  *arranger                          // arrange is its method; nil: it is another function
	why      [2]string                          // of given, if arrange is its function
	classes  []string                           // of items[].label, if the format has its own labels
	from     string                             // where classes are from; "": the kind
	noClass  string                             // why the images have no labels, if it is not for the folders
	image    func(i int) (*augment.Image, error)
	hold     func(i int) (*augment.Image, func(), error) // image files only: as Holder says
	head     func(i int) ([]byte, error)                 // image files only: the first bytes of a file
	file     func(i int) ([]byte, error)                 // image files only: all of it
	factors  func(i int) Factors                         // synthetic images only
	describe func(i int) (augment.Format, int, bool)     // image files only: see Source.Stored
	kept     bool                                        // see Source.Kept
	only     atomic.Pointer[augment.Format]              // what all images must have; nil: anything
	list     *listing                                    // of the files; nil for synthetic images
	files    func(i int) []int                           // the places in list of what image i and its label depend on
	close    func() error
	notes    []string
	skipped  skipped
	identity []byte
	shards   map[string]int     // the numbers of the archives, several, whose names begin those of items
	ahead    func(image string) // says that an image will be read soon; nil: its archive is here
	// archiveBytes is how much the archives of a bucket have.
	archiveBytes int64
	pack         *pack                                          // nil: it is no pack
	measure      func(i int) (w, h int, bytes int64, err error) // as Source.Dimensions; nil: by the file's header

	// holdSeen is hold that shows the file's bytes, see Source.HoldSeen; image files only.
	holdSeen func(i int, see func([]byte)) (*augment.Image, func(), error)
}

// item is one image: its name, its size in bytes, and, if the format has them, its split ("" = none) and its label.
type item struct {
	name, split, rel string
	size             int64
	label            int
}

// Open recognises what path holds and returns the images that o selects.
//
// Path is one of:
//   - a folder of images, or a .tar, .tar.gz, .tgz or .zip of them;
//   - a folder with several such archives and no images outside them. Archives that are numbered, or that have samples
//     of WebDataset (1.jpg beside 1.cls, 1.json or 1.txt, which have the label), are parts of one set, and the names of
//     archives like train-000012.tar say the split. Other archives are folders, such as one for each class;
//   - a Parquet file with a column of images, or a folder of them, as Hugging Face's library datasets writes them. It
//     is unpacked into the cache once, because random order would unpack a page for each image;
//   - a list: .csv or .tsv with the columns path, label and split, of which the last two may be missing, or .jsonl with
//     such keys, or .txt with a path a line. Paths are relative to the list;
//   - an address of archives in a bucket, such as "s3://bucket/shards/{000..099}.tar": s3://, gs://, azblob:// and
//     file:// in a program that links gocloud.dev's drivers. An archive is fetched into the cache when it is needed;
//   - a pattern of archives, Parquet files or images: "shards/{000..012}.tar", "photos/*.heic";
//   - a pack, which package dataset/pack writes: it is the data that was packed;
//   - a folder or archive with CIFAR-10's or CIFAR-100's binary files, a folder with IDX files or one such file;
//   - the word "synthetic" or "synthetic:N" (N training images; 5000 without N).
//
// PATH:sub/folder selects a folder below a folder or archive.
//
// Folders at the top are splits if they are called train, val or test, or like these elsewhere (valid, Testing,
// train2017), also inside one folder that holds everything. A folder of that name among others is a class. Where both
// can be meant, and where pictures seem to be masks or thumbnails of others, the error is an [AmbiguousError], unless
// o.Split says what is meant. [Source.Summary] says what was taken.
//
// An error says what is wrong with the path or the options. Open looks into a file only if its name does not say
// whether it is an image; images that cannot be read are found later.
func Open(path string, o Options) (*Source, error) {
	o = o.withDefaults()
	w, err := openWhole(path, o)
	if err != nil {
		return nil, fmt.Errorf("opening the data %s: %w", printable.Name(path), err)
	}
	if o.Split == "" && w.pack != nil {
		o.Split = w.pack.Data.Split
	}
	s, err := w.source(o.Split, o.Labels)
	if err == nil {
		err = errors.Join(checkDecoder(o.Decoder), w.checkChannels(o.Channels))
	}
	if err != nil {
		_ = w.close()
		return nil, fmt.Errorf("opening the data %s: %w", printable.Name(path), err)
	}
	s.close = w.close
	return s, nil
}

func openWhole(name string, o Options) (*whole, error) {
	if name == "synthetic" || strings.HasPrefix(name, "synthetic:") {
		return openSynthetic(name, o)
	}
	if objects.IsURL(name) {
		return openRemote(name, o)
	}
	if isPattern(name) {
		return openPattern(name, o)
	}
	name, sub, err := cutSub(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		switch ending := strings.ToLower(filepath.Ext(name)); {
		case sub != "" && (ending == ".parquet" || listEndings[ending] != nil):
			return nil, fmt.Errorf("it is a file without folders, so it has no folder %s", printable.Name(sub))
		case ending == ".parquet":
			return openParquet(shards([]string{name}), o)
		case listEndings[ending] != nil:
			return openList(name, o)
		}
	}
	var l *listing
	switch {
	case info.IsDir() && packfile.IsPack(name):
		return openPack(name, sub, o)
	case info.IsDir():
		if sub != "" {
			if below, err := os.Stat(filepath.Join(name, filepath.FromSlash(sub))); err != nil || !below.IsDir() {
				return nil, fmt.Errorf("it has no folder %s with files", printable.Name(sub))
			}
		}
		l, err = listFolder(name, sub, true, o)
	case info.Mode().IsRegular():
		l, err = listFile(name, o)
	default:
		err = errors.New("neither a folder nor a file")
	}
	if err != nil {
		return nil, err
	}
	root := ""
	if sub != "" {
		root = sub + "/"
		if l.below(sub); len(l.files) == 0 && len(l.skipped) == 0 {
			_ = l.close()
			return nil, fmt.Errorf("it has no folder %s with files", printable.Name(sub))
		}
	}
	if err := l.leaveOutputs(root); err != nil {
		_ = l.close()
		return nil, err
	}
	w, err := recognise(l, name, root, o)
	if err != nil {
		_ = l.close()
		return nil, err
	}
	w.identity = append(w.identity, l.identity...)
	w.skipped = append(w.skipped, l.skipped...)
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
				return "", "", fmt.Errorf("the part after the colon, %s, must be a folder below %s",
					printable.Name(sub), printable.Name(name[:at]))
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

func listOpened(f archiveFile, o Options) (*listing, error) {
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
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return listArchive(f, listZip)
	case !zipped && codec.IsImage(head):
		return nil, errors.New("a single image: give the folder it lies in")
	case ext == ".bin":
		return nil, errors.New("a single binary file: give the folder it lies in")
	case !zipped && ext != ".tar" && !isTar(inner):
		return nil, errors.New("neither a folder, nor a .tar, .tar.gz, .tgz, .zip, .parquet or IDX file, nor a list " +
			"of images (.csv, .tsv, .jsonl, .txt)")
	}
	if !zipped {
		return listArchive(f, listTar)
	}
	identity, err := identify(f)
	if err != nil {
		return nil, err
	}
	plain, err := unpackedTar(f, identity, inner, o)
	if err != nil {
		return nil, err
	}
	f.Close()
	l, err := listTar(plain)
	if err != nil {
		plain.Close()
		return nil, err
	}
	l.identity = identity
	return l, nil
}

// listArchive lists an archive that is read in place.
func listArchive(f archiveFile, list func(archiveFile) (*listing, error)) (*listing, error) {
	identity, err := identify(f)
	if err != nil {
		return nil, err
	}
	l, err := list(f)
	if err != nil {
		return nil, err
	}
	l.identity = identity
	return l, nil
}

// identify returns the hash of an archive's size and ends.
func identify(f archiveFile) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return ends(f, info.Size())
}

// unpackedTar returns the plain archive of a gzipped one that begins with inner.
func unpackedTar(f archiveFile, identity, inner []byte, o Options) (*os.File, error) {
	if _, err := tar.NewReader(bytes.NewReader(inner)).Next(); len(inner) == 512 && errors.Is(err, tar.ErrHeader) {
		return nil, errors.New("gzipped, but neither a tar archive nor an IDX file")
	}
	full, err := filepath.Abs(f.Name())
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%d\n%d\n%x", info.Size(), info.ModTime().UnixNano(), identity)
	return unpacked(packed{f, info.Size(), full, id, ".tar"}, o)
}

func isTar(head []byte) bool { return len(head) >= 262 && string(head[257:262]) == "ustar" }

// recognise tells the kind of a data set by the names of its files. name is its path, and root the folder in it that is
// the data: "" or with a slash at its end.
func recognise(l *listing, name, root string, o Options) (*whole, error) {
	w, err := recogniseCIFAR(l)
	if w == nil && err == nil {
		w, err = recogniseIDX(l, o)
	}
	switch {
	case err != nil:
		return nil, err
	case w == nil:
		return imageFiles(l, name, root, o)
	case l.kind == KindZip:
		return nil, errors.New("its binary files are not read inside a zip archive: unpack it and give the folder")
	}
	for _, f := range l.files {
		if slices.Contains(imageEndings, strings.ToLower(path.Ext(f.name))) {
			w.skipped.add(fmt.Sprintf("images beside the files of %s", w.kind), f.name)
		}
	}
	return w, nil
}

// errNoImages is the start of the error of data without images.
var errNoImages = errors.New("it holds no images (" +
	"JPEG, PNG, GIF, BMP, TIFF, WebP, PNM, HEIC and AVIF are read, at any depth)")

// imageFiles makes the data set of a listing's image files.
func imageFiles(l *listing, name, root string, o Options) (*whole, error) {
	var kept []int
	var set []string            // files that may hold a data set together
	var beside []int            // files in an archive that may be about images
	folder := l.skipped.clone() // what is left out if the set is taken
	for i, f := range l.files {
		rel := f.name[len(root):]
		if l.kind != KindFolder && isAbout(rel) && !isHidden(rel) {
			beside = append(beside, i)
			continue
		}
		why := l.whyNotImage(f, rel)
		switch {
		case why == "":
			kept = append(kept, i)
			continue
		case why == becauseName && isShard(f.name):
			set = append(set, f.name)
		default:
			folder.add(why, f.name)
		}
		l.skipped.add(why, f.name)
	}
	samples := l.samples(kept)
	for _, i := range beside {
		if !samples.labels[i] {
			l.skipped.add(becauseName, l.files[i].name)
		}
	}
	kept = samples.images
	switch notes := strings.Join(l.skipped.notes(), "; "); {
	case len(kept) > 0:
	case len(set) > 0 && l.kind == KindFolder:
		l.skipped = folder
		return openSet(shardsBelow(name, root, set), o)
	case len(set) > 0:
		return nil, fmt.Errorf("it holds no images but %d archives: unpack it and give the folder", len(set))
	case notes != "":
		return nil, fmt.Errorf("%w; %s", errNoImages, notes)
	default:
		return nil, errNoImages
	}
	w := &whole{kind: l.kind, close: l.close, list: l}
	a := &arranger{archive: l.kind != KindFolder, root: root, path: name, read: l.text}
	w.items, a.names = make([]item, 0, len(kept)), make([]string, 0, len(kept))
	for _, i := range kept {
		w.items = append(w.items, item{name: l.files[i].name, size: l.files[i].size, label: -1})
		a.names = append(a.names, l.files[i].name)
	}
	w.arrange, w.folders = a.arrange, a
	w.files = func(i int) []int { return kept[i : i+1] }
	w.decoded(kept, o)
	w.labelSamples(samples)
	return w, nil
}

// decoded sets how the images are read: image i is the file at place kept[i] of the listing.
func (w *whole) decoded(kept []int, o Options) {
	l, files := w.list, newDecoder(o)
	size := func(i int) int64 { return min(l.files[kept[i]].size, o.MaxBytes) }
	reader := func(i int, see func([]byte)) func([]byte) ([]byte, error) {
		return func(buf []byte) ([]byte, error) {
			data, err := l.read(kept[i], buf, o.MaxBytes)
			if err == nil {
				see(data)
			}
			return data, err
		}
	}
	w.hold = func(i int) (*augment.Image, func(), error) { return w.holdSeen(i, func([]byte) {}) }
	w.holdSeen = func(i int, see func([]byte)) (*augment.Image, func(), error) {
		img, release, err := files.hold(size(i), reader(i, see))
		if err != nil {
			return nil, nil, &ImageError{w.items[i].name, err}
		}
		return img, release, nil
	}
	w.describe = func(i int) (f augment.Format, pages int, ok bool) {
		data, err := w.head(i)
		if err == nil && codec.Format(data) == "TIFF" {
			data, err = w.file(i)
		}
		return describeFile(data, err)
	}
	w.file = func(i int) ([]byte, error) { return l.read(kept[i], nil, o.MaxBytes) }
	w.head = func(i int) ([]byte, error) { return l.head(l.files[kept[i]], formatBytes) }
	w.image = func(i int) (*augment.Image, error) {
		img, err := files.image(size(i), reader(i, func([]byte) {}))
		if err != nil {
			return nil, &ImageError{w.items[i].name, err}
		}
		return img, nil
	}
}

// describeFile is codec.Describe of a file that was read.
func describeFile(data []byte, err error) (f augment.Format, pages int, ok bool) {
	if err != nil {
		return f, 0, false
	}
	return codec.Describe(data)
}
