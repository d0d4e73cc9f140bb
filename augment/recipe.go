// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A Recipe is the list of ops, in order, that makes one view of an image.
type Recipe []Op

// Draw picks all random numbers of one view of an image of w by h pixels. It leaves out ops that are not applied.
func (r Recipe) Draw(w, h int, rng *rand.Rand) []Drawn {
	drawn := make([]Drawn, 0, len(r))
	for _, op := range r {
		if d := op.Draw(w, h, rng); d != nil {
			drawn = append(drawn, d)
			w, h = d.Size(w, h)
		}
	}
	return drawn
}

// View draws and applies the recipe. img does not change.
func (r Recipe) View(img *Image, rng *rand.Rand) *Image {
	return Replay(img, r.Draw(img.W, img.H, rng))
}

// Validate returns the first op's error, with the op's place and name, or nil.
func (r Recipe) Validate() error {
	for i, op := range r {
		if v, ok := op.(Validator); ok {
			if err := v.Validate(); err != nil {
				return fmt.Errorf("recipe op %d (%s): %w", i+1, op.Name(), err)
			}
		}
	}
	return nil
}

// follows returns operation i+1 if it and operation i are crops.
func follows(drawn []Drawn, i int) (next Crop, ok bool) {
	if _, ok := drawn[i].(Crop); !ok || i+1 == len(drawn) {
		return Crop{}, false
	}
	next, ok = drawn[i+1].(Crop)
	return next, ok
}

// taken is c after its box has been cut out.
func (c Crop) taken() Crop {
	c.X, c.Y = 0, 0
	return c
}

// Largest returns the pixels of the largest image that Replay makes of an image of w by h pixels, views included.
func Largest(w, h int, drawn []Drawn) int {
	largest := 0
	for i, d := range drawn {
		w, h = d.Size(w, h)
		made := [2]int{w, h}
		if next, ok := follows(drawn, i); ok {
			made[0], made[1] = next.boxSize()
		}
		largest = max(largest, product(made[0], made[1]))
	}
	return largest
}

// product is a*b, or the largest int if that is larger. Neither is negative.
func product(a, b int) int {
	if b > 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}

// A Sequence is several operations drawn together, such as the four of one [ColorJitter], applied in order.
type Sequence []Drawn

// Apply applies each operation to the result of the one before.
func (s Sequence) Apply(img *Image) *Image {
	for _, d := range s {
		img = d.Apply(img)
	}
	return img
}

// Size returns the size after the last operation.
func (s Sequence) Size(w, h int) (int, int) {
	for _, d := range s {
		w, h = d.Size(w, h)
	}
	return w, h
}
