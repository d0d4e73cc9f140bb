// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"slices"
	"sync"

	"github.com/parallax-ssl/parallax/augment"
)

// keptImages holds decoded images for the next epochs. Its nil value holds none.
type keptImages struct {
	mu     sync.RWMutex
	images map[int]*augment.Image // by their numbers
	bytes  int
}

// get returns image i, nil if it is not kept. Nobody may change it.
func (k *keptImages) get(i int) *augment.Image {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.images[i]
}

// put keeps a copy of image i if all images together then take at most most bytes.
func (k *keptImages) put(i int, img *augment.Image, most int) {
	if k == nil {
		return
	}
	const header = 128 // of an image that is kept, about
	size := len(img.Pix) + 4*len(img.Deep) + header
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.images[i] != nil || k.bytes+size > most {
		return
	}
	if k.images == nil {
		k.images = map[int]*augment.Image{}
	}
	c := *img
	c.Pix, c.Deep = slices.Clone(img.Pix), slices.Clone(img.Deep)
	k.images[i], k.bytes = &c, k.bytes+size
}
