// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
)

// The binary version of CIFAR (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label byte (CIFAR-100: two,
// coarse and fine) and 32x32 pixels as three planes.
const (
	cifarSide  = 32
	cifarPlane = cifarSide * cifarSide
)

// cifarLayout holds the differences between the two sets.
type cifarLayout struct {
	kind    Kind
	head    int // label bytes before the pixels; the last one is the label
	classes int
	names   string // the file with the classes' names, one per line
}

var (
	cifar10  = cifarLayout{KindCIFAR10, 1, 10, "batches.meta.txt"}
	cifar100 = cifarLayout{KindCIFAR100, 2, 100, "fine_label_names.txt"}
)

var cifar10Names = strings.Fields("airplane automobile bird cat deer dog frog horse ship truck")

func (c cifarLayout) record() int { return c.head + 3*cifarPlane }

// recogniseCIFAR returns nil when no file has the name of a CIFAR file.
func recogniseCIFAR(l *listing) (*whole, error) {
	type part struct {
		file  int
		split string
	}
	var parts []part
	layout, dir := cifar10, ""
	take := func(i int, split string, of cifarLayout) error {
		if len(parts) > 0 && (layout.kind != of.kind || dir != path.Dir(l.files[i].name)) {
			return errors.New("it holds CIFAR files in several folders: give one of them")
		}
		layout, dir = of, path.Dir(l.files[i].name)
		parts = append(parts, part{i, split})
		return nil
	}
	for i, f := range l.files {
		base := path.Base(f.name)
		batch, isBatch := strings.CutPrefix(base, "data_batch_")
		var err error
		switch {
		case isBatch && strings.HasSuffix(batch, ".bin"):
			err = take(i, SplitTrain, cifar10)
		case base == "test_batch.bin":
			err = take(i, SplitTest, cifar10)
		case base == "train.bin" && sibling(l, f.name, cifar100.names):
			err = take(i, SplitTrain, cifar100)
		case base == "test.bin" && sibling(l, f.name, cifar100.names):
			err = take(i, SplitTest, cifar100)
		case isBatch && !strings.Contains(batch, "."):
			return nil, errors.New("it holds CIFAR's Python pickles, which are not read: download the binary version " +
				"(cifar-10-binary.tar.gz)")
		}
		if err != nil {
			return nil, err
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}

	w := &whole{kind: layout.kind, close: l.close, list: l}
	type place struct{ file, record int }
	var places []place
	w.files = func(i int) []int { return []int{places[i].file} }
	for _, p := range parts {
		f := l.files[p.file]
		b, err := l.open(f)
		if err != nil {
			return nil, err
		}
		labels, err := cifarLabels(io.NewSectionReader(b, 0, f.size), f.size, layout)
		if err == nil {
			var sum []byte
			sum, err = ends(b, f.size)
			w.identity = append(w.identity, sum...)
		}
		b.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		for k, label := range labels {
			rel := fmt.Sprintf("%s/%05d", strings.TrimSuffix(path.Base(f.name), ".bin"), k)
			w.items = append(w.items, item{name: rel, rel: rel, split: p.split, size: int64(layout.record()),
				label: label})
			places = append(places, place{p.file, k})
		}
	}
	w.classes = cifarClasses(l, dir, layout)
	w.image = func(i int) (*augment.Image, error) {
		img, err := cifarImage(l, places[i].file, places[i].record, layout)
		if err != nil {
			return nil, &ImageError{w.items[i].name, err}
		}
		return img, nil
	}
	return w, nil
}

// sibling reports whether the folder of the file called name also holds a file called base.
func sibling(l *listing, name, base string) bool {
	want := path.Join(path.Dir(name), base)
	for _, f := range l.files {
		if f.name == want {
			return true
		}
	}
	return false
}

// cifarLabels reads the labels of all records of a file of size bytes.
func cifarLabels(r io.Reader, size int64, c cifarLayout) ([]int, error) {
	n := size / int64(c.record())
	if size == 0 || size%int64(c.record()) != 0 {
		return nil, fmt.Errorf("%d bytes are not a whole number of %s records of %d bytes: download it again", size,
			c.kind, c.record())
	}
	b := bufio.NewReaderSize(r, 1<<16)
	labels := make([]int, 0, n)
	head := make([]byte, c.head)
	for k := range n {
		if _, err := io.ReadFull(b, head); err != nil {
			return nil, fmt.Errorf("record %d: %w", k, err)
		}
		label := int(head[c.head-1])
		if label >= c.classes {
			return nil, fmt.Errorf("record %d has label %d, and %s has %d classes: download it again", k, label,
				c.kind, c.classes)
		}
		labels = append(labels, label)
		if _, err := b.Discard(3 * cifarPlane); err != nil {
			return nil, fmt.Errorf("record %d: %w", k, err)
		}
	}
	return labels, nil
}

func cifarImage(l *listing, file, record int, c cifarLayout) (*augment.Image, error) {
	b, err := l.open(l.files[file])
	if err != nil {
		return nil, err
	}
	defer b.Close()
	var planes [3 * cifarPlane]byte
	if _, err := b.ReadAt(planes[:], int64(record)*int64(c.record())+int64(c.head)); err != nil && err != io.EOF {
		return nil, err
	} else if err == io.EOF && int64(record+1)*int64(c.record()) > l.files[file].size {
		return nil, errChanged
	}
	img := &augment.Image{W: cifarSide, H: cifarSide, Pix: make([]uint8, 3*cifarPlane)}
	for p := range cifarPlane {
		img.Pix[3*p] = planes[p]
		img.Pix[3*p+1] = planes[p+cifarPlane]
		img.Pix[3*p+2] = planes[p+2*cifarPlane]
	}
	return img, nil
}

// cifarClasses returns the names in the file that comes with the data, or the known ones.
func cifarClasses(l *listing, dir string, c cifarLayout) []string {
	if text, ok := l.readSmall(path.Join(dir, c.names), 1<<16); ok {
		if names := strings.Fields(string(text)); len(names) == c.classes {
			return names
		}
	}
	if c.kind == KindCIFAR10 {
		return cifar10Names
	}
	return numbers(c.classes)
}
