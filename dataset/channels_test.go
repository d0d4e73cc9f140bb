// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec/tiff/tifftest"
)

// cubes writes n TIFF files of 5 channels of uint16; of 12 bits, as a camera's. In channel c all values of image i are
// at least 100*c.
func cubes(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	const w, h, c = 10, 8, 5
	for i := range n {
		v := make([]uint16, w*h*c)
		for k := range v {
			v[k] = uint16(100*(k%c) + (37*k+101*i)%1000)
		}
		writeFile(t, filepath.Join(dir, fmt.Sprintf("%03d.tif", i)), tifftest.Uint16(w, h, c, v))
	}
	return dir
}

func openKept(t *testing.T, dir, channels string) *Source {
	t.Helper()
	s, err := Open(dir, Options{Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestDeepStats(t *testing.T) {
	dir := cubes(t, 20)
	writeFile(t, filepath.Join(dir, "odd.tif"), tifftest.Uint16(10, 8, 4, make([]uint16, 320)))
	writeFile(t, filepath.Join(dir, "broken.tif"), []byte("II*\x00"))
	s := openKept(t, dir, ChannelsKeep)
	f, n, err := DeepStats(context.Background(), s, 0)
	if err != nil || f != (augment.Format{Channels: 5, Samples: "uint16"}) {
		t.Fatalf("%v (%v)", f, err)
	}
	for c := range 5 {
		var all []float64 // over all pixels of all images, since they have one size
		for i := range 20 {
			for k := c; k < 400; k += 5 {
				all = append(all, float64(100*c+(37*k+101*i)%1000)/65535)
			}
		}
		mean, squares := 0.0, 0.0
		for _, v := range all {
			mean += v / float64(len(all))
		}
		for _, v := range all {
			squares += (v - mean) * (v - mean) / float64(len(all))
		}
		slices.Sort(all)
		if math.Abs(float64(n.Mean[c])-mean) > 1e-7 || math.Abs(float64(n.Std[c])-math.Sqrt(squares)) > 1e-7 {
			t.Errorf("channel %d: mean %v and deviation %v, want %v and %v", c, n.Mean[c], n.Std[c], mean,
				math.Sqrt(squares))
		}
		if n.Low[c] != float32(all[15]) || n.High[c] != float32(all[1584]) { // of 1600
			t.Errorf("channel %d: from %v to %v, want %v to %v", c, n.Low[c], n.High[c], all[15], all[1584])
		}
	}
}

func TestSpanOf(t *testing.T) {
	sparse := make([]float32, 1000) // as of fluorescence
	sparse[3] = 7
	if low, high := spanOf(sparse); low != 0 || high != 7 {
		t.Errorf("sparse values: %v to %v", low, high)
	}
	if low, high := spanOf([]float32{5, 5, 5}); low != 5 || high != 10 {
		t.Errorf("one value: %v to %v", low, high)
	}
	if low, high := spanOf([]float32{0}); low != 0 || high != 1 {
		t.Errorf("zero: %v to %v", low, high)
	}
}

// The loader makes deep views, and an image that differs is quarantined with the reason.
func TestLoaderOfDeepImages(t *testing.T) {
	dir := cubes(t, 20)
	writeFile(t, filepath.Join(dir, "odd.tif"), tifftest.Uint16(10, 8, 4, make([]uint16, 320)))
	writeFile(t, filepath.Join(dir, "real.tif"), tifftest.Float32(10, 8, 5, make([]float32, 400)))
	s := openKept(t, dir, ChannelsKeep)
	f, n, err := DeepStats(context.Background(), s, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Require(f)
	q, err := NewQuarantine(s.Len(), "")
	if err != nil {
		t.Fatal(err)
	}
	l := &Loader{Data: s, Recipes: []augment.Recipe{augment.EvalRecipe(8), {augment.CenterCrop{Size: 4}}}, Normalize: n,
		Batch: 5, Quarantine: q}
	rows := 0
	for b, err := range l.Sequential(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Views[0].N
		for v, side := range []int{8, 4} {
			px := b.Views[v]
			if px.C != 5 || px.H != side || len(px.Data) != px.N*5*side*side {
				t.Fatalf("view %d: %d x %d x %d x %d", v, px.N, px.C, px.H, px.W)
			}
		}
		if b.Index[0] == 0 { // the middle of image 0 as it is, normalised
			for c := range 5 {
				k := (2*10+3)*5 + c
				v := float64(100*c+37*k%1000) / 65535
				if d := (v-float64(n.Mean[c]))/float64(n.Std[c]) - float64(b.Views[1].Data[c*16]); math.Abs(d) > 1e-4 {
					t.Errorf("channel %d is %v off", c, d)
				}
			}
		}
	}
	if rows != 20 || q.Len() != 2 {
		t.Errorf("%d rows, %d quarantined", rows, q.Len())
	}
	_, err = s.Image(20)
	if err == nil || !strings.Contains(err.Error(), "odd.tif: it has 4 channels of uint16, and the other images have "+
		"5 channels of uint16") {
		t.Error(err)
	}
	if _, err := s.Image(21); err == nil || !strings.Contains(err.Error(), "5 channels of float32, and the other") {
		t.Error(err)
	}
	l.Normalize.Mean = l.Normalize.Mean[:4]
	for _, err := range l.Epoch(context.Background(), 0, 0) {
		if err == nil || !strings.Contains(err.Error(), "statistics of 4 means, 5 deviations") {
			t.Error(err)
		}
	}
}

func TestChannelsOfOtherData(t *testing.T) {
	if _, err := Open("synthetic:10", Options{Channels: ChannelsKeep}); err == nil ||
		!strings.Contains(err.Error(), "channels are kept of image files, and the images of synthetic are of 8 bits") {
		t.Error(err)
	}
	if _, err := Open(cubes(t, 2), Options{Channels: "kept"}); err == nil ||
		!strings.Contains(err.Error(), `the channels are "kept": did you mean keep?`) {
		t.Error(err)
	}
	s := openKept(t, cubes(t, 2), "")
	if _, err := s.Image(0); err == nil || !strings.Contains(err.Error(), "--channels keep") {
		t.Error(err)
	}
	if f, pages, ok := s.Stored(1); !ok || pages != 1 || f != (augment.Format{Channels: 5, Samples: "uint16"}) {
		t.Error(f, pages, ok)
	}
	data, err := os.ReadFile(filepath.Join(cubes(t, 1), "000.tif"))
	if err != nil {
		t.Fatal(err)
	}
	if img, err := DecodeChannels(data, ChannelsKeep, 0); err != nil || img.C != 5 {
		t.Error(img, err)
	}
	if _, err := DecodeChannels(data, "all", 0); err == nil {
		t.Error("unknown channels are decoded")
	}
}
