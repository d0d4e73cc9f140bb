// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/trace"
)

// A Loader turns a Dataset into batches of views. Its fields must not change while an iteration runs; several
// iterations may run at once. It must not be copied after use.
//
// Workers read and augment a few batches ahead, each on its own OS thread. On Linux the thread has a lower priority, so
// that it takes only the time that the engine's threads leave. An image is decoded once for all its views.
type Loader struct {
	Data      Dataset
	Recipes   []augment.Recipe  // one per view; the first to draw is a batch's Views[0]
	Normalize augment.Normalize // applied to every view
	Batch     int               // images per batch
	Workers   int               // goroutines that read; 0 is GOMAXPROCS
	Seed      uint64            // of the order and of all views
	// Limit bounds how many images Sequential visits: a subset chosen by Seed. 0 is all.
	Limit int
	// Keep bounds the bytes of views that Sequential keeps for its next passes, for data that is read often, such as a
	// probe's. Images whose views do not fit are read again in each pass.
	Keep int
	// KeepDecoded bounds the bytes of decoded images that Epoch keeps for the next epochs, which then neither read nor
	// decode these images again. It changes no view. Images that do not fit are decoded in each epoch.
	KeepDecoded int
	// Ahead is how many finished batches may wait for the receiver; one more is being made. 0 is 2, below 0 is none.
	Ahead int
	// Quarantine holds the images that cannot be read. If nil, every iteration has its own.
	Quarantine *Quarantine
	// Pair names the image from which Epoch draws all views of image index but the first; nil: that image itself. r is
	// for this index in this epoch alone. Image index replaces a named image that cannot be read.
	Pair func(index int, r *rand.Rand) int
	// Order returns the order of the images in an epoch, all of them; nil: that of the function Order. It must be a
	// function of its argument.
	Order func(epoch int) []int
	// Share is the part of each batch of Epoch that this process reads; the zero value is all of it. It changes neither
	// the order nor the views.
	Share Share
	// Trace records what the workers do, each on a track of its own: wait, decode and augment. Nil records nothing.
	Trace *trace.Recorder
	// Stage returns the recipes of a batch of an epoch, as many as Recipes, whose views may have other sizes; nil:
	// those in Recipes. It must be a function of its arguments: batches are made ahead of training.
	Stage func(epoch, batch int) []augment.Recipe

	shelf   shelf
	kept    keptViews
	decoded keptImages
}

// A Share is one of equal parts of every batch: number Rank, from 0, of Of parts. The zero value is all of it.
type Share struct{ Rank, Of int }

// of returns the range of a part of n rows.
func (s Share) of(n int) (from, to int) {
	if s.Of <= 1 {
		return 0, n
	}
	return s.Rank * n / s.Of, (s.Rank + 1) * n / s.Of
}

// take makes a pass read its share of each batch alone. size is how many rows a whole batch has.
func (s Share) take(p *pass, size int) {
	images, draw := p.images, p.rand
	from, to := s.of(size)
	p.images = func(at int) []int { return images(at)[from:to] }
	p.rand = func(at, row, index, view int) *rand.Rand { return draw(at, from+row, index, view) }
}

// TracePrefix begins the names of the workers' tracks. A number follows.
const TracePrefix = "loader "

// ahead is Loader.Ahead if that is 0.
const ahead = 2

func (l *Loader) ahead() int {
	if l.Ahead == 0 {
		return ahead
	}
	return max(0, l.Ahead)
}

// rowsPerJob is how many images a worker takes at once: few, since a batch is as late as its last image.
const rowsPerJob = 4

// size is the size of a view.
type size struct{ w, h int }

// Steps returns the number of batches in an epoch: whole ones only; the other images are left out of this epoch.
func (l *Loader) Steps() int {
	if l.Batch <= 0 {
		return 0
	}
	return l.Data.Len() / l.Batch
}

// Check returns an error in the loader's settings. Iterating checks, too.
func (l *Loader) Check() error {
	switch n := l.Data.Len(); {
	case l.Batch <= 0:
		return fmt.Errorf("loading batches of %d images: the batch must be at least 1", l.Batch)
	case l.Share.Of > 1 && l.Batch%l.Share.Of != 0:
		return fmt.Errorf("loading batches of %d images: %d processes cannot share them equally; give a multiple of %d",
			l.Batch, l.Share.Of, l.Share.Of)
	case n < l.Batch:
		return fmt.Errorf("loading batches of %d images: the data has only %d; set the batch to %d or less", l.Batch,
			n, n)
	}
	return l.checkRecipes()
}

func (l *Loader) checkRecipes() error {
	if _, err := augment.InstructionSet(); err != nil {
		return fmt.Errorf("loading images: %w", err)
	}
	if len(l.Recipes) == 0 {
		return errors.New("loading images: there is no recipe for a view")
	}
	for v, r := range l.Recipes {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("loading images: view %d: %w", v, err)
		}
	}
	if n := l.Normalize; len(n.Std) == 0 || len(n.Mean) != len(n.Std) || len(n.Low) != len(n.High) ||
		len(n.Low) > 0 && len(n.Low) != len(n.Std) {
		return fmt.Errorf("loading images: statistics of %d means, %d deviations and ranges of %d and %d channels: "+
			"want as many of each", len(n.Mean), len(n.Std), len(n.Low), len(n.High))
	}
	for _, std := range l.Normalize.Std {
		if !(std > 0) {
			return fmt.Errorf("loading images: the standard deviations to divide by are %v: all must be greater than "+
				"0", l.Normalize.Std)
		}
	}
	return nil
}

// Trim frees the memory of released batches, which the next epoch would use again.
func (l *Loader) Trim() { l.shelf.clear() }

// Epoch yields the batches of an epoch, beginning with batch number from. The order is a permutation that depends only
// on Seed and epoch, and view v of image i is drawn from augment.ViewRand(Seed, epoch, i, v). So an epoch that starts
// at batch k equals the rest of a whole one, whatever Workers is. The next readable image (i+1, i+2, ...) replaces one
// that cannot be read.
//
// The iteration ends with an error when ctx is cancelled, when too many images are bad, or when a recipe yields views
// of different sizes. All goroutines have ended when it returns, also when the receiver stops early.
func (l *Loader) Epoch(ctx context.Context, epoch, from int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if err := l.Check(); err != nil {
			yield(nil, err)
			return
		}
		if from < 0 || from > l.Steps() {
			yield(nil, fmt.Errorf("starting epoch %d at batch %d: an epoch has %d", epoch, from, l.Steps()))
			return
		}
		order := l.Order
		if order == nil {
			order = func(epoch int) []int { return Order(l.Data.Len(), l.Seed, epoch) }
		}
		p := l.plain(order(epoch), epoch)
		p.from, p.to, p.replace, p.pair = from, l.Steps(), l.next, l.Pair
		l.Share.take(&p, l.Batch)
		if l.Stage != nil {
			p.recipes = func(at int) []augment.Recipe { return l.Stage(epoch, at) }
		}
		if l.KeepDecoded > 0 {
			p.decoded = &l.decoded
		}
		l.iterate(ctx, p, yield)
	}
}

// Sequential yields every image once in index order, or Limit of them; the last batch has the rest, at most Batch.
// Images that cannot be read are left out: Batch.Index lists those that are there. Views are drawn as in epoch 0.
func (l *Loader) Sequential(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if l.Batch <= 0 {
			yield(nil, fmt.Errorf("loading batches of %d images: the batch must be at least 1", l.Batch))
			return
		}
		if err := l.checkRecipes(); err != nil {
			yield(nil, err)
			return
		}
		images := l.Visits()
		p := l.plain(images, 0)
		p.to = (len(images) + l.Batch - 1) / l.Batch
		if l.Keep > 0 {
			p.kept = &l.kept
		}
		l.iterate(ctx, p, yield)
	}
}

// Visits returns the numbers of the images that Sequential visits.
func (l *Loader) Visits() []int { return subset(l.Data.Len(), l.Limit, l.Seed) }

// pass is one pass over the data.
type pass struct {
	epoch    int
	from, to int                                       // batches
	images   func(at int) []int                        // the images of batch number at
	rand     func(at, row, index, view int) *rand.Rand // the random numbers of a view
	replace  func(i int) int                           // the image to try when i is bad; nil: bad images are left out
	pair     func(index int, r *rand.Rand) int         // see Loader.Pair
	kept     *keptViews                                // views of earlier passes; nil to keep none
	decoded  *keptImages                               // decoded images of earlier passes; nil to keep none
	recipes  func(at int) []augment.Recipe             // of batch number at; nil: Loader.Recipes
}

// recipesOf returns the recipes of batch number at.
func (l *Loader) recipesOf(p *pass, at int) []augment.Recipe {
	if p.recipes == nil {
		return l.Recipes
	}
	return p.recipes(at)
}

// plain is a pass over images in their order, l.Batch at a time.
func (l *Loader) plain(images []int, epoch int) pass {
	return pass{
		epoch:  epoch,
		images: func(at int) []int { return images[at*l.Batch : min((at+1)*l.Batch, len(images))] },
		rand:   func(_, _, index, view int) *rand.Rand { return augment.ViewRand(l.Seed, epoch, index, view) },
	}
}

// batchesSoon is how many batches before it is read the data hears of an image.
const batchesSoon = 16

// soon tells the data of the images that will be read after batch number at, if it wants to know.
func (l *Loader) soon(p *pass) func(at int) {
	data, wants := l.Data.(interface{ Ahead(images []int) })
	if !wants {
		return func(int) {}
	}
	told := p.from
	return func(at int) {
		for ; told < min(p.to, at+batchesSoon); told++ {
			data.Ahead(p.images(told))
		}
	}
}

// next is the image after i.
func (l *Loader) next(i int) int { return (i + 1) % l.Data.Len() }

// job is a range of rows of a batch to fill.
type job struct {
	batch  *Batch
	lo, hi int
	track  string // of the worker that has it
}

func (l *Loader) iterate(parent context.Context, p pass, yield func(*Batch, error) bool) {
	if p.from >= p.to {
		return
	}
	if parent.Err() != nil {
		yield(nil, context.Cause(parent))
		return
	}
	w := &worker{loader: l, pass: p, quarantine: l.Quarantine}
	if w.quarantine == nil {
		w.quarantine, _ = NewQuarantine(l.Data.Len(), "")
	}
	recipes := l.recipesOf(&p, p.from)
	sizes, err := w.viewSizes(p.from, recipes)
	if err != nil {
		yield(nil, err)
		return
	}

	ctx, cancel := context.WithCancelCause(parent)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)

	soon := l.soon(&p)
	jobs, ready := make(chan job), make(chan *Batch, l.ahead())
	running.Go(func() {
		defer close(ready)
		defer close(jobs)
		for at := p.from; at < p.to; at++ {
			if now := l.recipesOf(&p, at); &now[0] != &recipes[0] { // another stage
				recipes = now
				var err error
				if sizes, err = w.viewSizes(at, recipes); err != nil {
					cancel(err)
					return
				}
			}
			soon(at)
			images := p.images(at)
			n := len(images)
			b := l.shelf.take(n, l.Normalize.Channels(), sizes)
			b.Epoch, b.At, b.images, b.recipes, b.spare = p.epoch, at, images, recipes, l.ahead()+2
			select {
			case ready <- b:
			case <-ctx.Done():
				return
			}
			for lo := 0; lo < n; lo += rowsPerJob {
				select {
				case jobs <- job{batch: b, lo: lo, hi: min(lo+rowsPerJob, n)}:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	workers := l.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	for n := range workers {
		track := fmt.Sprint(TracePrefix, n+1)
		running.Go(func() {
			// The thread keeps its low priority, so it is not given back: it ends with the goroutine.
			runtime.LockOSThread()
			beNice()
			waiting := l.Trace.Begin(track, "wait")
			for j := range jobs {
				waiting.End()
				j.track = track
				if err := w.fill(ctx, j); err != nil {
					cancel(err)
					return
				}
				waiting = l.Trace.Begin(track, "wait")
			}
		})
	}

	for b := range ready {
		start := time.Now()
		select {
		case <-b.done:
		case <-ctx.Done():
			yield(nil, context.Cause(ctx))
			return
		}
		b.Wait = time.Since(start)
		if p.replace == nil {
			b.compact()
			if len(b.Index) == 0 {
				b.Release()
				continue
			}
		}
		if !yield(b, nil) {
			return
		}
	}
	if ctx.Err() != nil {
		yield(nil, context.Cause(ctx))
	}
}
