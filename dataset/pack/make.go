// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/internal/packfile"
)

// made is an image as the pack will hold it.
type made struct {
	record  packfile.Record
	payload []byte
	bad     error // why the image cannot be read
	err     error // ends the packing
	large   bool  // it was left for the writer, which makes it alone
}

// waiting bounds the bytes of the payloads that wait for the writer. An image that does not fit is made again, by the
// writer: a worker that waited, holding an image, might wait for the worker that the writer waits for.
const waiting = 256 << 20

// maker makes images with several workers.
type maker struct {
	*Request
	source *dataset.Source
	shared map[string][32]byte // hashes of the files that are not the images' own
	bytes  atomic.Int64        // of payloads that wait for the writer
}

// from returns a function that returns the images from number first on, in order, and one that ends the workers.
func (m *maker) from(ctx context.Context, first int) (next func() *made, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	type job struct {
		i  int
		to chan *made
	}
	jobs, order := make(chan job), make(chan job, 4*m.Workers)
	var running sync.WaitGroup
	running.Go(func() {
		defer close(order)
		defer close(jobs)
		for i := first; i < m.source.Len(); i++ {
			j := job{i, make(chan *made, 1)}
			select {
			case order <- j:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- j:
			case <-ctx.Done():
				return
			}
		}
	})
	for range m.Workers {
		running.Go(func() {
			for j := range jobs {
				one := m.make(j.i)
				if n := int64(len(one.payload)); m.bytes.Add(n) > waiting {
					m.bytes.Add(-n)
					one = &made{large: true}
				}
				j.to <- one
			}
		})
	}
	next = func() *made {
		j, ok := <-order
		if err := context.Cause(ctx); err != nil || !ok {
			return &made{err: err}
		}
		select {
		case one := <-j.to:
			m.bytes.Add(-int64(len(one.payload)))
			if one.large {
				one = m.make(j.i)
			}
			return one
		case <-ctx.Done():
			return &made{err: context.Cause(ctx)}
		}
	}
	return next, func() { cancel(); running.Wait() }
}

// make reads image i.
func (m *maker) make(i int) (one *made) {
	one = &made{record: m.source.PackRecord(i, m.Labels != "")}
	defer crash.Recover(&one.err)
	own, err := m.fill(one, i)
	for k := range one.record.Files {
		f := &one.record.Files[k]
		if f.Name == one.record.Name && own != [32]byte{} {
			f.SHA256 = own
		} else {
			f.SHA256 = m.shared[f.Name]
		}
	}
	switch {
	case err == nil:
		return one
	case fatal(err):
		one.err = err
		return one
	}
	var reason *dataset.ImageError
	if one.bad = err; errors.As(err, &reason) {
		err = reason.Err
	}
	one.record.Kind, one.record.Reason, one.payload = packfile.Failed, err.Error(), nil
	return one
}

// fatal reports whether an error of reading an image is none of the image: memory or open files.
func fatal(err error) bool {
	return slices.ContainsFunc([]error{dataset.ErrMemory, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM},
		func(e error) bool { return errors.Is(err, e) })
}

// fill makes the payload and returns the hash of the image's file, zero if it is none.
func (m *maker) fill(one *made, i int) (own [32]byte, err error) {
	if m.As == Files {
		one.record.Kind = packfile.Encoded
		if one.payload, err = m.source.File(i); err != nil {
			return own, err
		}
		return sha256.Sum256(one.payload), nil
	}
	img, release, err := m.source.HoldSeen(i, func(file []byte) { own = sha256.Sum256(file) })
	if err != nil {
		return own, err
	}
	defer release()
	if err := img.Check(); err != nil {
		return own, fmt.Errorf("decoded to %w", err)
	}
	one.payload, err = m.encode(m.shrunk(img), &one.record)
	return own, err
}

// shrunk returns the image with a shorter side of at most Size.
func (m *maker) shrunk(img *augment.Image) *augment.Image {
	if m.Size == 0 || min(img.W, img.H) <= m.Size {
		return img
	}
	return augment.Resize{Size: m.Size, Interpolation: shrink}.Draw(img.W, img.H, nil).Apply(img)
}

// encode returns the payload of an image, and sets what the record says of it.
func (m *maker) encode(img *augment.Image, r *packfile.Record) ([]byte, error) {
	switch {
	case m.As == JPEG || m.As == PNG:
		r.Kind = packfile.Encoded
		var b bytes.Buffer
		var err error
		if m.As == PNG {
			err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, opaque(img))
		} else {
			err = jpeg.Encode(&b, opaque(img), &jpeg.Options{Quality: m.Quality})
		}
		return b.Bytes(), err
	case img.Deep != nil:
		r.Kind, r.W, r.H, r.C, r.Samples = packfile.Deep, img.W, img.H, img.C, img.Samples
		b := make([]byte, 4*len(img.Deep))
		for k, v := range img.Deep {
			binary.LittleEndian.PutUint32(b[4*k:], math.Float32bits(v))
		}
		return b, nil
	}
	r.Kind, r.W, r.H = packfile.Pixels, img.W, img.H
	return slices.Clone(img.Pix), nil
}

// opaque is an image for the encoders of the standard library.
func opaque(img *augment.Image) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, img.W, img.H))
	for i := range img.W * img.H {
		copy(out.Pix[4*i:], img.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	return out
}
