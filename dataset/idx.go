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

	"github.com/parallax-ssl/parallax/augment"
)

// IDX (http://yann.lecun.com/exdb/mnist): a magic number (two zero bytes, the type 8 = unsigned byte, the number of
// dimensions), the dimensions as big-endian 32-bit numbers, the values.
var (
	idxImages = []byte{0, 0, 8, 3}
	idxLabels = []byte{0, 0, 8, 1}
)

// idxLimit bounds the content of one file, which is kept in memory. MNIST takes 47 MB, EMNIST 550 MB.
const idxLimit = 4 << 30

// idxSet is one split of an IDX data set.
type idxSet struct {
	images        int // the file's number in the listing
	labels        int // likewise, -1 if there is none
	split         string
	n, rows, cols int
	pix           []byte
}

// idxName takes apart a name such as train-images-idx3-ubyte.gz or t10k-labels.idx1-ubyte. What is "images" or
// "labels"; stem is the part before it.
func idxName(name string) (stem, what string, ok bool) {
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
	l, err := listFolder(filepath.Dir(name), false)
	if err != nil {
		return nil, err
	}
	l.skipped = skipped{}
	l.files = slices.DeleteFunc(l.files, func(f file) bool {
		s, _, ok := idxName(f.name)
		return !ok || s != stem
	})
	return l, nil
}

// recogniseIDX returns nil when no file has the name of an IDX file of images.
func recogniseIDX(l *listing) (*whole, error) {
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

	w := &whole{kind: KindIDX, close: l.close}
	type place struct {
		set *idxSet
		at  int
	}
	var places []place
	classes := 0
	for _, set := range sets {
		labels, err := set.load(l)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(set.pix)
		w.identity = append(w.identity, sum[:]...)
		name := set.split
		if name == "" {
			name = "image"
		}
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
	w.classes = numbers(classes)
	w.image = func(i int) (*augment.Image, error) {
		set, at := places[i].set, places[i].at
		area := set.rows * set.cols
		return greyImage(set.pix[at*area:(at+1)*area], set.cols, set.rows), nil
	}
	return w, nil
}

// load reads the set's images into memory and returns the labels, nil if there are none.
func (s *idxSet) load(l *listing) ([]byte, error) {
	name := l.files[s.images].name
	dims, pix, err := readIDXFile(l, s.images, idxImages)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.n, s.rows, s.cols, s.pix = dims[0], dims[1], dims[2], pix
	if s.n == 0 || s.rows == 0 || s.cols == 0 {
		return nil, fmt.Errorf("%s: its header says %d images of %dx%d pixels", name, s.n, s.cols, s.rows)
	}
	if s.labels < 0 {
		return nil, nil
	}
	dims, labels, err := readIDXFile(l, s.labels, idxLabels)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.files[s.labels].name, err)
	}
	if dims[0] != s.n {
		return nil, fmt.Errorf("%s has %d labels for %d images", l.files[s.labels].name, dims[0], s.n)
	}
	return labels, nil
}

func readIDXFile(l *listing, i int, magic []byte) ([]int, []byte, error) {
	b, err := l.open(l.files[i])
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	return readIDX(io.NewSectionReader(b, 0, l.files[i].size), magic)
}

// readIDX reads a whole file, gzipped or not, whose first four bytes must be magic. It takes memory for the bytes that
// are there, not for those that the header claims.
func readIDX(r io.Reader, magic []byte) (dims []int, data []byte, err error) {
	b := bufio.NewReader(r)
	if head, _ := b.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, nil, fmt.Errorf("not a readable gzip file: %w", err)
		}
		b = bufio.NewReader(z)
	}
	head := make([]byte, 4+4*int(magic[3]))
	if _, err := io.ReadFull(b, head); err != nil {
		return nil, nil, fmt.Errorf("reading the IDX header: %w", err)
	}
	if !bytes.HasPrefix(head, magic) {
		return nil, nil, fmt.Errorf("its first bytes are % x, not % x: it is not the IDX file that its name promises",
			head[:4], magic)
	}
	want := int64(1)
	for at := 4; at < len(head); at += 4 {
		d := int64(binary.BigEndian.Uint32(head[at:]))
		if d > 0 && want > idxLimit/d {
			return nil, nil, fmt.Errorf("its header claims more than %d bytes", int64(idxLimit))
		}
		want *= d
		dims = append(dims, int(d))
	}
	data, err = io.ReadAll(io.LimitReader(b, want+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("after %d bytes: %w (download it again)", len(data), err)
	case int64(len(data)) < want:
		return nil, nil, fmt.Errorf("its header says %d bytes (%v), but there are %d: download it again", want, dims,
			len(data))
	case int64(len(data)) > want:
		return nil, nil, fmt.Errorf("its header says %d bytes (%v), but there are more", want, dims)
	}
	return dims, data, nil
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
