// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/augment"
)

// marked is a data set whose image i is one pixel of red i; bad ones fail.
type marked struct {
	n   int
	bad func(i int) bool
}

func (d marked) Len() int        { return d.n }
func (d marked) Label(i int) int { return i % 3 }
func (d marked) Name(i int) string {
	return fmt.Sprintf("img%d", i)
}
func (d marked) Image(i int) (*augment.Image, error) {
	if d.bad != nil && d.bad(i) {
		return nil, &ImageError{d.Name(i), errors.New("broken")}
	}
	return &augment.Image{W: 2, H: 1, Pix: []uint8{uint8(i), 0, 0, uint8(i >> 8), 0, 0}}, nil
}

// shift adds a random number to every value: the view depends on the random numbers alone.
type shift struct{ v uint8 }

func (shift) Name() string { return "shift" }
func (shift) Draw(w, h int, r *rand.Rand) augment.Drawn {
	return shift{uint8(r.Uint64())}
}
func (s shift) Apply(img *augment.Image) *augment.Image {
	for i := range img.Pix {
		img.Pix[i] += s.v
	}
	return img
}
func (shift) Size(w, h int) (int, int) { return w, h }

// unit keeps values as they are, from 0 to 1.
var unit = augment.Normalize{Mean: make([]float32, 3), Std: []float32{1, 1, 1}}

func loaderOf(d Dataset, batch, workers int) *Loader {
	return &Loader{Data: d, Recipes: []augment.Recipe{{shift{}}, {shift{}}}, Normalize: unit, Batch: batch,
		Workers: workers, Seed: 7}
}

// batches runs an iteration to its end and copies its batches; release says whether to recycle them.
func batches(t testing.TB, seq func(func(*Batch, error) bool), release bool) (out []*Batch, last error) {
	t.Helper()
	for b, err := range seq {
		if err != nil {
			return out, err
		}
		c := &Batch{Epoch: b.Epoch, At: b.At, Index: slices.Clone(b.Index), Labels: slices.Clone(b.Labels)}
		for _, v := range b.Views {
			v.Data = slices.Clone(v.Data)
			c.Views = append(c.Views, v)
		}
		out = append(out, c)
		if release {
			b.Release()
			b.Release()
		}
	}
	return out, nil
}

func same(a, b []*Batch) bool {
	return slices.EqualFunc(a, b, func(a, b *Batch) bool {
		return a.Epoch == b.Epoch && a.At == b.At && slices.Equal(a.Index, b.Index) &&
			slices.Equal(a.Labels, b.Labels) &&
			slices.EqualFunc(a.Views, b.Views, func(v, w Pixels) bool {
				return v.N == w.N && v.C == w.C && v.H == w.H && v.W == w.W && slices.Equal(v.Data, w.Data)
			})
	})
}

func TestEpoch(t *testing.T) {
	ctx := context.Background()
	d := marked{n: 103, bad: func(i int) bool { return i == 5 || i == 6 }}
	whole, err := batches(t, loaderOf(d, 10, 1).Epoch(ctx, 3, 0), false)
	if err != nil || len(whole) != 10 {
		t.Fatalf("%d batches, %v", len(whole), err)
	}
	for _, workers := range []int{1, 2, 3, 8} {
		for _, release := range []bool{false, true} {
			l := loaderOf(d, 10, workers)
			if got, err := batches(t, l.Epoch(ctx, 3, 0), release); err != nil || !same(got, whole) {
				t.Errorf("%d workers, release %v: another epoch, %v", workers, release, err)
			}
			for from := range 11 {
				if got, err := batches(t, l.Epoch(ctx, 3, from), release); err != nil || !same(got, whole[from:]) {
					t.Errorf("%d workers from batch %d: not the tail, %v", workers, from, err)
				}
			}
		}
	}
	if other, _ := batches(t, loaderOf(d, 10, 2).Epoch(ctx, 4, 0), true); slices.Equal(other[0].Index, whole[0].Index) {
		t.Error("epochs 3 and 4 have one order")
	}
	seed := loaderOf(d, 10, 2)
	seed.Seed++
	if other, _ := batches(t, seed.Epoch(ctx, 3, 0), true); slices.Equal(other[0].Index, whole[0].Index) {
		t.Error("seeds 7 and 8 have one order")
	}
	// What each row holds, from the definitions.
	seen := map[int]int{}
	for _, b := range whole {
		for row, i := range b.Index {
			seen[i]++
			if b.Labels[row] != i%3 {
				t.Errorf("image %d has label %d", i, b.Labels[row])
			}
			for v, px := range b.Views {
				add := uint8(augment.ViewRand(7, 3, i, v).Uint64())
				want := []float32{float32(uint8(i)+add) / 255, float32(uint8(i>>8)+add) / 255}
				if got := px.Data[row*6 : row*6+2]; !slices.Equal(got, want) || px.N != 10 || px.C != 3 || px.H != 1 ||
					px.W != 2 {
					t.Fatalf("view %d of image %d: %v, want %v", v, i, got, want)
				}
			}
		}
	}
	if seen[5]+seen[6] > 0 || seen[7] < 2 {
		t.Errorf("images 5 and 6 are bad and must be replaced by 7: seen %d, %d, %d times", seen[5], seen[6], seen[7])
	}
}

// TestOrder checks the permutation against one computed once: a changed order would break the resuming of old runs.
func TestOrder(t *testing.T) {
	p := Order(1000, 1, 2)
	if got, want := fmt.Sprint(p[:8]), goldenOrder; got != want {
		t.Errorf("Order(1000, 1, 2) starts %s, want %s", got, want)
	}
	slices.Sort(p)
	for i, v := range p {
		if i != v {
			t.Fatal("not a permutation")
		}
	}
	// Every image is first about equally often: chi-squared of 10 cells over 5000 epochs, 9 degrees, p = 1e-4 at 33.7.
	count := [10]float64{}
	for e := range 5000 {
		count[Order(10, 9, e)[0]]++
	}
	chi := 0.0
	for _, c := range count {
		chi += (c - 500) * (c - 500) / 500
	}
	if chi > 33.7 {
		t.Errorf("first images %v: chi-squared %.1f", count, chi)
	}
}

// counted counts the images that are read.
type counted struct {
	marked
	read *atomic.Int64
}

func (d counted) Image(i int) (*augment.Image, error) {
	d.read.Add(1)
	return d.marked.Image(i)
}

// Whatever is kept, all passes yield the same, and an image whose views are kept is not read again.
func TestSequentialKeepsViews(t *testing.T) {
	const one = 2 * 2 * 3 // bytes: an image of 2 views of 2 pixels of RGB
	ctx, d := context.Background(), marked{10, func(i int) bool { return i == 4 }}
	whole, _ := batches(t, loaderOf(d, 4, 1).Sequential(ctx), true)
	for _, keep := range []int{0, 3*one + 1, 9 * one} {
		var read atomic.Int64
		l := loaderOf(counted{d, &read}, 4, 1)
		l.Keep = keep
		for range l.Sequential(ctx) {
			break // what an interrupted pass has read is kept, too
		}
		for pass := range 3 {
			read.Store(0)
			got, err := batches(t, l.Sequential(ctx), true)
			if err != nil || !same(got, whole) {
				t.Errorf("keeping %d bytes, pass %d yields other batches, %v", keep, pass, err)
			}
			want := int64(10 - keep/one) // the bad one is tried in every pass
			if keep == 0 {
				want++ // for the sizes of the views
			}
			if pass > 0 && read.Load() != want {
				t.Errorf("keeping %d bytes, pass %d reads %d images, want %d", keep, pass, read.Load(), want)
			}
		}
	}
}

// Epochs decode an image that is kept once, and make the same views as without; what does not fit is decoded again.
func TestEpochKeepsDecoded(t *testing.T) {
	const n, epochs = 40, 3
	run := func(keep int, bad func(int) bool) (all []*Batch, reads int64) {
		d := counted{marked{n: n, bad: bad}, new(atomic.Int64)}
		l := loaderOf(d, 8, 3)
		l.KeepDecoded = keep
		for epoch := range epochs {
			out, err := batches(t, l.Epoch(context.Background(), epoch, 0), true)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, out...)
		}
		return all, d.read.Load()
	}
	for name, bad := range map[string]func(int) bool{"good": nil, "one bad": func(i int) bool { return i == 5 }} {
		want, without := run(0, bad)
		for keep, most := range map[int]int64{1 << 20: without - (epochs-1)*(n-1), 10 * 134: without - (epochs-1)*9} {
			got, reads := run(keep, bad)
			if !same(got, want) {
				t.Errorf("%s: keeping %d bytes changes the views", name, keep)
			}
			if reads > most {
				t.Errorf("%s: keeping %d bytes: %d reads, want at most %d of %d", name, keep, reads, most, without)
			}
		}
	}
}

func TestSequential(t *testing.T) {
	d := marked{n: 23, bad: func(i int) bool { return i == 0 || i == 4 || i > 19 }}
	l := loaderOf(d, 5, 3)
	got, err := batches(t, l.Sequential(context.Background()), true)
	if err != nil {
		t.Fatal(err)
	}
	var index []int
	for _, b := range got {
		index = append(index, b.Index...)
		for _, v := range b.Views {
			if v.N != len(b.Index) || len(v.Data) != v.N*6 || len(b.Labels) != v.N {
				t.Errorf("batch %d: %d rows, %d images", b.At, v.N, len(b.Index))
			}
		}
		for row, i := range b.Index {
			add := uint8(augment.ViewRand(7, 0, i, 1).Uint64())
			if b.Views[1].Data[row*6] != float32(uint8(i)+add)/255 || b.Labels[row] != i%3 {
				t.Errorf("the row of image %d holds another", i)
			}
		}
	}
	want := []int{1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}
	if !slices.Equal(index, want) {
		t.Errorf("visited %v, want %v", index, want)
	}

	l = loaderOf(marked{n: 1000}, 64, 2)
	l.Limit = 100
	first, _ := batches(t, l.Sequential(context.Background()), true)
	again, _ := batches(t, l.Sequential(context.Background()), true)
	index = nil
	for _, b := range first {
		index = append(index, b.Index...)
	}
	if len(index) != 100 || !slices.IsSorted(index) || !same(first, again) || index[99] < 800 || index[0] > 200 {
		t.Errorf("a limit of 100 visits %v", index)
	}
}

// settled waits for goroutines that are about to end.
func settled(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

func TestStop(t *testing.T) {
	before := runtime.NumGoroutine()
	l := loaderOf(marked{n: 10000}, 50, 4)
	for stop := range 5 {
		k := 0
		for _, err := range l.Epoch(context.Background(), 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if k++; k > stop {
				break
			}
		}
		settled(t, before)
	}
	for stop := range 5 {
		ctx, cancel := context.WithCancel(context.Background())
		k := 0
		var last error
		for b, err := range l.Epoch(ctx, 0, 0) {
			if last = err; err != nil {
				continue
			}
			if k++; k > stop {
				cancel()
			}
			b.Release()
		}
		cancel()
		// Batches that were ready may still come.
		if !errors.Is(last, context.Canceled) || k > stop+1+ahead+2 {
			t.Errorf("cancelled after %d batches: %d came, then %v", stop+1, k, last)
		}
		settled(t, before)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := batches(t, l.Epoch(ctx, 0, 0), true); len(got) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before it began: %d batches, %v", len(got), err)
	}
	settled(t, before)
}

// TestAhead: few batches are made ahead while the receiver waits.
func TestAhead(t *testing.T) {
	read := make(chan int, 100000)
	l := loaderOf(marked{n: 10000, bad: func(i int) bool { read <- i; return false }}, 10, 4)
	for range l.Epoch(context.Background(), 0, 0) {
		time.Sleep(50 * time.Millisecond)
		break
	}
	if n := len(read); n > 1+10*(ahead+2) {
		t.Errorf("%d images were read for one batch of 10", n)
	}
}

func TestLoaderErrors(t *testing.T) {
	d := marked{n: 30}
	for want, change := range map[string]func(l *Loader){
		"has only 30; set the batch to 30 or less": func(l *Loader) { l.Batch = 31 },
		"must be at least 1":                       func(l *Loader) { l.Batch = 0 },
		"no recipe":                                func(l *Loader) { l.Recipes = nil },
		"greater than 0":                           func(l *Loader) { l.Normalize.Std = []float32{1, 0, 1} },
		"view 1: recipe op 1 (resize)":             func(l *Loader) { l.Recipes[1] = augment.Recipe{augment.Resize{}} },
	} {
		l := loaderOf(d, 10, 2)
		change(l)
		if got, err := batches(t, l.Epoch(context.Background(), 0, 0), true); err == nil ||
			!strings.Contains(err.Error(), want) || len(got) > 0 {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	l := loaderOf(d, 10, 2)
	if l.Steps() != 3 {
		t.Errorf("%d steps", l.Steps())
	}
	if _, err := batches(t, l.Epoch(context.Background(), 0, 4), true); err == nil ||
		!strings.Contains(err.Error(), "an epoch has 3") {
		t.Errorf("a batch behind the end: %v", err)
	}
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "a.png"), pngOf(t, 1, 4, 4))
	writeFile(t, filepath.Join(root, "b.png"), pngOf(t, 1, 5, 4))
	l = loaderOf(opened(t, root, Options{}), 2, 1)
	if _, err := batches(t, l.Epoch(context.Background(), 0, 0), true); err == nil ||
		!strings.Contains(err.Error(), "fixed size") {
		t.Errorf("views of two sizes: %v", err)
	}
}

func TestQuarantineFile(t *testing.T) {
	list := filepath.Join(t.TempDir(), "quarantine.jsonl")
	d := marked{n: 3000, bad: func(i int) bool { return i%500 == 1 }}
	run := func(epoch, known int) {
		q, err := NewQuarantine(d.n, list)
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		if q.Len() != known {
			t.Errorf("%d bad images known at the start, want %d", q.Len(), known)
		}
		again := 0
		tried := d
		tried.bad = func(i int) bool {
			if q.Has(i) {
				again++
			}
			return d.bad(i)
		}
		l := loaderOf(tried, 100, 1)
		l.Quarantine = q
		if got, err := batches(t, l.Epoch(context.Background(), epoch, 0), true); err != nil || len(got) != 30 {
			t.Fatalf("%d batches, %v", len(got), err)
		}
		if again > 0 {
			t.Errorf("%d images were tried again", again)
		}
		if got := q.list(); len(got) != 6 || got[1] != (BadImage{501, "img501", "broken"}) || !q.Has(501) ||
			q.Has(500) {
			t.Errorf("quarantine %v", got)
		}
	}
	if q, err := NewQuarantine(d.n, list); err != nil || q.Close() != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(list); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a list before there is a bad image: %v", err)
	}
	run(0, 0)
	data, _ := os.ReadFile(list)
	if lines := strings.Split(string(data), "\n"); len(lines) != 7 || !slices.Contains(lines, `{"index":501,"name":"img501","reason":"broken"}`) {
		t.Errorf("the list is %q", data)
	}
	// A line cut by a kill is dropped.
	writeFile(t, list, append(bytes.Clone(data), `{"index":7,"na`...))
	run(1, 6)
	if after, _ := os.ReadFile(list); !bytes.Equal(after, data) {
		t.Errorf("the list became %q", after)
	}
	writeFile(t, list, []byte("{\"index\":3000}\n"))
	if _, err := NewQuarantine(d.n, list); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a list of another data set: %v", err)
	}
}

func TestQuarantineBudget(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		bad  func(i int) bool
		want string
	}{
		{"20 of 100 are few", 100, func(i int) bool { return i%5 == 0 }, ""},
		{"21 of 105 are not", 105, func(i int) bool { return i%5 == 0 },
			"21 of 105 images cannot be read, more than 1 %: img"},
		{"30 of 3000 are 1 %", 3000, func(i int) bool { return i%100 == 0 }, ""},
		{"31 of 3000 are more", 3000, func(i int) bool { return i%97 == 0 }, "of 3000 images cannot be read"},
		{"100 in a row", 100000, func(i int) bool { return i >= 500 && i < 600 }, "in a row"},
		{"99 in a row", 100000, func(i int) bool { return i >= 500 && i < 599 }, ""},
		{"all of a few", 10, func(i int) bool { return true }, "no image can be read"},
	} {
		l := loaderOf(marked{c.n, c.bad}, 5, 3)
		before := runtime.NumGoroutine()
		var last error
		for b, err := range l.Epoch(context.Background(), 0, 0) {
			if last = err; err == nil {
				b.Release()
			}
		}
		if c.want == "" && last != nil || c.want != "" && (last == nil || !strings.Contains(last.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, last)
		}
		settled(t, before)
	}
}

func TestChannelStats(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "a.png"), pngOf(t, 51, 4, 4))    // red 0.2, green 0.8
	writeFile(t, filepath.Join(root, "b.png"), pngOf(t, 153, 20, 30)) // red 0.6, green 0.4
	writeFile(t, filepath.Join(root, "c.png"), []byte("no image"))
	got, err := ChannelStats(context.Background(), opened(t, root, Options{}), 0)
	want := augment.Normalize{Mean: []float32{0.4, 0.6, 7. / 255}, Std: []float32{0.2, 0.2, 1. / 255}}
	for c := range 3 {
		if d := got.Mean[c] - want.Mean[c]; err != nil || d*d > 1e-12 ||
			(got.Std[c]-want.Std[c])*(got.Std[c]-want.Std[c]) > 1e-12 {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
	}
	if _, err := ChannelStats(context.Background(), marked{3, func(int) bool { return true }}, 0); err == nil {
		t.Error("statistics of no image")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ChannelStats(ctx, marked{n: 3}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n, ok := KnownStats(string(KindCIFAR10)); !ok || n.Mean[0] != .4914 {
		t.Errorf("CIFAR-10's statistics are %v", n)
	}
	if _, ok := KnownStats(string(KindFolder)); ok {
		t.Error("a folder has known statistics")
	}
}

// TestStage: a batch has the recipes and the sizes of its stage, whatever is made ahead, and an epoch that starts late
// equals the rest of a whole one.
func TestStage(t *testing.T) {
	ctx := context.Background()
	of := func(side int) []augment.Recipe {
		return []augment.Recipe{{augment.Resize{Size: side, Interpolation: augment.Bilinear}}, {shift{}}}
	}
	small, large := of(1), of(2)
	l := loaderOf(marked{n: 60}, 10, 3)
	l.Recipes = large
	plain, err := batches(t, l.Epoch(ctx, 1, 0), true)
	if err != nil {
		t.Fatal(err)
	}
	l.Stage = func(epoch, batch int) []augment.Recipe {
		if epoch*l.Steps()+batch < 9 { // batch 3 of epoch 1
			return small
		}
		return large
	}
	for _, release := range []bool{false, true} {
		whole, err := batches(t, l.Epoch(ctx, 1, 0), release)
		if err != nil || len(whole) != 6 {
			t.Fatalf("%d batches, %v", len(whole), err)
		}
		for at, b := range whole {
			want := 1
			if at >= 3 {
				want = 2
			}
			if v := b.Views[0]; v.H != want || v.W != 2*want || len(v.Data) != 10*3*2*want*want {
				t.Errorf("batch %d has views of %dx%d in %d numbers, want a side of %d", at, v.W, v.H, len(v.Data),
					want)
			}
		}
		if !same(whole[3:], plain[3:]) {
			t.Error("full-size batches differ from those of a run without stages")
		}
		for from := range 7 {
			if got, err := batches(t, l.Epoch(ctx, 1, from), release); err != nil || !same(got, whole[from:]) {
				t.Errorf("from batch %d: not the tail, %v", from, err)
			}
		}
	}
}
