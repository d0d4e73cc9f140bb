// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
)

// A Budget is a number of bytes that images share while they are decoded and made into views. An image that does not
// fit waits until others are done, so many workers with large images take longer rather than more memory. What the
// budget is changes no pixel.
type Budget = codec.Budget

// NewBudget returns a budget of the given bytes. An image that needs more ends the reading with [ErrMemory].
func NewBudget(bytes int64) *Budget { return codec.NewBudget(bytes) }

// ErrMemory is wrapped by the error of an image that needs more than the whole budget. It is not quarantined, since
// with another budget it could be read: the images of a run do not depend on the machine.
var ErrMemory = codec.ErrMemory

// A Holder is a Dataset whose images hold a part of a budget. Hold is Image that keeps the image's part until release
// is called. A goroutine must not hold an image while it waits for another one: two that did would wait for each other.
type Holder interface {
	Hold(i int) (img *augment.Image, release func(), err error)
}

// Hold returns image i of d, and what to call once it is not used any more.
func Hold(d Dataset, i int) (img *augment.Image, release func(), err error) {
	if h, ok := d.(Holder); ok {
		return h.Hold(i)
	}
	img, err = d.Image(i)
	return img, func() {}, err
}
