// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// The shape of a shuffle by shards.
const (
	shardStreams = 32 // at most, from which the rows of a batch come
	shardWindow  = 4  // shards of a stream that are open at a time
)

// ShardOrder is the order of images in an epoch that reads few of the shards at a time: a function of its arguments
// alone. sizes are the numbers of images of the shards, whose images are numbered one shard after the other.
//
// The shards are dealt to streams, in an order drawn for the epoch, each to the stream with the fewest images. A stream
// draws its next image from four of its shards at a time, each of their images equally likely, and takes its next shard
// in the place of one that is used up. A batch has equally many rows of each stream, neighbouring rows of one stream.
// So a process that has a part of every batch reads the shards of its streams, and the order is the same for any number
// of processes. When a stream is used up, the fullest one gives its rows.
func ShardOrder(sizes []int, batch int, seed uint64, epoch int) []int {
	r := rand.NewPCG(seed, uint64(epoch)^0x7368617264735f6f) // apart from the random numbers of Order and of views
	streams := dealShards(sizes, streamsOf(len(sizes), batch), r)
	total := 0
	for _, n := range sizes {
		total += n
	}
	order := make([]int, 0, total)
	rows := batch / len(streams)
	for len(order) < total {
		for i := range streams {
			for range rows {
				from := streams[i]
				if from.left == 0 {
					from = fullest(streams)
				}
				if from.left == 0 {
					return order
				}
				order = append(order, from.next(r))
			}
		}
	}
	return order
}

// OrderOf is the order of the images of a source in an epoch: by shards, as [ShardOrder] has it, or of all of them, as
// [Order] has it. A source that is not made of several archives has no other order than of all.
func OrderOf(s *Source, byShards bool, batch int, seed uint64, epoch int) []int {
	if byShards {
		if sizes := s.Shards(); sizes != nil {
			return ShardOrder(sizes, batch, seed, epoch)
		}
	}
	return Order(s.Len(), seed, epoch)
}

// OpenShards is how many of the shards [ShardOrder] has open at a time, over all processes.
func OpenShards(shards, batch int) int { return min(shards, streamsOf(shards, batch)*shardWindow) }

// streamsOf is how many streams share the rows of a batch: as many as divide it, at most shardStreams, and at most the
// shards.
func streamsOf(shards, batch int) int {
	for n := min(shardStreams, shards, batch); n > 1; n-- {
		if batch%n == 0 {
			return n
		}
	}
	return 1
}

// stream draws the images of some shards.
type stream struct {
	left  int     // images
	later [][]int // the images of shards that are not open yet
	open  [][]int // those of open ones, as many as are left
}

// dealShards deals the shards to n streams.
func dealShards(sizes []int, n int, r *rand.PCG) []*stream {
	first := make([]int, len(sizes)) // the number of a shard's first image
	at := 0
	for k, size := range sizes {
		first[k] = at
		at += size
	}
	streams := make([]*stream, n)
	for i := range streams {
		streams[i] = &stream{}
	}
	for _, k := range shuffled(len(sizes), r) {
		if sizes[k] == 0 {
			continue
		}
		images := make([]int, sizes[k])
		for i := range images {
			images[i] = first[k] + i
		}
		to := streams[0]
		for _, s := range streams {
			if s.left < to.left {
				to = s
			}
		}
		to.left += len(images)
		to.later = append(to.later, images)
	}
	return streams
}

func fullest(streams []*stream) *stream {
	most := streams[0]
	for _, s := range streams {
		if s.left > most.left {
			most = s
		}
	}
	return most
}

// next draws an image.
func (s *stream) next(r *rand.PCG) int {
	for len(s.open) < shardWindow && len(s.later) > 0 {
		s.open, s.later = append(s.open, s.later[0]), s.later[1:]
	}
	waiting := 0
	for _, images := range s.open {
		waiting += len(images)
	}
	at := below(r, waiting)
	for k, images := range s.open {
		if at >= len(images) {
			at -= len(images)
			continue
		}
		image, last := images[at], len(images)-1
		images[at] = images[last]
		if s.open[k] = images[:last]; last == 0 {
			s.open = append(s.open[:k], s.open[k+1:]...)
		}
		s.left--
		return image
	}
	return -1 // there is none
}

// below draws a number from 0 to n-1.
func below(r *rand.PCG, n int) int {
	high, _ := bits.Mul64(r.Uint64(), uint64(n))
	return int(high)
}

// Mixing says how well an order mixes shards: the mean over batches of exp(entropy of the shards of its rows), relative
// to the same of a shuffle of everything. Batches of one of n shards have about 1/n. Above 1 the shards of a batch are
// more evenly many than by chance. sizes are as in [ShardOrder].
func Mixing(order, sizes []int, batch int) float64 {
	of := make([]int, 0, len(order))
	for k, n := range sizes {
		for range n {
			of = append(of, k)
		}
	}
	measured, ideal, batches := 0., 0., 0
	whole := Order(len(of), 1, 0)
	for from := 0; from+batch <= len(order); from += batch {
		measured += variety(order[from:from+batch], of)
		ideal += variety(whole[from:from+batch], of)
		batches++
	}
	if batches == 0 {
		return 1
	}
	return measured / ideal
}

// variety is exp of the entropy of the shards of some images.
func variety(images, of []int) float64 {
	counts := map[int]int{}
	for _, i := range images {
		counts[of[i]]++
	}
	entropy := 0.
	for _, n := range counts {
		p := float64(n) / float64(len(images))
		entropy -= p * math.Log(p)
	}
	return math.Exp(entropy)
}
