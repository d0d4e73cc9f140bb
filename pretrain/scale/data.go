// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/parallax-ssl/parallax/dataset"
)

// Index is what a process holds to find the images.
type Index struct {
	PerImage float64 `json:"bytes_per_image"` // measured
	Bytes    float64 `json:"bytes"`
	// An order of an epoch, which each process draws.
	OrderBytes float64 `json:"order_bytes"`
	OrderTime  float64 `json:"order_s"`
}

// indexed is of how many images an index is measured, and of twice as many.
const indexed = 8000

// measureIndex opens archives of empty files, and measures the memory that it takes.
func measureIndex(images int) (*Index, error) {
	dir, err := os.MkdirTemp("", "parallax-plan-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var held [2]float64
	for i := range held {
		if held[i], err = indexBytes(filepath.Join(dir, fmt.Sprint(i)), (i+1)*indexed); err != nil {
			return nil, fmt.Errorf("measuring the index of images: %w", err)
		}
	}
	x := &Index{PerImage: (held[1] - held[0]) / indexed}
	x.Bytes = x.PerImage * float64(images)
	const drawn = 1 << 20
	sizes := make([]int, 256)
	for i := range sizes {
		sizes[i] = drawn / len(sizes)
	}
	before, began := allocated(), time.Now()
	dataset.ShardOrder(sizes, 256, 1, 0)
	share := float64(images) / drawn
	x.OrderTime, x.OrderBytes = time.Since(began).Seconds()*share, (allocated()-before)*share
	return x, nil
}

// indexBytes returns the memory of an open data set of n images in archives.
func indexBytes(dir string, n int) (held float64, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	const shards = 4
	for i := range shards {
		if err := emptyArchive(filepath.Join(dir, fmt.Sprintf("shard-%06d.tar", i)), i*n/shards, n/shards); err != nil {
			return 0, err
		}
	}
	before := live()
	s, err := dataset.Open(dir, dataset.Options{Size: simulatedSize})
	if err != nil {
		return 0, err
	}
	held = live() - before
	return held, s.Close()
}

// emptyArchive writes an archive of n files that are called like images.
func emptyArchive(path string, from, n int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	for i := range n {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%09d.jpg", from+i), Mode: 0o600, Size: 1}); err != nil {
			return err
		}
		if _, err := w.Write([]byte{0}); err != nil {
			return err
		}
	}
	return w.Close()
}

// live is how many bytes of the heap are in use.
func live() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers kept
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// allocated is how many bytes were allocated so far.
func allocated() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.TotalAlloc)
}

// Shuffle is how well images are mixed that are read archive by archive, see [dataset.ShardOrder].
type Shuffle struct {
	Shards   int     `json:"archives"`
	Open     int     `json:"open"`       // archives from which images are drawn at a time, over all processes
	InBatch  float64 `json:"in_batch"`   // archives of which a batch has images, on average
	SameHere float64 `json:"same"`       // probability that two images of a batch are of one archive
	SameEver float64 `json:"same_ideal"` // that in an order that mixes all images
}

// Orders are measured of so many archives and images at most: what does not fit is left out, or made smaller.
const (
	mixedShards = 2048
	mixedImages = 1 << 22
)

// measureShuffle draws an order of fewer images and looks at its batches.
func measureShuffle(ctx context.Context, images, perShard, batch int) (*Shuffle, error) {
	perShard = min(perShard, images)
	s := &Shuffle{Shards: (images + perShard - 1) / perShard, SameEver: float64(perShard-1) / float64(max(1, images-1))}
	shards := min(s.Shards, mixedShards)
	s.Open = dataset.OpenShards(s.Shards, batch)
	size := max(1, min(perShard, mixedImages/shards))
	sizes := make([]int, shards)
	for i := range sizes {
		sizes[i] = size
	}
	order := dataset.ShardOrder(sizes, min(batch, shards*size), 1, 0)
	var batches, inBatch, pairs, same float64
	for at := 0; at+batch <= len(order); at += batch {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		of := map[int]int{}
		for _, i := range order[at:][:batch] {
			of[i/size]++
		}
		for _, n := range of {
			same += float64(n) * float64(n-1) / 2
		}
		pairs += float64(batch) * float64(batch-1) / 2
		inBatch += float64(len(of))
		batches++
	}
	if batches > 0 {
		s.InBatch, s.SameHere = inBatch/batches, same/pairs
	}
	return s, nil
}
