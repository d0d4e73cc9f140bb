// SPDX-License-Identifier: Apache-2.0

package augment

import "math/rand/v2"

// ViewRand returns the random generator of one view: a pure function of its four arguments. So a view's pixels are the
// same whichever worker makes it, and any view of a past epoch can be made again. view counts the views of one image,
// from 0.
func ViewRand(seed uint64, epoch, index, view int) *rand.Rand {
	s := splitMix(seed)
	for _, n := range [...]int{epoch, index, view} {
		s = splitMix(s ^ uint64(n))
	}
	return rand.New(rand.NewPCG(s, splitMix(s)))
}

// splitMix is the SplitMix64 step (Steele, Lea and Flood, OOPSLA 2014): a bijection in which every input bit reaches
// every output bit, so neighbouring counters give unrelated generators.
func splitMix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
