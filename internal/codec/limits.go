// SPDX-License-Identifier: Apache-2.0

package codec

import "fmt"

// Limits bound what is made of one image file. A zero value is the default.
type Limits struct {
	// MaxPixels bounds width*height. 0 is DefaultMaxPixels.
	MaxPixels int
}

// DefaultMaxPixels is Pillow's limit: 2 * Image.MAX_IMAGE_PIXELS.
const DefaultMaxPixels = 178_956_970

func (o Options) withDefaults() Options {
	if o.MaxPixels <= 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	return o
}

// check refuses a header's size before anything of that size is allocated. A byte of the file's bytes can hold at most
// most pixels.
func (l Limits) check(w, h, most, bytes int) error {
	if w <= 0 || h <= 0 {
		return fmt.Errorf("its header says %dx%d pixels", w, h)
	}
	if w > l.MaxPixels/h {
		return fmt.Errorf("%dx%d pixels, more than the limit of %d", w, h, l.MaxPixels)
	}
	if w*h/most > bytes {
		return fmt.Errorf("its header says %dx%d pixels, which its %d bytes cannot hold", w, h, bytes)
	}
	return nil
}
