// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/augment"
)

// IDX (http://yann.lecun.com/exdb/mnist): a magic number (two zero bytes, the type 8 = unsigned byte, the number of
// dimensions), the dimensions as big-endian 32-bit numbers, the values.
var (
	idxImages = []byte{0, 0, 8, 3}
	idxLabels = []byte{0, 0, 8, 1}
)

const (
	// idxLimit bounds what a header may claim.
	idxLimit = 1 << 40
	// idxKept bounds the unpacked content that is kept in memory. MNIST takes 47 MB; EMNIST's 550 MB are unpacked into
	// the cache.
	idxKept = 128 << 20
	// idxHashed is the content that a fingerprint sees whole; of more it sees the ends.
	idxHashed = 4 << 30
	// idxItem is about what one image takes in the lists of a data set.
	idxItem = 128
)

// idxSet is one split of an IDX data set.
type idxSet struct {
	images        int // the file's number in the listing
	labels        int // likewise, -1 if there is none
	split         string
	n, rows, cols int
	pix           *idxValues
}

// idxName takes apart a name such as train-images-idx3-ubyte.gz or t10k-labels.idx1-ubyte. What is "images" or
// "labels"; stem is the part before it.
func idxName(name string) (stem, what string, ok bool) {
	if end := name[max(0, len(name)-len("ubyte.gz")):]; !strings.Contains(strings.ToLower(end), "ubyte") {
		return "", "", false // at once, for data of a million images
	}
	base := strings.TrimSuffix(strings.ToLower(path.Base(name)), ".gz")
	for _, kind := range []string{"images", "labels"} {
		for _, tail := range []string{"-idx3-ubyte", ".idx3-ubyte", "-idx1-ubyte", ".idx1-ubyte"} {
			if stem, found := strings.CutSuffix(base, kind+tail); found {
				return path.Join(path.Dir(name), stem), kind, true
			}
		}
	}
	return "", "", false
}

// listFamily lists the folder of an IDX file, and only the IDX files with the same stem.
func listFamily(name string) (*listing, error) {
	stem, _, ok := idxName(filepath.Base(name))
	if !ok {
		return nil, errors.New("an IDX file of images must be called like train-images-idx3-ubyte, so that its " +
			"labels are found")
	}
	l, err := listFolder(filepath.Dir(name), "", false, Options{})
	if err != nil {
		return nil, err
	}
	l.skipped = nil
	l.files = slices.DeleteFunc(l.files, func(f file) bool {
		s, _, ok := idxName(f.name)
		return !ok || s != stem
	})
	return l, nil
}

// recogniseIDX returns nil when no file has the name of an IDX file of images.
func recogniseIDX(l *listing, o Options) (*whole, error) {
	var sets []*idxSet
	for i, f := range l.files {
		stem, what, ok := idxName(f.name)
		if !ok || what != "images" {
			continue
		}
		set := &idxSet{images: i, labels: -1}
		for j, g := range l.files {
			if s, what, ok := idxName(g.name); ok && s == stem && what == "labels" && set.labels < 0 {
				set.labels = j
			}
		}
		switch base := path.Base(stem); {
		case strings.Contains(base, "t10k"), strings.Contains(base, SplitTest):
			set.split = SplitTest
		case strings.Contains(base, SplitTrain):
			set.split = SplitTrain
		}
		for _, other := range sets {
			if s, _, _ := idxName(l.files[other.images].name); s == stem || other.split == set.split {
				return nil, fmt.Errorf("it holds several IDX files for one split (%s and %s): give one of them",
					l.files[other.images].name, f.name)
			}
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		return nil, nil
	}

	w := &whole{kind: KindIDX, list: l}
	w.close = func() error {
		err := l.close()
		for _, set := range sets {
			err = errors.Join(err, set.pix.close())
		}
		return err
	}
	classes, err := addIDX(w, l, sets, o)
	if err != nil {
		for _, set := range sets {
			_ = set.pix.close()
		}
		return nil, err
	}
	w.classes = numbers(classes)
	return w, nil
}

// addIDX opens the sets, adds their images to w, and returns how many classes they have.
func addIDX(w *whole, l *listing, sets []*idxSet, o Options) (classes int, err error) {
	type place struct {
		set *idxSet
		at  int
	}
	var places []place
	w.files = func(i int) []int {
		set := places[i].set
		if set.labels < 0 {
			return []int{set.images}
		}
		return []int{set.images, set.labels}
	}
	for _, set := range sets {
		labels, err := set.load(l, o)
		if err != nil {
			return 0, err
		}
		sum, err := set.pix.sum()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", l.files[set.images].name, err)
		}
		w.identity = append(w.identity, sum...)
		name := set.split
		if name == "" {
			name = "image"
		}
		w.items, places = slices.Grow(w.items, set.n), slices.Grow(places, set.n)
		for k := range set.n {
			it := item{name: fmt.Sprintf("%s/%05d", name, k), split: set.split, size: int64(set.rows * set.cols),
				label: -1}
			it.rel = it.name
			if labels != nil {
				it.label = int(labels[k])
				classes = max(classes, it.label+1)
			}
			w.items = append(w.items, it)
			places = append(places, place{set, k})
		}
		if labels == nil {
			w.notes = append(w.notes, fmt.Sprintf("no labels beside %s", l.files[set.images].name))
		}
	}
	w.image = func(i int) (*augment.Image, error) {
		set := places[i].set
		pix := make([]byte, set.rows*set.cols)
		if _, err := set.pix.ReadAt(pix, int64(places[i].at)*int64(len(pix))); err != nil {
			return nil, &ImageError{w.items[i].name, fmt.Errorf("%w (%w)", errChanged, err)}
		}
		return greyImage(pix, set.cols, set.rows), nil
	}
	return classes, nil
}

// load opens the set's images and returns the labels, nil if there are none.
func (s *idxSet) load(l *listing, o Options) ([]byte, error) {
	name := l.files[s.images].name
	var err error
	s.pix, err = openIDX(l, s.images, idxImages, o, func(dims []int) error {
		s.n, s.rows, s.cols = dims[0], dims[1], dims[2]
		switch {
		case s.n == 0 || s.rows == 0 || s.cols == 0:
			return fmt.Errorf("its header says %d images of %dx%d pixels", s.n, s.cols, s.rows)
		case s.rows*s.cols > o.MaxPixels:
			return fmt.Errorf("its header says images of %dx%d pixels, more than the limit of %d", s.cols, s.rows,
				o.MaxPixels)
		case int64(s.n) > (unpackFixed+4*l.files[s.images].size)/idxItem:
			return fmt.Errorf("its header says %d images of %dx%d pixels, which is too many for images so small", s.n,
				s.cols, s.rows)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if s.labels < 0 {
		return nil, nil
	}
	name = l.files[s.labels].name
	values, err := openIDX(l, s.labels, idxLabels, o, func(dims []int) error {
		if dims[0] != s.n {
			return fmt.Errorf("it has %d labels for %d images", dims[0], s.n)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer values.close()
	labels := make([]byte, s.n)
	if _, err := values.ReadAt(labels, 0); err != nil {
		return nil, fmt.Errorf("%s: %w (%w)", name, errChanged, err)
	}
	return labels, nil
}

// idxValues are the values of an IDX file.
type idxValues struct {
	*io.SectionReader
	from io.Closer // nil: they are in memory
}

func (v *idxValues) close() error {
	if v == nil || v.from == nil {
		return nil
	}
	return v.from.Close()
}

// sum is what a fingerprint has of the values.
func (v *idxValues) sum() ([]byte, error) {
	if v.Size() > idxHashed {
		return ends(v, v.Size())
	}
	h := sha256.New()
	_, err := io.Copy(h, io.NewSectionReader(v, 0, v.Size()))
	return h.Sum(nil), err
}

// openIDX opens file i of the listing, whose first four bytes must be magic. It asks fits about the dimensions in the
// header before it reads further. A plain file is read where it is; a gzipped one is unpacked into memory, or into the
// cache if it is large.
func openIDX(l *listing, i int, magic []byte, o Options, fits func(dims []int) error) (v *idxValues, err error) {
	f := l.files[i]
	b, err := l.open(f)
	if err != nil {
		return nil, err
	}
	defer func() {
		if v == nil || v.from != io.Closer(b) {
			b.Close()
		}
	}()
	plain := io.NewSectionReader(b, 0, f.size)
	zip := make([]byte, 2)
	if _, err := plain.ReadAt(zip, 0); err == nil && bytes.Equal(zip, []byte{0x1f, 0x8b}) {
		return gunzipIDX(plain, f.name, magic, idxKept, o, fits)
	}
	head, want, err := headIDX(plain, magic, fits)
	if err != nil {
		return nil, err
	}
	if err := lengthIDX(want, f.size-head); err != nil {
		return nil, err
	}
	return &idxValues{io.NewSectionReader(b, head, want), b}, nil
}

// headIDX reads a header and returns its length and that of the values.
func headIDX(r io.Reader, magic []byte, fits func(dims []int) error) (head, want int64, err error) {
	text := make([]byte, 4+4*int(magic[3]))
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, 0, fmt.Errorf("reading the IDX header: %w", err)
	}
	if !bytes.HasPrefix(text, magic) {
		return 0, 0, fmt.Errorf("its first bytes are % x, not % x: it is not the IDX file that its name promises",
			text[:4], magic)
	}
	want = 1
	var dims []int
	for at := 4; at < len(text); at += 4 {
		d := int64(binary.BigEndian.Uint32(text[at:]))
		if d > 0 && want > idxLimit/d {
			return 0, 0, fmt.Errorf("its header claims more than %s", humanize.IBytes(idxLimit))
		}
		want *= d
		dims = append(dims, int(d))
	}
	return int64(len(text)), want, fits(dims)
}

// lengthIDX compares the number of values that a header claims with those that are there.
func lengthIDX(want, there int64) error {
	switch {
	case there < want:
		return fmt.Errorf("its header says %d bytes, but there are %d: download it again", want, there)
	case there > want:
		return fmt.Errorf("its header says %d bytes, but there are more", want)
	}
	return nil
}

// gunzipIDX unpacks the values of a gzipped file: up to kept bytes into memory, more into the cache.
func gunzipIDX(r *io.SectionReader, name string, magic []byte, kept int64, o Options, fits func(dims []int) error,
) (*idxValues, error) {
	z, err := gzip.NewReader(bufio.NewReader(io.NewSectionReader(r, 0, r.Size())))
	if err != nil {
		return nil, fmt.Errorf("not a readable gzip file: %w", err)
	}
	head, want, err := headIDX(z, magic, fits)
	if err != nil {
		return nil, err
	}
	if want > unpackLimit(r.Size()) {
		return nil, fmt.Errorf("its header claims %s: %w", humanize.IBytes(uint64(want)), errUnpackLimit(r.Size()))
	}
	if want > kept {
		return cachedIDX(r, name, head, want, o)
	}
	values := make([]byte, want)
	n, err := readAll(z, values)
	if err == nil {
		var more int
		more, err = readAll(z, make([]byte, 1)) // the end, where the checksum is
		n += more
	}
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("after %d bytes: %w (download it again)", n, err)
	}
	if err := lengthIDX(want, int64(n)); err != nil {
		return nil, err
	}
	return &idxValues{io.NewSectionReader(bytes.NewReader(values), 0, want), nil}, nil
}

// readAll fills p. Unlike io.ReadFull it returns the reader's own error, so that an end is told from a file cut short.
func readAll(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}

// cachedIDX unpacks a large file into the cache.
func cachedIDX(r *io.SectionReader, name string, head, want int64, o Options) (*idxValues, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		return nil, err
	}
	plain, err := unpacked(packed{r, r.Size(), name, fmt.Sprintf("%x", h.Sum(nil)), ".idx"}, o)
	if err != nil {
		return nil, err
	}
	info, err := plain.Stat()
	if err == nil {
		err = lengthIDX(want, info.Size()-head)
	}
	if err != nil {
		plain.Close()
		return nil, err
	}
	return &idxValues{io.NewSectionReader(plain, head, want), plain}, nil
}

func greyImage(pix []byte, w, h int) *augment.Image {
	img := &augment.Image{W: w, H: h, Pix: make([]uint8, 3*len(pix))}
	for p, v := range pix {
		img.Pix[3*p], img.Pix[3*p+1], img.Pix[3*p+2] = v, v, v
	}
	return img
}

// numbers are the classes of a format that numbers them: "0" to "n-1".
func numbers(n int) []string {
	var names []string
	for i := range n {
		names = append(names, strconv.Itoa(i))
	}
	return names
}
