// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"slices"
	"testing"
)

// Every image comes once in an epoch, in another order in each, and no process reads more shards than its streams have
// open.
func TestShardOrder(t *testing.T) {
	sizes := make([]int, 100)
	total := 0
	for k := range sizes {
		sizes[k] = 50 + 37*k%29
		total += sizes[k]
	}
	of := make([]int, 0, total)
	for k, n := range sizes {
		for range n {
			of = append(of, k)
		}
	}
	for _, batch := range []int{1, 7, 64, 96, 256} {
		order := ShardOrder(sizes, batch, 3, 2)
		sorted := slices.Clone(order)
		slices.Sort(sorted)
		for i, image := range sorted {
			if image != i || len(order) != total {
				t.Fatalf("batch %d: %d images, image %d in place %d of the sorted ones", batch, len(order), image, i)
			}
		}
		if slices.Equal(order, ShardOrder(sizes, batch, 3, 3)) || slices.Equal(order, ShardOrder(sizes, batch, 4, 2)) ||
			!slices.Equal(order, ShardOrder(sizes, batch, 3, 2)) {
			t.Errorf("batch %d: the order depends on something else than seed and epoch", batch)
		}
	}
	// Of the batches of 64 a process of two has 32 rows, those of half of the streams.
	order := ShardOrder(sizes, 64, 1, 0)
	const processes = 2
	for rank := range processes {
		last := map[int]int{} // the last batch in which a shard was read
		first := map[int]int{}
		for at := 0; (at+1)*64 <= len(order); at++ {
			for _, image := range order[at*64+rank*32 : at*64+(rank+1)*32] {
				if _, seen := first[of[image]]; !seen {
					first[of[image]] = at
				}
				last[of[image]] = at
			}
		}
		if len(last) > 70 { // half of them, and at the end, when streams are used up, some of the others
			t.Errorf("process %d has read %d of 100 shards", rank, len(last))
		}
		for at := 0; (at+1)*64 <= len(order)*9/10; at++ {
			open := 0
			for k := range last {
				if first[k] <= at && at <= last[k] {
					open++
				}
			}
			if open > streamsOf(100, 64)/processes*shardWindow {
				t.Fatalf("process %d has %d shards open in batch %d", rank, open, at)
			}
		}
	}
}

// The batches of the order have nearly as many shards as those of a shuffle of everything, and far more than those of
// one shard after the other.
func TestMixing(t *testing.T) {
	sizes := make([]int, 64)
	for k := range sizes {
		sizes[k] = 200
	}
	one := make([]int, 64*200)
	for i := range one {
		one[i] = i
	}
	if m := Mixing(Order(len(one), 5, 1), sizes, 128); m < 0.98 || m > 1.02 {
		t.Errorf("a shuffle of everything mixes as %v", m)
	}
	if m := Mixing(one, sizes, 128); m > 0.05 {
		t.Errorf("one shard after the other mixes as %v", m)
	}
	if m := Mixing(ShardOrder(sizes, 128, 1, 0), sizes, 128); m < 0.8 || m > 1.25 {
		t.Errorf("the order by shards mixes as %v", m)
	}
}
