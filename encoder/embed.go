// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/torch"
)

// request is a part of a caller's images: at most a batch.
type request struct {
	ctx      context.Context
	pixels   []float32  // normalised, views x channels x size x size
	images   int        // how many views: each is an image to the network
	due      time.Time  // when it need not wait for others any more
	features []float32  // views x Features, once done says nil
	done     chan error // has room for the one answer, so that the sender never waits
}

// Embed returns the features of images: for each, in order, a row of Features float32 values, not normalised. First it
// resizes and crops every image by [augment.EvalRecipe] and normalises it by the training images' statistics. It does
// not change or keep the images. When ctx ends, Embed returns ctx's error at once.
func (e *Encoder) Embed(ctx context.Context, images []*augment.Image) ([][]float32, error) {
	rows, err := e.embed(ctx, images)
	if err != nil {
		return nil, fmt.Errorf("embedding %d images: %w", len(images), err)
	}
	return rows, nil
}

func (e *Encoder) embed(ctx context.Context, images []*augment.Image) ([][]float32, error) {
	if len(images) == 0 {
		return nil, errors.New("there are no images: give at least one")
	}
	for i, m := range images {
		if err := e.takes(m); err != nil {
			return nil, fmt.Errorf("image %d %w", i, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx) // a part that fails cancels the others
	defer cancel()
	rows := make([][]float32, 0, len(images))
	collect := func(r *request) error {
		if err := r.wait(); err != nil {
			return err
		}
		rows = append(rows, e.rows(r.features)...)
		return nil
	}
	var before *request // is computed while the next one is prepared
	for part := range slices.Chunk(images, e.Batch()) {
		r, err := e.prepare(ctx, part)
		if err != nil {
			return nil, err
		}
		if err := e.add(r, false); err != nil {
			return nil, err
		}
		if before != nil {
			if err := collect(before); err != nil {
				return nil, err
			}
		}
		before = r
	}
	if err := collect(before); err != nil {
		return nil, err
	}
	return rows, nil
}

// takes returns an error if the image is not like those that the encoder was trained on.
func (e *Encoder) takes(m *augment.Image) error {
	want := e.about.Format()
	switch {
	case m == nil:
		return errors.New("is nil")
	case e.about.Kept == "" && m.Deep != nil:
		return fmt.Errorf("has %v, and the encoder takes 8-bit RGB: decode it with Encoder.Decode", m.Format())
	case m.Deep == nil && (m.W < 1 || m.H < 1 || len(m.Pix) != 3*m.W*m.H):
		return fmt.Errorf("has %d bytes for %d x %d pixels: want 3 bytes a pixel", len(m.Pix), m.W, m.H)
	case e.about.Kept == "":
		return nil
	case m.Deep == nil:
		return fmt.Errorf("is 8-bit RGB, and the encoder takes %v: decode it with Encoder.Decode", want)
	case m.C != want.Channels || m.Samples != "" && m.Samples != want.Samples:
		return fmt.Errorf("has %v, and the encoder takes %v", m.Format(), want)
	}
	return m.Check()
}

// prepare resizes, crops and normalises images, several at a time.
func (e *Encoder) prepare(ctx context.Context, images []*augment.Image) (*request, error) {
	r := e.request(ctx, len(images))
	one := len(r.pixels) / len(images)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(len(images), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(images) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				e.input(r.pixels[i*one:(i+1)*one], images[i])
			}
		})
	}
	workers.Wait()
	return r, ctx.Err()
}

// request has room for the views of images.
func (e *Encoder) request(ctx context.Context, images int) *request {
	views := images * e.views
	return &request{ctx: ctx, images: views, pixels: make([]float32, images*e.values()),
		done: make(chan error, 1)}
}

// wait returns when the request is computed or its context ends.
func (r *request) wait() error {
	select {
	case err := <-r.done:
		return err
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// add hands a request to the goroutine that computes waiting requests; it starts one if there is none. The first
// request is computed before those that wait already.
func (e *Encoder) add(r *request, first bool) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	if torch.InScope() { // the caller is on libtorch's thread: no other goroutine could compute
		e.mu.Unlock()
		e.answer([]*request{r})
		return nil
	}
	defer e.mu.Unlock()
	if first { // and so it is due at once
		e.waiting = slices.Insert(e.waiting, 0, r)
	} else {
		r.due = time.Now().Add(e.patience)
		e.waiting = append(e.waiting, r)
	}
	if !e.turning {
		e.turning = true
		go e.turn()
	} else {
		select {
		case e.added <- struct{}{}:
		default:
		}
	}
	return nil
}

// turn computes batches of waiting requests until none is left.
func (e *Encoder) turn() {
	for {
		if e.patience > 0 {
			e.gather()
		}
		batch := e.take()
		if batch == nil {
			return
		}
		e.answer(batch)
	}
}

// gather returns when a batch is full or the first of the waiting requests is due. Requests that came while the network
// was busy are due by then, so a busy encoder never waits here.
func (e *Encoder) gather() {
	for {
		e.mu.Lock()
		images, left := 0, time.Duration(0)
		for _, r := range e.waiting {
			images += r.images
		}
		if len(e.waiting) > 0 {
			left = time.Until(e.waiting[0].due)
		}
		e.mu.Unlock()
		if images >= e.batch || left <= 0 {
			return
		}
		select {
		case <-e.added:
		case <-time.After(left):
		}
	}
}

// take removes the next batch from the waiting requests, or ends the turn with nil.
func (e *Encoder) take() (batch []*request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	images := 0
	for len(e.waiting) > 0 {
		r := e.waiting[0]
		if r.ctx.Err() == nil {
			if images+r.images > e.batch {
				break
			}
			images += r.images
			batch = append(batch, r)
		}
		e.waiting[0] = nil
		e.waiting = e.waiting[1:]
	}
	e.turning = batch != nil
	return batch
}

// answer computes a batch and tells its callers.
func (e *Encoder) answer(batch []*request) {
	began := time.Now()
	err := e.forward(batch)
	if e.watch != nil {
		images := 0
		for _, r := range batch {
			images += r.images
		}
		e.watch(images, time.Since(began), err)
	}
	for _, r := range batch {
		r.done <- err
	}
}

// forward runs the requests' images through the network, all at once.
func (e *Encoder) forward(batch []*request) error {
	pixels, images := batch[0].pixels, batch[0].images
	if len(batch) > 1 {
		pixels = nil
		images = 0
		for _, r := range batch {
			pixels = append(pixels, r.pixels...)
			images += r.images
		}
	}
	var features []float32
	err := torch.Scope(func() error {
		if e.freed {
			return ErrClosed
		}
		torch.NoGrad(func() {
			x := torch.FromFloat32(pixels, images, e.about.Channels(), e.about.Size, e.about.Size).ChannelsLast()
			torch.Autocast(false, func() { features = e.layer.Forward(x).Float32s() })
		})
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range batch {
		n := r.images * e.features
		r.features, features = features[:n:n], features[n:]
	}
	return nil
}
