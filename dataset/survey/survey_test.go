// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/dataset"
)

// scene is a picture of w x h pixels: blobs of colour, drawn from seed.
func scene(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	var blobs [6][6]float64 // x, y, size, red, green, blue
	for i := range blobs {
		blobs[i] = [6]float64{r.Float64(), r.Float64(), .1 + .3*r.Float64(), r.Float64(), r.Float64(), r.Float64()}
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var c [3]float64
			for _, b := range blobs {
				dx, dy := (float64(x)/float64(w)-b[0])/b[2], (float64(y)/float64(h)-b[1])/b[2]
				for k := range c {
					c[k] += b[3+k] * math.Exp(-dx*dx-dy*dy)
				}
			}
			img.SetRGBA(x, y, color.RGBA{level(c[0]), level(c[1]), level(c[2]), 255})
		}
	}
	return img
}

func level(v float64) uint8 { return uint8(255 * min(1, v)) }

// grey is a picture without colour.
func grey(seed uint64, w, h int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, scene(seed, w, h).At(x, y))
		}
	}
	return img
}

func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t *testing.T, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// surveyed writes files into a folder and surveys all its splits.
func surveyed(t *testing.T, o Options, files map[string][]byte) *Report {
	t.Helper()
	r, err := Survey(t.Context(), o, sources(t, files)...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sources(t *testing.T, files map[string][]byte) []*dataset.Source {
	t.Helper()
	root := t.TempDir()
	for name, data := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := dataset.Open(root, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	all := []*dataset.Source{s}
	for _, split := range s.Splits {
		if split == s.Split {
			continue
		}
		other, err := s.Select(split, "")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, other)
	}
	return all
}

func TestWhatImagesAreLike(t *testing.T) {
	level := image.NewGray(image.Rect(0, 0, 40, 40))
	for i := range level.Pix {
		level.Pix[i] = 51
	}
	r := surveyed(t, Options{Size: 32}, map[string][]byte{
		"a.png": pngOf(t, scene(1, 40, 50)), "b.jpg": jpegOf(t, scene(2, 64, 48), 90),
		"c.png": pngOf(t, grey(3, 36, 36)), "jpeg.png": jpegOf(t, scene(4, 40, 40), 90),
		"thin.png": pngOf(t, scene(5, 160, 40)), "small.png": pngOf(t, scene(6, 31, 60)), "level.png": pngOf(t, level),
		"cut.png": pngOf(t, scene(7, 40, 40))[:60], "empty.jpg": nil, "also-empty.jpg": nil,
	})
	if len(r.Splits) != 1 || len(r.Leaks) != 0 {
		t.Fatalf("%+v", r)
	}
	s := r.Splits[0]
	if s.Images != 10 || s.Read != 10 || !s.Whole() || s.Bad() != 3 || s.Unlabelled != 10 || len(s.Classes) != 0 {
		t.Errorf("counted %+v", s)
	}
	if want := []Tally{{Name: "PNG", Count: 5}, {Name: "JPEG", Count: 2}}; !reflect.DeepEqual(s.Formats, want) {
		t.Errorf("formats %v, want %v by content", s.Formats, want)
	}
	if want := (Sizes{[2]int{36, 36}, [2]int{31, 60}, [2]int{160, 40}, 31. / 60, 4}); s.Sizes != want {
		t.Errorf("sizes %v, want %v", s.Sizes, want)
	}
	for _, c := range []struct {
		what string
		got  Tally
		want []string
	}{
		{"thin", s.Thin, []string{"thin.png"}}, {"small", s.Small, []string{"small.png"}},
		{"constant", s.Constant, []string{"level.png"}},
	} {
		if c.got.Count != len(c.want) || !slices.Equal(c.got.Examples, c.want) {
			t.Errorf("%s: %v, want %s", c.what, c.got, c.want)
		}
	}
	if s.Grey != 2 {
		t.Errorf("%d images are grey, want 2", s.Grey)
	}
	if first := s.Unreadable[0]; len(s.Unreadable) != 2 || first.Count != 2 || first.Examples[0] != "also-empty.jpg" {
		t.Errorf("unreadable %v: want the reasons by their number", s.Unreadable)
	}
}

func TestStatistics(t *testing.T) {
	half := image.NewRGBA(image.Rect(0, 0, 4, 4)) // red: half 0, half 255; green: 51
	for i := 0; i < len(half.Pix); i += 4 {
		half.Pix[i], half.Pix[i+1], half.Pix[i+3] = uint8(255*(i/4%2)), 51, 255
	}
	s := surveyed(t, Options{}, map[string][]byte{"a.png": pngOf(t, half)}).Splits[0]
	if s.Mean != [3]float64{.5, .2, 0} || s.Std[0] != .5 || s.Std[1] > 1e-6 || s.Std[2] != 0 {
		t.Errorf("mean %v, deviation %v", s.Mean, s.Std)
	}
}

func TestCopies(t *testing.T) {
	one, other := scene(1, 96, 64), scene(2, 96, 64)
	r := surveyed(t, Options{}, map[string][]byte{
		"train/a/1.png": pngOf(t, one), "train/a/2.png": pngOf(t, one), "train/b/3.png": pngOf(t, one), // a conflict
		"train/a/4.png": pngOf(t, scene(3, 96, 64)), "train/b/5.jpg": jpegOf(t, scene(3, 96, 64), 60),
		"train/b/6.png": pngOf(t, other), "train/b/7.png": pngOf(t, scene(4, 96, 64)),
		"test/a/1.png": pngOf(t, other), "test/a/2.png": pngOf(t, other), // a conflict across splits
		"test/b/3.jpg": jpegOf(t, scene(4, 96, 64), 50), "test/b/4.png": pngOf(t, scene(5, 96, 64)),
	})
	train, test := r.Splits[0], r.Splits[1]
	if g := train.Copies; g.Groups != 1 || g.Surplus != 2 ||
		!slices.Equal(g.Examples[0], []string{"train/a/1.png", "train/a/2.png", "train/b/3.png"}) {
		t.Errorf("copies in train: %+v", g)
	}
	if g := train.Near; g.Groups != 1 || g.Surplus != 1 ||
		!slices.Equal(g.Examples[0], []string{"train/a/4.png", "train/b/5.jpg"}) {
		t.Errorf("near copies in train: %+v", g)
	}
	if test.Copies.Groups != 1 || test.Near.Groups != 0 {
		t.Errorf("in test: %+v, %+v", test.Copies, test.Near)
	}
	if g := r.Conflicts; g.Groups != 2 {
		t.Errorf("conflicts: %+v", g)
	}
	want := []Leak{{"test", "train", 2, 1, [][2]string{
		{"test/a/1.png", "train/b/6.png"}, {"test/a/2.png", "train/b/6.png"}, {"test/b/3.jpg", "train/b/7.png"},
	}}}
	if !reflect.DeepEqual(r.Leaks, want) {
		t.Errorf("leaks %+v, want %+v", r.Leaks, want)
	}
}

// TestShapesAreNoCopies: simple pictures that differ are not taken for one another.
func TestShapesAreNoCopies(t *testing.T) {
	files := map[string][]byte{}
	for i := range 40 {
		img := image.NewGray(image.Rect(0, 0, 28, 28))
		for k := range 16 {
			for w := range 3 {
				img.SetGray(4+i%20+w+k*(i/20)/8, 6+k, color.Gray{255})
			}
		}
		files[fmt.Sprintf("%02d.png", i)] = pngOf(t, img)
	}
	if s := surveyed(t, Options{}, files).Splits[0]; s.Near.Groups+s.Copies.Groups > 0 {
		t.Errorf("found %+v and %+v", s.Copies, s.Near)
	}
}

func TestClasses(t *testing.T) {
	files := map[string][]byte{}
	for i, name := range []string{"train/a/1", "train/a/2", "train/b/1", "test/a/1", "test/c/1"} {
		files[name+".png"] = pngOf(t, scene(uint64(i), 16, 16))
	}
	r := surveyed(t, Options{}, files)
	for i, want := range []map[string]int{{"a": 2, "b": 1, "c": 0}, {"a": 1, "b": 0, "c": 1}} {
		got := map[string]int{}
		for _, c := range r.Splits[i].Classes {
			got[c.Name] = c.Count
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("classes of %s: %v, want %v", r.Splits[i].Name, got, want)
		}
	}
}

// TestSample reads all of a small split and a part of a large one, the same part each time.
func TestSample(t *testing.T) {
	files := map[string][]byte{}
	for i := range 30 {
		split := "train"
		if i%10 == 0 {
			split = "test"
		}
		files[fmt.Sprintf("%s/%02d.png", split, i)] = pngOf(t, scene(uint64(i), 16+i, 16))
	}
	all := sources(t, files)
	read := func(seed uint64) *Report {
		r, err := Survey(t.Context(), Options{Limit: 13, Seed: seed}, all...)
		if err != nil {
			t.Fatal(err)
		}
		r.Seconds = 0
		return r
	}
	r := read(1)
	if r.Splits[0].Read != 10 || r.Splits[1].Read != 3 || r.Splits[0].Whole() || !r.Splits[1].Whole() {
		t.Errorf("read %d and %d", r.Splits[0].Read, r.Splits[1].Read)
	}
	if !reflect.DeepEqual(r, read(1)) {
		t.Error("the same sample gives another report")
	}
	if reflect.DeepEqual(r, read(2)) {
		t.Error("another seed takes the same sample")
	}
}

// TestEnd: when the time is up there is a report, and when the context ends there is its cause.
func TestEnd(t *testing.T) {
	files := map[string][]byte{}
	for i := range 50 {
		files[fmt.Sprintf("%02d.png", i)] = pngOf(t, scene(uint64(i), 16, 16))
	}
	all := sources(t, files)
	if r, err := Survey(t.Context(), Options{Time: time.Nanosecond}, all...); err != nil || r.Splits[0].Whole() {
		t.Errorf("after no time: %+v, %v", r, err)
	}
	cause := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Survey(ctx, Options{}, all...); !errors.Is(err, cause) {
		t.Errorf("ended with %v", err)
	}
}

// TestCandidates: of random hashes all pairs that differ in few bits are found.
func TestCandidates(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var hashes []uint64
	var order []int
	for i := range 200 {
		h := r.Uint64()
		order = append(order, 2*i, 2*i+1)
		hashes = append(hashes, h)
		for range nearBits {
			h ^= 1 << r.IntN(64)
		}
		hashes = append(hashes, h)
	}
	found := map[[2]int]bool{}
	for a, b := range candidates(order, func(k int) uint64 { return hashes[k] }) {
		found[[2]int{min(a, b), max(a, b)}] = true
	}
	for i := range 200 {
		if !found[[2]int{2 * i, 2*i + 1}] {
			t.Fatalf("missed %x and %x", hashes[2*i], hashes[2*i+1])
		}
	}
}
