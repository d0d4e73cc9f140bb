// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

const side = 16 // side of the test encoder's images

// written is the metadata of the test encoder's file.
func written() map[string]string {
	return map[string]string{
		"format": "pt", "architecture": "resnet8", "width": "4", "stem": "small", "norm": "batch",
		"features": "16", "size": fmt.Sprint(side),
		"method": "simclr", "mean": fmt.Sprint([3]float64{0.5, 0.25, 0.125}),
		"std": fmt.Sprint([3]float64{0.2, 0.3, 0.1}),
	}
}

// network makes the test encoder's network with weights and statistics that are not those of a new one.
func network(p *nn.Params) parallax.Encoder {
	body, err := backbone.New("resnet8", 4, backbone.Small)
	if err != nil {
		torch.Fail("network", "%v", err)
	}
	enc := parallax.Encoder{Backbone: body.Build(p), Params: p, Features: body.Features()}
	r := rand.New(rand.NewPCG(5, 6))
	values := make([]float32, 8*3*side*side)
	for i := range values {
		values[i] = float32(r.NormFloat64() + 0.3)
	}
	// Move the running statistics.
	torch.NoGrad(func() { enc.Backbone.Forward(torch.FromFloat32(values, 8, 3, side, side)) })
	return enc
}

// write writes the test encoder into a file.
func write(t testing.TB, change func(metadata map[string]string)) string {
	t.Helper()
	var file bytes.Buffer
	if err := torch.Scope(func() error {
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		network(p)
		metadata := written()
		if change != nil {
			change(metadata)
		}
		return nn.WriteStates(&file, p.State(), metadata)
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), run.EncoderFile)
	if err := os.WriteFile(path, file.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens the test encoder, closes it at the end of the test, and checks that nothing is left of it.
func open(t testing.TB, options ...Option) *Encoder {
	t.Helper()
	path := write(t, nil)
	before, routines := live(t), runtime.NumGoroutine()
	e, err := Open(path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if after := live(t); after != before {
			t.Errorf("%d tensors before, %d after", before, after)
		}
		deadline := time.Now().Add(10 * time.Second)
		for ; runtime.NumGoroutine() > routines; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%d goroutines before, %d after", routines, runtime.NumGoroutine())
				break
			}
		}
	})
	return e
}

func live(t testing.TB) (n int) {
	t.Helper()
	if err := torch.Scope(func() error { n = torch.Live(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// images draws n images, none of which has the network's size.
func images(n int) []*augment.Image {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]*augment.Image, n)
	for i := range out {
		out[i] = augment.NewImage(12+r.IntN(20), 12+r.IntN(20))
		for j := range out[i].Pix {
			out[i].Pix[j] = uint8(r.Uint32())
		}
	}
	return out
}

// evaluated returns what eval.Embed computes for images, in batches of n.
func evaluated(t *testing.T, images []*augment.Image, n int) [][]float32 {
	t.Helper()
	recipe := augment.EvalRecipe(side)
	normalize := augment.Normalize{Mean: []float32{0.5, 0.25, 0.125}, Std: []float32{0.2, 0.3, 0.1}}
	var batches iter.Seq2[eval.Batch, error] = func(yield func(eval.Batch, error) bool) {
		for part := range slices.Chunk(images, n) {
			b := eval.Batch{Pixels: make([]float32, len(part)*3*side*side), Shape: [4]int{len(part), 3, side, side},
				Labels: make([]int, len(part))}
			for i, m := range part {
				normalize.CHW(b.Pixels[i*3*side*side:], recipe.View(m, nil))
			}
			if !yield(b, nil) {
				return
			}
		}
	}
	var rows [][]float32
	if err := torch.Scope(func() error {
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		f, err := eval.Embed(network(p), p, false, batches)
		if err != nil {
			return err
		}
		defer f.Free()
		for row := range slices.Chunk(f.H.Float32s(), f.H.Size(1)) {
			rows = append(rows, row)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

func equal(a, b [][]float32) bool {
	return slices.EqualFunc(a, b, func(a, b []float32) bool { return slices.Equal(a, b) })
}

// near reports whether rows are equal except in the last bits, which depend on the batch.
func near(a, b [][]float32) bool {
	return slices.EqualFunc(a, b, func(a, b []float32) bool {
		return slices.EqualFunc(a, b, func(a, b float32) bool {
			return math.Abs(float64(a-b)) <= 1e-4*(1+math.Abs(float64(b)))
		})
	})
}

// The features are bit-identical to those of the evaluation.
func TestEmbed(t *testing.T) {
	const batch = 4
	e := open(t, BatchSize(batch))
	for _, n := range []int{1, 3, 4, 11} {
		all := images(n)
		want := evaluated(t, all, batch)
		got, err := e.Embed(context.Background(), all)
		if err != nil {
			t.Fatal(err)
		}
		if !equal(got, want) {
			t.Errorf("%d images: the features are not those of eval.Embed", n)
		}
		if fmt.Sprint(all[0].Pix) != fmt.Sprint(images(n)[0].Pix) {
			t.Error("an image was changed")
		}
	}
	if e.Features() != 16 || e.Size() != side {
		t.Errorf("%d features, size %d", e.Features(), e.Size())
	}
	want := Description{
		Path: e.about.Path,
		Encoder: checkpoint.Encoder{Architecture: "resnet8", Width: 4, Stem: "small", Norm: "batch", Features: 16,
			Size: side, Method: "simclr",
			Mean: []float64{0.5, 0.25, 0.125}, Std: []float64{0.2, 0.3, 0.1}},
	}
	if got := e.Describe(); !cmp.Equal(got, want) || filepath.Base(got.Path) != run.EncoderFile {
		t.Errorf("described as %+v, want %+v", got, want)
	}
}

// Inside a Scope the caller is on libtorch's thread.
func TestEmbedInScope(t *testing.T) {
	e := open(t, BatchSize(2))
	all := images(5)
	want, err := e.Embed(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	if err := torch.Scope(func() error {
		got, err := e.Embed(context.Background(), all)
		if err == nil && !equal(got, want) {
			t.Error("inside a scope the features are others")
		}
		return errors.Join(err, e.Close())
	}); err != nil {
		t.Error(err)
	}
}

// Many callers get the rows of their own images, whatever batches their requests were merged into.
func TestManyCallers(t *testing.T) {
	e := open(t, BatchSize(8))
	all := images(40)
	want := evaluated(t, all, 8)
	var callers sync.WaitGroup
	for c := range 24 {
		callers.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(c)))
			for range 5 {
				from := r.IntN(len(all))
				to := from + 1 + r.IntN(len(all)-from)
				got, err := e.Embed(context.Background(), all[from:to])
				if err != nil {
					t.Error(err)
				} else if !near(got, want[from:to]) {
					t.Errorf("caller %d got other rows than those of images %d to %d", c, from, to)
				}
			}
		})
	}
	callers.Wait()
}

// Requests that wait while libtorch is busy go through the network together.
func TestMerging(t *testing.T) {
	e := open(t, BatchSize(8))
	pending := make([]*request, 0, 6)
	for i, n := range []int{3, 4, 2, 8, 1, 1} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r, err := e.prepare(ctx, images(n))
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			cancel() // the caller gives up
		}
		pending = append(pending, r)
	}
	e.waiting = slices.Clone(pending)
	var sizes []int
	for batch := e.take(); batch != nil; batch = e.take() {
		n := 0
		for _, r := range batch {
			n += r.images
		}
		sizes = append(sizes, n)
		e.answer(batch)
	}
	if !slices.Equal(sizes, []int{5, 8, 2}) {
		t.Errorf("batches of %v images, want 5, 8 and 2", sizes)
	}
	for i, r := range pending {
		if i != 1 && (r.wait() != nil || len(r.features) != r.images*e.Features()) {
			t.Errorf("request %d has %d features", i, len(r.features))
		}
	}
}

func TestCancelled(t *testing.T) {
	e := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Embed(ctx, images(2)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	// While another holds libtorch's thread, a deadline is still kept.
	held, release := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		if err := torch.Scope(func() error { close(held); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.Embed(ctx, images(2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the deadline", err)
	}
	close(release)
	holder.Wait()
	if _, err := e.Embed(context.Background(), images(2)); err != nil {
		t.Errorf("after a request that was given up: %v", err)
	}
}

func TestClose(t *testing.T) {
	e := open(t, BatchSize(2))
	begun := make(chan struct{}, 100)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for {
				rows, err := e.Embed(context.Background(), images(5))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil || len(rows) != 5 {
					t.Errorf("%d rows, error %v, while another closes", len(rows), err)
					return
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	<-begun
	for range 3 {
		callers.Go(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if _, err := e.Embed(context.Background(), images(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestEmbedErrors(t *testing.T) {
	e := open(t)
	for want, all := range map[string][]*augment.Image{
		"there are no images": nil,
		"image 1 is nil":      {augment.NewImage(3, 3), nil},
		"image 0 has 5 bytes": {{W: 2, H: 1, Pix: make([]uint8, 5)}},
		"0 x 4 pixels":        {augment.NewImage(0, 4)},
	} {
		if _, err := e.Embed(context.Background(), all); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", err, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	set := func(key, value string) string { return write(t, func(m map[string]string) { m[key] = value }) }
	text, err := os.ReadFile(write(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "half.safetensors")
	unfinished := filepath.Join(dir, "unfinished")
	if err := errors.Join(os.WriteFile(half, text[:len(text)/2], 0o666), os.Mkdir(unfinished, 0o777),
		os.WriteFile(filepath.Join(unfinished, run.ConfigFile), []byte("method: {name: simclr}\n"),
			0o666)); err != nil {
		t.Fatal(err)
	}
	before := live(t)
	for path, want := range map[string]string{
		filepath.Join(dir, "none"):      "no such directory or file",
		dir:                             "not a run directory",
		unfinished:                      "it lacks",
		half:                            "half.safetensors",
		set("architecture", "resnet88"): `"resnet8"?`,
		set("architecture", ""):         "does not name the network",
		set("architecture", "resnet18"): "16 features, but resnet18 of width 4 has 32",
		set("width", "8"):               "32",
		set("width", "a few"):           `width "a few"`,
		set("size", "0"):                `size "0"`,
		set("features", "17"):           "17 features",
		set("norm", "loud"):             "loud",
		set("stem", "round"):            "round",
		set("mean", "[1 2]"):            `mean "[1 2]"`,
		set("std", "[1 0 1]"):           `std "[1 0 1]"`,
		set("norm", "group"):            "do not fit",
	} {
		e, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", path, err, want)
		}
		if e != nil {
			t.Errorf("%s: an encoder beside an error", path)
		}
	}
	if _, err := Open(write(t, nil), BatchSize(0)); err == nil {
		t.Error("a batch size of 0 is accepted")
	}
	if after := live(t); after != before {
		t.Errorf("%d tensors before, %d after", before, after)
	}
}
