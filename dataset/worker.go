// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
)

// worker is what the goroutines of one pass share; it does not change.
type worker struct {
	loader     *Loader
	pass       pass
	sizes      []size
	quarantine *Quarantine
}

// fill makes the views of some rows of a batch.
func (w *worker) fill(ctx context.Context, j job) error {
	l, b := w.loader, j.batch
	for row := j.lo; row < j.hi; row++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		img, index, err := w.fetch(b.images[row], w.pass.replace)
		if err != nil {
			return err
		}
		b.Index[row] = index
		if img == nil {
			continue
		}
		b.Labels[row] = l.Data.Label(index)
		for v, recipe := range l.Recipes {
			if v == 1 && w.pass.pair != nil {
				if img, err = w.paired(img, b.At, row, index); err != nil {
					return err
				}
			}
			view := recipe.View(img, w.pass.rand(b.At, row, index, v))
			px := b.Views[v]
			if view.W != px.W || view.H != px.H {
				return fmt.Errorf("view %d of image %s has %dx%d pixels and others %dx%d: end the recipe's geometry "+
					"with a fixed size (random_resized_crop, or resize and center_crop)",
					v, w.name(index), view.W, view.H, px.W, px.H)
			}
			area := 3 * px.W * px.H
			l.Normalize.CHW(px.Data[row*area:(row+1)*area], view)
		}
	}
	if b.pending.Add(int64(j.lo-j.hi)) == 0 {
		close(b.done)
	}
	return nil
}

// pairing is a view number that no view has: the pair of an image is drawn from it.
const pairing = -1

// paired reads the image that image index, img, is paired with, and returns img itself if that one is bad.
func (w *worker) paired(img *augment.Image, at, row, index int) (*augment.Image, error) {
	other, _, err := w.fetch(w.pass.pair(index, w.pass.rand(at, row, index, pairing)), nil)
	if err != nil || other == nil {
		return img, err
	}
	return other, nil
}

// fetch reads image i, or, if it is bad, the next one by replace that can be read; it returns the index it read.
// Without replace it returns nil and index -1 for a bad image. An error ends the pass.
func (w *worker) fetch(i int, replace func(int) int) (*augment.Image, int, error) {
	data, q := w.loader.Data, w.quarantine
	first := i
	for range badRun {
		if !q.Has(i) {
			img, err := data.Image(i)
			if err == nil && (img.W <= 0 || img.H <= 0 || len(img.Pix) != 3*img.W*img.H) {
				err = fmt.Errorf("decoded to %dx%d pixels", img.W, img.H)
			}
			if err == nil {
				q.good()
				return img, i, nil
			}
			if err := q.Add(i, w.name(i), err); err != nil {
				return nil, 0, fmt.Errorf("reading images: %w", err)
			}
		}
		if replace == nil {
			return nil, -1, nil
		}
		i = replace(i)
	}
	return nil, 0, fmt.Errorf("reading images: %d images in a row, from %s on, cannot be read; repair or remove them",
		badRun, w.name(first))
}

func (w *worker) name(i int) string {
	if named, ok := w.loader.Data.(interface{ Name(int) string }); ok {
		return named.Name(i)
	}
	return fmt.Sprint(i)
}

// viewSizes returns the sizes of the views of the first image; all other images must have the same.
func (w *worker) viewSizes() ([]size, error) {
	img, index, err := w.fetch(w.pass.images(w.pass.from)[0], w.loader.next)
	if err != nil {
		return nil, err
	}
	var sizes []size
	for v, recipe := range w.loader.Recipes {
		z := size{img.W, img.H}
		for _, d := range recipe.Draw(z.w, z.h, w.pass.rand(w.pass.from, 0, index, v)) {
			z.w, z.h = d.Size(z.w, z.h)
		}
		sizes = append(sizes, z)
	}
	return sizes, nil
}
