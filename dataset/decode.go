// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"sync"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
)

// Decode decodes the bytes of an image file to 8-bit RGB, upright by its EXIF orientation. It refuses images of more
// than maxPixels pixels (0: DefaultMaxPixels), and images that claim more pixels than their bytes can hold, before it
// takes memory for them. It never panics, whatever the bytes. Safe for concurrent use.
func Decode(data []byte, maxPixels int) (*augment.Image, error) {
	return codec.Decode(data, codec.Options{Limits: codec.Limits{MaxPixels: maxPixels}})
}

// DecodeChannels is Decode with Options.Channels: the encoder of a run with other images than 8-bit RGB takes images
// that were decoded as the run's.
func DecodeChannels(data []byte, channels string, maxPixels int) (*augment.Image, error) {
	if err := checkChannels(channels); err != nil {
		return nil, err
	}
	return codec.Decode(data, codecOptions(Options{Channels: channels, MaxPixels: maxPixels}))
}

func codecOptions(o Options) codec.Options {
	return codec.Options{
		Limits: codec.Limits{MaxPixels: o.MaxPixels, Budget: o.Budget}, JPEG: o.Decoder,
		Deep: o.Channels == ChannelsKeep || o.Channels == ChannelsPages, Pages: o.Channels == ChannelsPages,
	}
}

// A decoder reads image files into buffers and decodes them within a budget. It keeps the buffers for later files, and
// the memory of released images for later images: fresh memory is zeroed first, and costs a page fault for every 4 KiB.
// Goroutines that use a decoder at the same time get a buffer each.
type decoder struct {
	options         codec.Options
	buffers, pixels sync.Pool
}

// A few large files must not pin their size in every worker: larger buffers and images are not kept.
const keepBytes = 4 << 20

func newDecoder(o Options) *decoder {
	return &decoder{
		options: codecOptions(o),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
		pixels:  sync.Pool{New: func() any { return new([]byte) }},
	}
}

// hold decodes the file of size bytes that read puts into a buffer. Until the caller releases the image, it holds part
// of the budget; the release gives its pixels to a later image.
func (d *decoder) hold(size int64, read func(buf []byte) ([]byte, error)) (*augment.Image, func(), error) {
	room := d.pixels.Get().(*[]byte)
	img, lease, err := d.decode(size, read, *room)
	if err != nil {
		d.pixels.Put(room)
		return nil, nil, err
	}
	return img, func() {
		if cap(img.Pix) <= keepBytes {
			*room = img.Pix
			d.pixels.Put(room)
		}
		lease.Release()
	}, nil
}

// image decodes a file as hold does, into memory that stays the caller's.
func (d *decoder) image(size int64, read func(buf []byte) ([]byte, error)) (*augment.Image, error) {
	img, lease, err := d.decode(size, read, nil)
	if err == nil {
		lease.Release()
	}
	return img, err
}

func (d *decoder) decode(size int64, read func(buf []byte) ([]byte, error), room []byte) (*augment.Image, *codec.Lease,
	error) {
	lease := d.options.Budget.File(size)
	img, err := func() (*augment.Image, error) {
		buf := d.buffers.Get().(*[]byte)
		defer d.buffers.Put(buf)
		data, err := read(*buf)
		if err != nil {
			return nil, err
		}
		if cap(data) <= keepBytes {
			*buf = data
		}
		o := d.options
		o.Room = room
		return codec.DecodeHeld(data, o, lease)
	}()
	if err != nil {
		lease.Release()
		return nil, nil, err
	}
	lease.ReleaseFile()
	return img, lease, nil
}
