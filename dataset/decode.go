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

// A decoder reads image files into buffers, which it keeps for later files, and decodes them within a budget.
// Goroutines that use it at the same time get a buffer each.
type decoder struct {
	options codec.Options
	buffers sync.Pool
}

func newDecoder(o Options) *decoder {
	return &decoder{
		options: codecOptions(o),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// decode decodes the file of size bytes that read puts into a buffer. The image holds a part of the budget until the
// caller releases it.
func (d *decoder) decode(size int64, read func(buf []byte) ([]byte, error)) (*augment.Image, func(), error) {
	// A few large files must not pin their size in every worker.
	const keep = 4 << 20
	lease := d.options.Budget.File(size)
	img, err := func() (*augment.Image, error) {
		buf := d.buffers.Get().(*[]byte)
		defer d.buffers.Put(buf)
		data, err := read(*buf)
		if err != nil {
			return nil, err
		}
		if cap(data) <= keep {
			*buf = data
		}
		return codec.DecodeHeld(data, d.options, lease)
	}()
	if err != nil {
		lease.Release()
		return nil, nil, err
	}
	lease.ReleaseFile()
	return img, lease.Release, nil
}
