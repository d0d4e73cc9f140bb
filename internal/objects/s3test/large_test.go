// SPDX-License-Identifier: Apache-2.0

package s3test_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/objects/s3test"
)

// BenchmarkHundredThousand reads an epoch of 100,000 images in 1,000 archives on a server that makes faults, with a
// cache of about 200 archives. The order must be that of the archives on a disk, without an image lost or read twice.
// It reports the share of the archives that one of two processes reads, and how much the heap has grown from the first
// tenth of the epoch to its end.
func BenchmarkHundredThousand(b *testing.B) {
	const archives, each, batch = 1000, 100, 256
	server, dir := s3test.New(b), b.TempDir()
	for name, content := range shardsOf(b, archives, each) {
		server.Put(b, name, content)
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			b.Fatal(err)
		}
	}
	local, err := dataset.Open(filepath.Join(dir, "photos-*.tar"), dataset.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer local.Close()
	want := dataset.ShardOrder(local.Shards(), batch, 7, 0)
	r := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	server.Faults(func(*http.Request) s3test.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(20) > 0 {
			return s3test.None
		}
		return []s3test.Fault{s3test.Internal, s3test.Slow, s3test.Cut, s3test.Stall}[r.IntN(4)]
	})
	for b.Loop() {
		s, err := dataset.Open(server.Address("photos-*.tar"), dataset.Options{CacheDir: b.TempDir(),
			CacheBytes: 42 << 20})
		if err != nil {
			b.Fatal(err)
		}
		for _, share := range []dataset.Share{{}, {Rank: 1, Of: 2}} {
			read := server.Reads.Load()
			l := &dataset.Loader{Data: s, Recipes: []augment.Recipe{augment.EvalRecipe(8)},
				Normalize: augment.Normalize{
					Mean: []float32{0, 0, 0}, Std: []float32{1, 1, 1}}, Batch: batch, Seed: 7, Share: share,
				Order: func(epoch int) []int { return dataset.ShardOrder(s.Shards(), batch, 7, epoch) }}
			var images []int
			early := uint64(0)
			for batch, err := range l.Epoch(b.Context(), 0, 0) {
				if err != nil {
					b.Fatal(err)
				}
				images = append(images, batch.Index...)
				batch.Release()
				if early == 0 && len(images) > archives*each/10/max(1, share.Of) {
					early = heap()
				}
			}
			if share.Of == 0 {
				if !slices.Equal(images, want[:len(want)/batch*batch]) {
					b.Fatal("the images are not those of the archives on the disk, in their order")
				}
				b.ReportMetric(float64(heap())/float64(early), "heap-end/heap-early")
				b.ReportMetric(float64(server.Reads.Load()-read)/archives, "fetches/archive")
			} else {
				b.ReportMetric(float64(server.Reads.Load()-read)/archives, "fetches/archive-half")
			}
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// heap is what the heap holds.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
