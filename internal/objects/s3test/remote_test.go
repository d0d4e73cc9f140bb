// SPDX-License-Identifier: Apache-2.0

package s3test_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/objects"
	"github.com/parallax-ssl/parallax/internal/objects/s3test"
)

// shardsOf returns n archives with k images each.
func shardsOf(t testing.TB, n, k int) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for s := range n {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for i := range k {
			m := image.NewRGBA(image.Rect(0, 0, 8, 8))
			for p := range 64 {
				m.Set(p%8, p/8, color.RGBA{byte(s), byte(i), byte(p), 255})
			}
			var p bytes.Buffer
			if err := png.Encode(&p, m); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string][]byte{"png": p.Bytes(), "cls": fmt.Append(nil, i%3)} {
				header := &tar.Header{Name: fmt.Sprintf("%05d.%s", i, name), Mode: 0o644, Size: int64(len(text))}
				if err := w.WriteHeader(header); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(text); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprintf("photos-%04d.tar", s)] = b.Bytes()
	}
	return all
}

// epochOf returns the numbers and the first view of every image of an epoch, in their order.
func epochOf(t *testing.T, s *dataset.Source, share dataset.Share) (images []int, pixels []float32) {
	t.Helper()
	sizes := s.Shards()
	l := &dataset.Loader{Data: s, Recipes: []augment.Recipe{augment.EvalRecipe(8)}, Normalize: augment.Normalize{
		Mean: []float32{0, 0, 0}, Std: []float32{1, 1, 1}}, Batch: 12, Workers: 3, Seed: 7, Share: share,
		Order: func(epoch int) []int { return dataset.ShardOrder(sizes, 12, 7, epoch) }}
	for b, err := range l.Epoch(t.Context(), 1, 0) {
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, b.Index...)
		pixels = append(pixels, b.Views[0].Data...)
		b.Release()
	}
	return images, pixels
}

// A bucket's archives are the data set that they are on a disk: the same images, labels and order, also for two
// processes, and also if the server makes faults. With its index a data set opens without its archives.
func TestRemote(t *testing.T) {
	server, dir := s3test.New(t), t.TempDir()
	for name, content := range shardsOf(t, 12, 9) {
		server.Put(t, "set/"+name, content)
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	server.Put(t, "set/readme.txt", []byte("no archive"))
	local, err := dataset.Open(filepath.Join(dir, "photos-*.tar"), dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	want, pixels := epochOf(t, local, dataset.Share{})
	if len(want) != 108 || len(local.Shards()) != 12 || local.Remote() {
		t.Fatalf("%d images in %v", len(want), local.Shards())
	}
	cache := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	server.Faults(func(*http.Request) s3test.Fault {
		mu.Lock()
		defer mu.Unlock()
		return []s3test.Fault{s3test.None, s3test.None, s3test.Internal, s3test.Slow, s3test.Cut}[r.IntN(5)]
	})
	for _, address := range []string{server.Address("set/photos-*.tar"), server.Address("set/photos-{0000..0011}.tar"),
		"file://" + dir + "/photos-*.tar"} {
		s, err := dataset.Open(address, dataset.Options{CacheDir: cache})
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if s.Len() != local.Len() || !slices.Equal(s.Shards(), local.Shards()) || !s.Remote() ||
			!slices.Equal(s.Classes, local.Classes) || s.Label(5) != local.Label(5) {
			t.Errorf("%s: %d images, shards %v, classes %v", address, s.Len(), s.Shards(), s.Classes)
		}
		got, p := epochOf(t, s, dataset.Share{})
		if !slices.Equal(got, want) || !slices.Equal(p, pixels) {
			t.Errorf("%s: the images are\n%v, want\n%v", address, got, want)
		}
		for rank := range 2 { // a process has its part of each batch
			part, _ := epochOf(t, s, dataset.Share{Rank: rank, Of: 2})
			for at := range len(want) / 12 {
				if !slices.Equal(part[6*at:6*(at+1)], want[12*at+6*rank:][:6]) {
					t.Fatalf("%s: batch %d of process %d is %v", address, at, rank, part[6*at:6*(at+1)])
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	server.Faults(nil)
	reads := server.Reads.Load()
	s, err := dataset.Open(server.Address("set/photos-*.tar"), dataset.Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Image(3); err != nil || server.Reads.Load() != reads {
		t.Errorf("%v: what the cache has was read again: %d objects", err, server.Reads.Load()-reads)
	}
}

// What is wrong with a bucket is said in one line, without a secret.
func TestRemoteErrors(t *testing.T) {
	server := s3test.New(t)
	server.Put(t, "a.tar", shardsOf(t, 1, 2)["photos-0000.tar"])
	server.Put(t, "notes.txt", []byte("x"))
	for address, want := range map[string]string{
		server.Address("none-*.tar"): "no object of s3://shards matches",
		server.Address("notes.txt"):  "no .tar and no .zip",
		server.Address("{a"):         "a brace that is not closed",
		"s3://shards":                "give a pattern",
		"gs://shards/a.tar":          "without a driver for gs://",
		"s3://absent/a.tar?region=us-east-1&use_path_style=true&endpoint=" + strings.TrimPrefix(server.Address(""),
			"s3://shards/?region=us-east-1&endpoint="): "absent",
	} {
		_, err := dataset.Open(address, dataset.Options{CacheDir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") ||
			strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%s: %v, want %q", strings.SplitN(address, "?", 2)[0], err, want)
		}
	}
}

// An object that changes after it was listed is an error, and its new content is no image of the old one.
func TestRemoteChanged(t *testing.T) {
	server := s3test.New(t)
	all := shardsOf(t, 2, 4)
	for name, content := range all {
		server.Put(t, name, content)
	}
	cache := t.TempDir()
	s, err := dataset.Open(server.Address("*.tar"), dataset.Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	entries, _ := filepath.Glob(filepath.Join(cache, "object-*.tar"))
	for _, name := range entries {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	other := slices.Clone(all["photos-0000.tar"])
	other[600] ^= 1
	server.Put(t, "photos-0000.tar", other)
	if _, err := s.Image(0); !errors.Is(err, objects.ErrChanged) {
		t.Errorf("%v", err)
	}
	if _, err := s.Image(5); err != nil {
		t.Errorf("an image of the other archive: %v", err)
	}
}

// The cache stays within its limit, and a fetch ends with the data set.
func TestRemoteCache(t *testing.T) {
	server := s3test.New(t)
	all := shardsOf(t, 6, 40)
	for name, content := range all {
		server.Put(t, name, content)
	}
	address := server.Address("photos-*.tar")
	size := int64(len(all["photos-0000.tar"]))
	o := dataset.Options{CacheDir: t.TempDir(), CacheBytes: 3 * size}
	s, err := dataset.Open(address, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Len() {
		if _, err := s.Image(i); err != nil {
			t.Fatal(err)
		}
		if i%40 == 0 {
			total := int64(0)
			names, _ := filepath.Glob(filepath.Join(o.CacheDir, "object-*.tar"))
			for _, name := range names {
				if info, err := os.Stat(name); err == nil {
					total += info.Size()
				}
			}
			if total > 3*size {
				t.Fatalf("after image %d the cache has %d bytes, the limit is %d", i, total, 3*size)
			}
		}
	}
	server.Faults(func(*http.Request) s3test.Fault { return s3test.Stall })
	s.Ahead([]int{0})
	begun := time.Now()
	if err := s.Close(); err != nil || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := objects.Open(ctx, address); err != nil && !strings.Contains(err.Error(), "cancel") {
		t.Error(err)
	}
}
