// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// pictures finds the images that embeddings are of.
type pictures struct {
	data   string // the data set; "" if nobody said which
	given  bool   // by the caller; else by the file of embeddings
	source *dataset.Source
	places map[string]int // of the names that were prepared
	why    error          // why there is no source
	opened bool
}

// prepare finds the places of images in the data set.
func (p *pictures) prepare(ctx context.Context, names []string) error {
	if !p.opened && p.data != "" {
		p.source, p.why = dataset.Open(p.data, dataset.Options{Split: dataset.SplitAll, Labels: "none"})
	}
	p.opened = true
	if p.source == nil {
		if p.given && p.why != nil {
			return p.why
		}
		return nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	p.places = map[string]int{}
	for i := range p.source.Len() {
		if i%(1<<16) == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if name := p.source.Name(i); wanted[name] {
			p.places[name] = i
		}
	}
	return nil
}

// load returns an image that was prepared or, if the data set has no image of that name, the image file at that path.
func (p *pictures) load(name string) (*augment.Image, error) {
	if i, ok := p.places[name]; ok {
		return p.source.Image(i)
	}
	return readImage(name)
}

// size returns the size of an image's file in bytes, or -1 if the image is no file of its own.
func (p *pictures) size(name string) int64 {
	path := name
	if _, ok := p.places[name]; ok {
		if p.source.Kind != dataset.KindFolder {
			return -1
		}
		path = filepath.Join(p.data, filepath.FromSlash(name))
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
}

func (p *pictures) close() error {
	if p.source == nil {
		return nil
	}
	return p.source.Close()
}

// missing says that images are not where they were.
func (p *pictures) missing(n, of int) string {
	where := "where they were embedded from"
	if p.data != "" {
		where = "in " + printable.Name(p.data)
	}
	return fmt.Sprintf("%d of %s cannot be read: they are not %s any more; --data PATH names the place where they are",
		n, counted(of, "image"), where)
}

// readImage reads an image file.
func readImage(path string) (*augment.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", printable.Name(path))
	}
	bytes, err := io.ReadAll(io.LimitReader(f, dataset.DefaultMaxBytes+1))
	if err == nil && len(bytes) > dataset.DefaultMaxBytes {
		err = fmt.Errorf("it has more than %d bytes", dataset.DefaultMaxBytes)
	}
	if err != nil {
		return nil, err
	}
	return dataset.Decode(bytes, 0)
}
