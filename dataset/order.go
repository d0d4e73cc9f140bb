// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"math/rand/v2"
	"slices"
)

// Order is the permutation of n images in an epoch: a function of (seed, epoch) alone. Fisher and Yates' shuffle is
// written out, since the standard library does not promise to keep its own.
func Order(n int, seed uint64, epoch int) []int {
	return shuffled(n, rand.NewPCG(seed, uint64(epoch)^0x6f726465725f6f66)) // apart from the random numbers of views
}

func shuffled(n int, r *rand.PCG) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := below(r, i+1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// subset is a random subset of limit of n images, in index order: a function of seed alone. A limit of 0, or of n or
// more, takes all.
func subset(n, limit int, seed uint64) []int {
	if limit <= 0 || limit >= n {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	p := Order(n, seed, -1)[:limit]
	slices.Sort(p)
	return p
}
