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

// bufferedDecoder returns a function that reads a file into a buffer, decodes it and keeps the buffer for the next
// call. Goroutines that call it at the same time get a buffer each.
func bufferedDecoder(o Options) func(read func(buf []byte) ([]byte, error)) (*augment.Image, error) {
	// A few large files must not pin their size in every worker.
	const keep = 4 << 20
	pool := sync.Pool{New: func() any { return new([]byte) }}
	decode := codec.Options{Limits: codec.Limits{MaxPixels: o.MaxPixels}, JPEG: o.Decoder}
	return func(read func(buf []byte) ([]byte, error)) (*augment.Image, error) {
		buf := pool.Get().(*[]byte)
		defer pool.Put(buf)
		data, err := read(*buf)
		if err != nil {
			return nil, err
		}
		if cap(data) <= keep {
			*buf = data
		}
		return codec.Decode(data, decode)
	}
}
