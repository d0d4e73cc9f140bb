// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/torch"
)

// in runs f in a scope.
func in(t *testing.T, f func()) {
	t.Helper()
	if err := torch.Scope(func() error { f(); return nil }); err != nil {
		t.Fatal(err)
	}
}

// Draws have the asked number of images of each class, none twice, none without a label, and differ between seeds.
func TestFewShotDraw(t *testing.T) {
	labels := make([]int, 300)
	for i := range labels {
		labels[i] = i%3 - 1
	}
	random := func(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
	for _, c := range []struct {
		fewShot
		each int
	}{{fewShot{shots: 1}, 1}, {fewShot{shots: 100}, 100}, {fewShot{share: 0.1}, 10}, {fewShot{share: 0.001}, 1}} {
		rows, count := c.draw(labels, random(1)), map[int]int{}
		for _, row := range rows {
			count[labels[row]]++
		}
		if len(count) != 2 || count[0] != c.each || count[1] != c.each {
			t.Errorf("%v draws %v of each class, want %d", c.fewShot, count, c.each)
		}
		slices.Sort(rows)
		if len(slices.Compact(rows)) != 2*c.each {
			t.Errorf("%v draws an image twice", c.fewShot)
		}
	}
	if rows := (fewShot{shots: 101}).draw(labels, random(1)); rows != nil {
		t.Errorf("101 of 100 images: %d rows", len(rows))
	}
	five := fewShot{shots: 5}
	if slices.Equal(five.draw(labels, random(1)), five.draw(labels, random(2))) ||
		!slices.Equal(five.draw(labels, random(1)), five.draw(labels, random(1))) {
		t.Error("a draw is not a function of its seed")
	}
}

// The interval of a mean by Student's t: for 1, 2, 3, 4 it is 2.5 ± 3.1824 · 1.29099 / 2, cut off at 1 above.
func TestSpread(t *testing.T) {
	got := spread([]float64{0.1, 0.2, 0.3, 0.4}, -1)
	if half := 3.18245 * 0.129099 / 2; math.Abs(got.Mean-0.25) > 1e-9 || math.Abs(got.Low-(0.25-half)) > 1e-5 ||
		math.Abs(got.High-(0.25+half)) > 1e-5 || got.Number != 4 {
		t.Errorf("%+v", got)
	}
	if cut := spread([]float64{0, 1}, 0); cut.Low != 0 || cut.High != 1 {
		t.Errorf("%+v is not within 0 and 1", cut)
	}
	if spread([]float64{1}, 0) != nil {
		t.Error("one value has a spread")
	}
}

// The rate falls by the decay with each block away from the head, whatever the network names its blocks.
func TestLayerRates(t *testing.T) {
	in(t, func() {
		for name, blocks := range map[string]int{"resnet18": 8, "vit_tiny": 12, "wrn28": 12} {
			params := nn.NewParams(1, torch.F32)
			defer params.Free()
			entry, err := backbone.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			network, err := backbone.Spec{Name: name, Width: 16, Stem: entry.Stem(32), Norm: entry.Norm, Size: 32}.New()
			if err != nil {
				t.Fatal(err)
			}
			network.Build(params.Sub("backbone"))
			p := params.Sub(headName)
			p.Param("weight", nn.Constant(0), 2, 3)
			p.Param("bias", nn.Constant(0), 2)
			scales := map[string]float64{}
			var all []float64
			for _, g := range layerRates(params.Trainable(), 0.5) {
				scales[g.Prefix] = g.Scale
				if !slices.Contains(all, g.Scale) {
					all = append(all, g.Scale)
				}
			}
			first := params.Trainable()[0].Name
			if scales[headName+".weight"] != 1 || scales[headName+".bias"] != 1 {
				t.Errorf("%s: the head's rates are %g and %g", name, scales[headName+".weight"],
					scales[headName+".bias"])
			}
			if least := slices.Min(all); scales[first] != least || len(all) < blocks+2 {
				t.Errorf("%s: %d rates, %g for %s, least %g", name, len(all), scales[first], first, least)
			}
		}
	})
}

// Pixels keep an image's values, colours only how often each comes.
func TestBaselines(t *testing.T) {
	in(t, func() {
		embed := func(n *network, levels ...float32) []float32 {
			params := nn.NewParams(1, torch.F32)
			enc, err := n.build(params)
			if err != nil {
				t.Fatal(err)
			}
			side := pixelSide
			b := eval.Batch{Shape: [4]int{1, 3, side, side}, Labels: []int{0}}
			for i := range 3 * side * side {
				b.Pixels = append(b.Pixels, levels[i%len(levels)])
			}
			rows, _, err := n.run(enc, params, func(yield func(eval.Batch, error) bool) { yield(b, nil) })
			if err != nil {
				t.Fatal(err)
			}
			defer torch.Free(rows)
			return rows.Float32s()
		}
		pixels := embed(pixelFeatures(augment.Normalize{}), 0.25, 0.75)
		if len(pixels) != 768 || pixels[0] != 0.25 || pixels[1] != 0.75 {
			t.Errorf("pixels: %d features that begin %v", len(pixels), pixels[:2])
		}
		// Half of the pixels are black, half are white: the first and the last colour.
		colours := embed(colourFeatures(16), 0, 1)
		for i, v := range colours {
			want := 0.0
			if i == 0 || i == len(colours)-1 {
				want = math.Sqrt(0.5)
			}
			if math.Abs(float64(v)-want) > 1e-6 {
				t.Errorf("share of colour %d is %g, want %g", i, v, want)
			}
		}
	})
}

// What is kept comes back bit for bit; a damaged entry does not, whichever byte is wrong.
func TestCache(t *testing.T) {
	e := &evaluating{Request: &Request{Cache: t.TempDir()}}
	in(t, func() {
		f := &features{rows: torch.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 3, 2), labels: []int{2, -1, 0},
			pixels: probe.Hashed([]uint64{1, math.MaxUint64, 7})}
		e.keep("key", f)
		got := e.cached("key")
		if got == nil || !slices.Equal(got.rows.Float32s(), f.rows.Float32s()) || !slices.Equal(got.labels, f.labels) ||
			!slices.Equal(got.pixels.Hashes(), f.pixels.Hashes()) {
			t.Fatalf("kept %+v, found %+v", f, got)
		}
		torch.Free(got.rows)
		path := filepath.Join(e.Cache, "key"+cacheEnd)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			bad := slices.Clone(whole)
			bad[at] ^= 0x20
			if err := os.WriteFile(path, bad, 0o666); err != nil {
				t.Fatal(err)
			}
			if got := e.cached("key"); got != nil {
				// What the metadata says beside the hash does not count.
				same := slices.Equal(got.rows.Float32s(), f.rows.Float32s()) && slices.Equal(got.labels, f.labels)
				torch.Free(got.rows)
				if !same {
					t.Fatalf("byte %d is wrong, and the entry was taken", at)
				}
			}
		}
		for n := range len(whole) {
			if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
				t.Fatal(err)
			}
			if e.cached("key") != nil {
				t.Fatalf("%d bytes of %d were taken", n, len(whole))
			}
		}
		if e.cached("other") != nil || (&evaluating{Request: &Request{}}).cached("") != nil {
			t.Error("found what was never kept")
		}
	})
}

// The cache forgets what was not used for longest.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		path := filepath.Join(dir, fmt.Sprint(i)+cacheEnd)
		if err := os.WriteFile(path, make([]byte, 100), 0o666); err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(-time.Duration((i*3)%5) * time.Hour)
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "mine"), make([]byte, 1000), 0o666); err != nil {
		t.Fatal(err)
	}
	prune(dir, 250)
	left, err := os.ReadDir(dir)
	var names []string
	for _, item := range left {
		names = append(names, item.Name())
	}
	if want := []string{"0" + cacheEnd, "2" + cacheEnd, "mine"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("left %v (%v), want %v", names, err, want)
	}
}

// The mean corruption error is a mean of ratios of sums, by hand: kinds with errors 3 and 1 of the first network, 2 and
// 4 of the one that it is compared with.
func TestCorruptionError(t *testing.T) {
	e := &evaluating{Request: &Request{Resamples: 100, Seed: 1, Against: []string{"b"}}, report: &Report{}}
	for _, name := range []string{"trained", "untrained", "b"} {
		e.compared = append(e.compared, &embedded{network: &network{name: name}})
	}
	constant := func(v float64) []float64 { return []float64{v, v, v, v} }
	e.corruptionError([][]float64{constant(0.3), constant(0.1), constant(0.5), constant(0.5), constant(0.2),
		constant(0.4)}, 2)
	for i, want := range []float64{(0.3/0.2 + 0.1/0.4) / 2, (0.5/0.2 + 0.5/0.4) / 2, 1} {
		if row := e.report.Rows[i]; math.Abs(row.Value-want) > 1e-9 || row.Name != "mCE over b" {
			t.Errorf("%+v, want %g", row, want)
		}
	}
	e.report.Rows = nil
	e.corruptionError([][]float64{constant(0.3), constant(0.1), constant(1), constant(1), constant(0.2),
		constant(0)}, 2)
	if len(e.report.Rows) != 0 || len(e.report.Notes) != 1 {
		t.Errorf("over no error: %+v", e.report)
	}
}

// Networks that do not see the same images cannot be compared, and a diverged one is named.
func TestNetworkRun(t *testing.T) {
	in(t, func() {
		n := fixed("odd", 16, augment.Normalize{}, 1, func(x torch.Tensor) torch.Tensor {
			return x.Reshape(x.Size(0), -1).Log()
		})
		params := nn.NewParams(1, torch.F32)
		enc, err := n.build(params)
		if err != nil {
			t.Fatal(err)
		}
		b := eval.Batch{Shape: [4]int{1, 3, 1, 1}, Pixels: []float32{-1, 1, 1}, Labels: []int{0}}
		_, _, err = n.run(enc, params, func(yield func(eval.Batch, error) bool) { yield(b, nil) })
		if !errors.Is(err, torch.ErrNonFinite) {
			t.Errorf("features that are not finite: %v", err)
		}
	})
}
