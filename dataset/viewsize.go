// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// ViewSize returns the side that suits the images: their own if they are small, at most 224. It looks at some of them.
func (s *Source) ViewSize() (int, error) {
	r := rand.New(rand.NewPCG(1, uint64(s.Len())))
	var sides []int
	remedy := "name another folder, or"
	for range min(s.Len(), 50) {
		i := r.IntN(s.Len())
		img, err := s.Image(i)
		if errors.Is(err, ErrMemory) {
			return 0, err
		}
		if err == nil {
			sides = append(sides, min(img.W, img.H))
		} else if keep := s.keepable(i); keep != "" {
			remedy = keep + ", name another folder, or"
		}
	}
	if len(sides) == 0 {
		return 0, fmt.Errorf("none of the images tried in %s could be read: %s give --size and see what is "+
			"quarantined", s.Kind, remedy)
	}
	slices.Sort(sides)
	side := sides[len(sides)/2]
	switch {
	case side >= 224:
		return 224, nil
	case side > 64:
		return side / 32 * 32, nil
	}
	return side, nil
}
