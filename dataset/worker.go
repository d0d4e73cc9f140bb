// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// worker is what the goroutines of one pass share; it does not change.
type worker struct {
	loader     *Loader
	pass       pass
	quarantine *Quarantine
}

// fill makes the views of some rows of a batch.
func (w *worker) fill(ctx context.Context, j job) (err error) {
	defer crash.Recover(&err)
	for row := j.lo; row < j.hi; row++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.row(j, row); err != nil {
			return err
		}
	}
	if j.batch.pending.Add(int64(j.lo-j.hi)) == 0 {
		close(j.batch.done)
	}
	return nil
}

// row makes the views of one image, or of its replacement if that image or the one it is paired with cannot be used.
func (w *worker) row(j job, row int) error {
	b := j.batch
	for i := b.images[row]; ; {
		if views := w.pass.kept.get(i); views != nil {
			return w.again(b, row, i, views)
		}
		decoding := w.loader.Trace.Begin(j.track, "decode")
		img, index, err := w.fetch(i, w.pass.replace)
		decoding.End()
		if err != nil {
			return err
		}
		b.Index[row] = index
		if img == nil {
			return nil
		}
		b.Labels[row] = w.loader.Data.Label(index)
		var bad *unusable
		augmenting := w.loader.Trace.Begin(j.track, "augment")
		err = w.views(b, row, img)
		augmenting.End()
		if !errors.As(err, &bad) {
			return err
		}
		if err := w.quarantine.Add(bad.index, w.name(bad.index), err); err != nil {
			return fmt.Errorf("reading images: %w", err)
		}
		i = index // fetch now passes over it, or pairs it with another one
	}
}

// again fills a row with the views that were kept of image i.
func (w *worker) again(b *Batch, row, i int, views []*augment.Image) error {
	b.Index[row], b.Labels[row] = i, w.loader.Data.Label(i)
	for v, view := range views {
		dst, err := w.room(b, row, v, view.W, view.H, i)
		if err != nil {
			return err
		}
		w.loader.Normalize.CHW(dst, view)
	}
	return nil
}

// unusable is the error of an image that can be read, and not be made into a view.
type unusable struct {
	index int
	error
}

// views makes the views of one image, and then releases it.
func (w *worker) views(b *Batch, row int, img *held) (err error) {
	defer func() { img.release() }()
	var made []*augment.Image // to be kept
	for v := range b.recipes {
		if v == 1 && w.pass.pair != nil {
			if img, err = w.paired(img, b.At, row); err != nil {
				return err
			}
		}
		view, err := w.view(b, row, v, img)
		if err != nil {
			return err
		}
		if w.pass.kept != nil {
			made = append(made, view)
		}
	}
	if w.pass.kept != nil {
		w.pass.kept.put(b.Index[row], made, w.loader.Keep)
	}
	return nil
}

// view makes view v of an image and puts it into the batch. It returns the view if the pass keeps views.
func (w *worker) view(b *Batch, row, v int, img *held) (*augment.Image, error) {
	drawn := b.recipes[v].Draw(img.W, img.H, w.pass.rand(b.At, row, b.Index[row], v))
	most := mostMade
	if img.Deep != nil {
		most = 3 * mostMade / (4 * img.C)
	}
	if made := augment.Largest(img.W, img.H, drawn); made > most && made > img.W*img.H {
		return nil, &unusable{img.index, fmt.Errorf("view %d of its %dx%d pixels is made by way of an image of %d "+
			"pixels: let center_crop or random_crop follow resize at once", v, img.W, img.H, made)}
	}
	width, height := augment.Sequence(drawn).Size(img.W, img.H)
	dst, err := w.room(b, row, v, width, height, img.index)
	if err != nil {
		return nil, err
	}
	if w.pass.kept == nil {
		w.loader.Normalize.View(dst, img.Image, drawn)
		return nil, nil
	}
	view := augment.Replay(img.Image, drawn)
	w.loader.Normalize.CHW(dst, view)
	return view, nil
}

// room returns the place in the batch for view v of an image, of width x height pixels.
func (w *worker) room(b *Batch, row, v, width, height, image int) ([]float32, error) {
	px := b.Views[v]
	if width != px.W || height != px.H {
		return nil, fmt.Errorf("view %d of image %s has %dx%d pixels and others %dx%d: end the recipe's geometry with "+
			"a fixed size (random_resized_crop, or resize and center_crop)", v, printable.Name(w.name(image)), width,
			height, px.W, px.H)
	}
	area := px.C * px.W * px.H
	return px.Data[row*area : (row+1)*area], nil
}

// mostMade is how many pixels an image of 8-bit RGB may have that a recipe makes on the way to a view: 192 MiB. A deep
// image may take as much memory. The image itself may have more.
const mostMade = 1 << 26

// held is an image that holds a part of the budget.
type held struct {
	*augment.Image
	index int
	give  func()
}

// release gives the part back. The memory of the image may then hold another one.
func (h *held) release() {
	if h.give != nil {
		h.Image = nil
		h.give()
		h.give = nil
	}
}

// pairing is a view number that no view has: the pair of an image is drawn from it.
const pairing = -1

// paired releases an image and reads the one that it is paired with, or the same one again if that one is bad. It must
// not hold both.
func (w *worker) paired(img *held, at, row int) (*held, error) {
	index := img.index
	pair := w.pass.pair(index, w.pass.rand(at, row, index, pairing))
	if pair == index {
		return img, nil
	}
	img.release()
	other, _, err := w.fetch(pair, nil)
	if err == nil && other == nil {
		other, _, err = w.fetch(index, nil)
	}
	if err == nil && other == nil {
		err = fmt.Errorf("image %s could be read once, and not again", w.name(index))
	}
	if err != nil {
		return img, err
	}
	return other, nil
}

// fetch reads image i, or, if it is bad, the next one by replace that can be read; it returns the index it read.
// Without replace it returns nil and index -1 for a bad image. An error ends the pass.
func (w *worker) fetch(i int, replace func(int) int) (*held, int, error) {
	data, q := w.loader.Data, w.quarantine
	first := i
	for range q.inRow() {
		if !q.Has(i) {
			if img := w.pass.decoded.get(i); img != nil {
				return &held{Image: img, index: i}, i, nil
			}
			img, release, err := Hold(data, i)
			if errors.Is(err, ErrMemory) {
				return nil, 0, fmt.Errorf("reading images: %w", err)
			}
			if exhausted(err) {
				return nil, 0, fmt.Errorf("reading images: %w: this is no fault of the image: raise the limit "+
					"(ulimit -n for open files), or use fewer --workers", err)
			}
			if err == nil {
				if err = w.fits(img); err != nil {
					release()
				}
			}
			if err == nil {
				w.loader.Normalize.Levels(img)
				q.good()
				w.pass.decoded.put(i, img, w.loader.KeepDecoded)
				return &held{img, i, release}, i, nil
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
		q.inRow(), printable.Name(w.name(first)))
}

// fits returns an error if the views cannot be made of an image.
func (w *worker) fits(img *augment.Image) error {
	if err := img.Check(); err != nil {
		return fmt.Errorf("decoded to %w", err)
	}
	if n := w.loader.Normalize.Channels(); img.Channels() != n {
		return fmt.Errorf("it has %d channels, and the images are normalised by the statistics of %d", img.Channels(),
			n)
	}
	return nil
}

// exhausted reports whether an image could not be read because this process or the system has used something up. Such
// an image is not put into quarantine, which a resumed run would keep.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

func (w *worker) name(i int) string {
	if named, ok := w.loader.Data.(interface{ Name(int) string }); ok {
		return named.Name(i)
	}
	return fmt.Sprint(i)
}

// viewSizes returns the sizes of the views of the first image of batch number at; all other images must have the same.
func (w *worker) viewSizes(at int, recipes []augment.Recipe) ([]size, error) {
	first := w.pass.images(at)[0]
	if views := w.pass.kept.get(first); views != nil {
		var sizes []size
		for _, v := range views {
			sizes = append(sizes, size{v.W, v.H})
		}
		return sizes, nil
	}
	img, index, err := w.fetch(first, w.loader.next)
	if err != nil {
		return nil, err
	}
	defer img.release()
	var sizes []size
	for v, recipe := range recipes {
		drawn := augment.Sequence(recipe.Draw(img.W, img.H, w.pass.rand(at, 0, index, v)))
		width, height := drawn.Size(img.W, img.H)
		sizes = append(sizes, size{width, height})
	}
	return sizes, nil
}
