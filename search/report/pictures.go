// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// pictures finds the images that embeddings are of.
type pictures struct {
	data   string            // the data set; "" if nobody said which
	given  bool              // by the caller; else by the file of embeddings
	kept   string            // the channels that images keep: dataset.Options.Channels
	levels augment.Normalize // their black and white
	source *dataset.Source
	places map[string]int // of the names that were prepared
	why    error          // why there is no source
	opened bool
}

// prepare finds the places of images in the data set.
func (p *pictures) prepare(ctx context.Context, names []string) error {
	if !p.opened && p.data != "" {
		p.source, p.why = dataset.Open(p.data,
			dataset.Options{Split: dataset.SplitAll, Labels: "none", Channels: p.kept})
	}
	if p.source != nil && !p.opened && p.kept != "" {
		if _, p.levels, p.why = dataset.DeepStats(ctx, p.source, levelsSample); p.why != nil {
			return p.why
		}
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

// levelsSample is how many images that keep their channels are measured before they are shown.
const levelsSample = 100

// load returns an image that was prepared or, if the data set has no image of that name, the image file at that path.
func (p *pictures) load(name string) (img *augment.Image, err error) {
	if i, ok := p.places[name]; ok {
		img, err = p.source.Image(i)
	} else {
		img, err = p.read(name)
	}
	if err == nil {
		p.level(img)
	}
	return img, err
}

// level gives an image that kept its channels the levels at which it is shown.
func (p *pictures) level(img *augment.Image) {
	if len(p.levels.Low) == img.Channels() {
		p.levels.Levels(img)
	}
}

// read reads an image file that the data set does not have.
func (p *pictures) read(name string) (*augment.Image, error) {
	return readImage(name, func(file []byte) (*augment.Image, error) {
		return dataset.DecodeChannels(file, p.kept, 0)
	})
}

// hold is load of an image that is kept until release is called.
func (p *pictures) hold(name string) (img *augment.Image, release func(), err error) {
	release = func() {}
	if i, ok := p.places[name]; ok {
		img, release, err = p.source.Hold(i)
	} else {
		img, err = p.read(name)
	}
	if err == nil {
		p.level(img)
	}
	return img, release, err
}

// dimensions returns the width, the height and the bytes of an image, as dataset.Source.Dimensions does.
func (p *pictures) dimensions(name string) (w, h int, bytes int64, err error) {
	if i, ok := p.places[name]; ok {
		return p.source.Dimensions(i)
	}
	img, err := p.read(name)
	if err != nil {
		return 0, 0, -1, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return 0, 0, -1, err
	}
	return img.W, img.H, info.Size(), nil
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
func readImage(path string, decode func(file []byte) (*augment.Image, error)) (*augment.Image, error) {
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
	return decode(bytes)
}
