// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"sync"
	"syscall"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// image is what the network needs of an image of the data set.
type image struct {
	input *encoder.Input
	sum   string // SHA-256
	err   error  // why this image has no embedding
	fatal error  // why none of the following would have one
}

// batch is some consecutive images, which goroutines are reading.
type batch struct {
	start   int
	images  []image
	pending sync.WaitGroup
}

// wait returns when all images are read or ctx ends.
func (b *batch) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { b.pending.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// batches yields the batches that are not in the journal, in order, while goroutines read the images of the next one.
// When it returns, they have ended.
func (j *job) batches(ctx context.Context) iter.Seq[*batch] {
	return func(yield func(*batch) bool) {
		ctx, cancel := context.WithCancel(ctx)
		workers := j.Workers
		if workers == 0 {
			workers = machine.Workers()
		}
		type place struct {
			b *batch
			i int
		}
		places, ready := make(chan place), make(chan *batch)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for range workers {
			running.Go(func() {
				for p := range places {
					if ctx.Err() == nil {
						p.b.images[p.i] = j.read(p.b.start + p.i)
					}
					p.b.pending.Done()
				}
			})
		}
		running.Go(func() {
			defer close(places)
			defer close(ready)
			for at := j.journal.rows; at < j.plan.Images; at += j.encoder.Batch() {
				b := &batch{start: at, images: make([]image, min(j.encoder.Batch(), j.plan.Images-at))}
				b.pending.Add(len(b.images))
				for i := range b.images {
					places <- place{b, i}
				}
				select {
				case ready <- b:
				case <-ctx.Done():
					return
				}
			}
		})
		for b := range ready {
			if !yield(b) {
				return
			}
		}
	}
}

// read reads and prepares image i, and hashes it.
func (j *job) read(i int) (m image) {
	defer crash.Recover(&m.fatal)
	m.sum = j.source.FileSHA256(i)
	img, release, err := j.source.HoldSeen(i, func(file []byte) {
		if m.sum == "" {
			m.sum = sum(file)
		}
	})
	if err != nil {
		m.err = err
		m.fatal = j.hopeless(err)
		return m
	}
	defer release()
	if m.sum == "" {
		m.sum = sum(pixels(img))
	}
	m.input, m.err = j.encoder.Prepare(img)
	return m
}

// hopeless returns the error of reading an image if it does not concern this image alone.
func (j *job) hopeless(err error) error {
	for _, system := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, system) {
			return err
		}
	}
	if errors.Is(err, fs.ErrNotExist) && j.rooted {
		if _, gone := os.Stat(j.Data); gone != nil {
			return fmt.Errorf("the data has been removed: %w", gone)
		}
	}
	return nil
}

func sum(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// pixels is what is hashed of an image without a file.
func pixels(m *augment.Image) []byte {
	size := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(m.W)), uint64(m.H))
	return append(size, m.Pix...)
}

// fail makes r the row of an image that failed. The reason leaves out the image's name, which the row has.
func fail(r *embedding.Row, err error) {
	var of *dataset.ImageError
	if errors.As(err, &of) {
		err = of.Err
	}
	r.Status, r.Reason = embedding.Failed, printable.Middle(err.Error(), 1000)
}
