// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"slices"
	"sync"

	"github.com/parallax-ssl/parallax/augment"
)

// keptViews holds views of Sequential, which are the same in every pass, as they are before they are normalised: a
// quarter of the bytes of what a batch holds. Its nil value holds none.
type keptViews struct {
	mu    sync.Mutex
	views map[int][]*augment.Image // of an image, by its number: one for each recipe
	bytes int
}

// get returns the views of an image, nil if they are not kept.
func (k *keptViews) get(image int) []*augment.Image {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.views[image]
}

// put keeps copies of an image's views if all views together then take at most most bytes.
func (k *keptViews) put(image int, views []*augment.Image, most int) {
	size := 0
	for _, v := range views {
		size += len(v.Pix) + 4*len(v.Deep)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.views[image] != nil || k.bytes+size > most {
		return
	}
	if k.views == nil {
		k.views = map[int][]*augment.Image{}
	}
	copies := make([]*augment.Image, len(views))
	for i, v := range views { // a view may be a part of a large image
		c := *v
		c.Pix, c.Deep = slices.Clone(v.Pix), slices.Clone(v.Deep)
		copies[i] = &c
	}
	k.views[image], k.bytes = copies, k.bytes+size
}
