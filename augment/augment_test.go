// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/augment"
)

// photo returns an image with soft shading, edges and a little noise, as the filters meet them in a photograph.
func photo(w, h int) *augment.Image {
	r := rand.New(rand.NewPCG(1, 2))
	img := augment.NewImage(w, h)
	for y := range h {
		for x := range w {
			block := float64((x/5+y/7)%3) * 40
			for c := range 3 {
				v := 90 + 60*math.Sin(float64(x)/9+float64(c)) + block*float64(c)/2 + 8*r.NormFloat64()
				img.Pix[3*(y*w+x)+c] = uint8(max(0, min(255, v)))
			}
		}
	}
	return img
}

// strong is a recipe in which every op of the package acts.
func strong(size int) augment.Recipe {
	return augment.Recipe{
		augment.Resize{Size: size + 9, Interpolation: augment.Bicubic},
		augment.CenterCrop{Size: size + 4},
		augment.RandomResizedCrop{P: 1, Size: size, Scale: [2]float64{0.2, 1}, Ratio: [2]float64{0.75, 4. / 3},
			Interpolation: augment.Bilinear},
		augment.ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1},
		augment.Grayscale{P: 0.2},
		augment.PILBlur{P: 0.5, Sigma: [2]float64{0.1, 2}},
		augment.GaussianBlur{P: 0.5, Kernel: 5, Sigma: [2]float64{0.1, 2}},
		augment.Solarize{P: 0.2, Threshold: 128},
		augment.Equalize{P: 0.2},
		augment.HorizontalFlip{P: 0.5},
		augment.VerticalFlip{P: 0.5},
		augment.RandomCrop{Size: size},
	}
}

func TestViewDependsOnItsCountersAlone(t *testing.T) {
	img, recipe := photo(48, 40), strong(24)
	view := func(seed uint64, epoch, index, v int) string {
		return string(recipe.View(img, augment.ViewRand(seed, epoch, index, v)).Pix)
	}
	base := view(1, 2, 3, 0)
	if view(1, 2, 3, 0) != base {
		t.Error("the same counters give different pixels")
	}
	for _, other := range []string{view(2, 2, 3, 0), view(1, 3, 3, 0), view(1, 2, 4, 0), view(1, 2, 3, 1),
		view(1, 3, 2, 0), view(1, 2, 0, 3)} {
		if other == base {
			t.Error("different counters give the same pixels")
		}
	}
}

func TestViewsDoNotDependOnWorkers(t *testing.T) {
	const n = 64
	img, recipe := photo(48, 40), strong(24)
	var want, got [n][]uint8
	for i := range n {
		want[i] = recipe.View(img, augment.ViewRand(7, 0, i, 0)).Pix
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := n - 1 - worker; i >= 0; i -= 4 {
				got[i] = recipe.View(img, augment.ViewRand(7, 0, i, 0)).Pix
			}
		})
	}
	wg.Wait()
	if d := cmp.Diff(want, got); d != "" {
		t.Error("views differ with 4 workers:", d)
	}
}

func TestReplayGivesTheSamePixels(t *testing.T) {
	recipe := strong(24)
	for i := range 50 {
		img := photo(20+i, 60-i)
		before := img.Clone()
		drawn := recipe.Draw(img.W, img.H, augment.ViewRand(1, 0, i, 0))
		view := recipe.View(img, augment.ViewRand(1, 0, i, 0))
		for range 2 {
			if !bytes.Equal(augment.Replay(img, drawn).Pix, view.Pix) {
				t.Fatalf("replaying %+v gives other pixels", drawn)
			}
		}
		if !bytes.Equal(img.Pix, before.Pix) {
			t.Fatalf("%+v changed the original", drawn)
		}
	}
}

func TestTurningAnOpOffLeavesTheOthers(t *testing.T) {
	with, without := strong(24), strong(24)
	without[3] = augment.ColorJitter{P: 0, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1}
	jittered := 0
	for i := range 200 {
		var rest []augment.Drawn
		for _, d := range with.Draw(48, 40, augment.ViewRand(1, 0, i, 0)) {
			if _, ok := d.(augment.Sequence); ok {
				jittered++
				continue
			}
			rest = append(rest, d)
		}
		if d := cmp.Diff(rest, without.Draw(48, 40, augment.ViewRand(1, 0, i, 0)),
			cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
			t.Fatal("turning color_jitter off changed what else is drawn:", d)
		}
	}
	if jittered < 130 || jittered > 190 { // binomial, 200 draws of 0.8: 160 ± 5 standard deviations of 5.7
		t.Errorf("color_jitter with p 0.8 was applied %d times in 200", jittered)
	}
}

func TestFlipsAreInvolutions(t *testing.T) {
	for _, flip := range []augment.Flip{{}, {Vertical: true}} {
		for _, size := range [][2]int{{1, 1}, {1, 5}, {5, 1}, {4, 6}, {7, 3}} {
			img := photo(size[0], size[1])
			once := flip.Apply(img.Clone())
			if twice := flip.Apply(once.Clone()); !bytes.Equal(twice.Pix, img.Pix) {
				t.Errorf("%+v twice is not the original at %v", flip, size)
			}
		}
	}
	img := &augment.Image{W: 2, H: 2, Pix: []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
	r := augment.ViewRand(0, 0, 0, 0)
	got := augment.HorizontalFlip{P: 1}.Draw(2, 2, r).Apply(img.Clone())
	if !bytes.Equal(got.Pix, []uint8{4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9}) {
		t.Error("horizontal flip:", got.Pix)
	}
	got = augment.VerticalFlip{P: 1}.Draw(2, 2, r).Apply(img.Clone())
	if !bytes.Equal(got.Pix, []uint8{7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6}) {
		t.Error("vertical flip:", got.Pix)
	}
}

func TestFlatImagesStayFlat(t *testing.T) {
	img := augment.NewImage(13, 9)
	for i := range img.Pix {
		img.Pix[i] = 200
	}
	for _, d := range []augment.Drawn{
		augment.BoxBlur{Sigma: 0.7}, augment.BoxBlur{Sigma: 5}, augment.BoxBlur{Sigma: 1e9},
		augment.GaussianKernel{Kernel: 5, Sigma: 1},
		augment.GaussianKernel{Kernel: 41, Sigma: 9}, augment.Contrast{Factor: 3}, augment.Saturation{Factor: 3},
		augment.Hue{Shift: 0.3},
		augment.Gray{}, augment.Equalization{},
		augment.Crop{X: 2, Y: 1, W: 9, H: 7, OutW: 13, OutH: 9, Interpolation: augment.Bicubic},
	} {
		if got := d.Apply(img.Clone()); !bytes.Equal(got.Pix, img.Pix) {
			t.Errorf("%T%+v changes a flat grey image: %v", d, d, got.Pix[:6])
		}
	}
}

// TestRandomResizedCropBoxes checks the distribution of the boxes: inside the image, ratios and areas in range and
// spread over it.
func TestRandomResizedCropBoxes(t *testing.T) {
	op := augment.RandomResizedCrop{P: 1, Size: 32, Scale: [2]float64{0.08, 0.6}, Ratio: [2]float64{0.75, 4. / 3},
		Interpolation: augment.Bilinear}
	const w, h, n = 400, 400, 4000
	meanArea, meanLogRatio := 0.0, 0.0
	for i := range n {
		c := op.Draw(w, h, augment.ViewRand(3, 0, i, 0)).(augment.Crop)
		if c.X < 0 || c.Y < 0 || c.X+c.W > w || c.Y+c.H > h || c.OutW != 32 || c.OutH != 32 {
			t.Fatalf("box out of the image: %+v", c)
		}
		area, ratio := float64(c.W*c.H)/(w*h), float64(c.W)/float64(c.H)
		if area < 0.078 || area > 0.605 || ratio < 0.74 || ratio > 1.35 {
			t.Fatalf("area %v or ratio %v out of range: %+v", area, ratio, c)
		}
		meanArea += area / n
		meanLogRatio += math.Log(ratio) / n
	}
	// Boxes of up to 0.75 of a square always fit, so the mean of U[0.08, 0.6] is kept: 0.34, with a standard error of
	// 0.0024.
	if math.Abs(meanArea-0.34) > 0.012 || math.Abs(meanLogRatio) > 0.015 {
		t.Errorf("mean area %v, mean log ratio %v", meanArea, meanLogRatio)
	}

	for _, size := range [][2]int{{1, 1}, {1, 50}, {500, 2}, {3, 1}} { // too long for any ratio: the central box
		c := op.Draw(size[0], size[1], augment.ViewRand(3, 0, 0, 0)).(augment.Crop)
		if c.X < 0 || c.Y < 0 || c.W < 1 || c.H < 1 || c.X+c.W > size[0] || c.Y+c.H > size[1] {
			t.Errorf("box in an image of %v: %+v", size, c)
		}
	}
	op.P = 0
	if c := op.Draw(w, h, augment.ViewRand(3, 0, 0, 0)); c != (augment.Crop{W: w, H: h, OutW: 32, OutH: 32,
		Interpolation: augment.Bilinear}) {
		t.Errorf("with p 0 the whole image should be resized, not %+v", c)
	}
}

func TestResizeAndCenterCropSizes(t *testing.T) {
	for _, c := range []struct{ w, h, size, outW, outH int }{
		{500, 375, 256, 341, 256}, {375, 500, 256, 256, 341}, {32, 32, 32, 32, 32}, {1, 7, 3, 3, 21}, {10, 3, 2, 6, 2},
	} {
		d := augment.Resize{Size: c.size, Interpolation: augment.Bilinear}.Draw(c.w, c.h, nil)
		if w, h := d.Size(c.w, c.h); w != c.outW || h != c.outH {
			t.Errorf("resize %d of %dx%d: %dx%d, want %dx%d", c.size, c.w, c.h, w, h, c.outW, c.outH)
		}
	}
	img := &augment.Image{W: 1, H: 2, Pix: []uint8{1, 2, 3, 4, 5, 6}}
	got := augment.CenterCrop{Size: 2}.Draw(1, 2, nil).Apply(img)
	if want := []uint8{1, 2, 3, 0, 0, 0, 4, 5, 6, 0, 0, 0}; !bytes.Equal(got.Pix, want) {
		t.Errorf("centre crop of a smaller image is %v, want %v", got.Pix, want)
	}
}

func TestNormalize(t *testing.T) {
	img := &augment.Image{W: 2, H: 1, Pix: []uint8{0, 51, 255, 255, 102, 0}}
	got := make([]float32, 6)
	augment.Normalize{Mean: []float32{0, 0.2, 1}, Std: []float32{1, 0.5, 2}}.CHW(got, img)
	if d := cmp.Diff([]float32{0, 1, 0, 0.4, 0, -0.5}, got,
		cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-7 })); d != "" {
		t.Error(d)
	}
}

// TestOps checks the list from which configuration is decoded: one entry per op, named as the type is.
func TestOps(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range augment.Ops() {
		name := op.Name()
		if seen[name] {
			t.Errorf("%s is listed twice", name)
		}
		seen[name] = true
		typ := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", op), "augment."))
		if strings.ReplaceAll(name, "_", "") != typ {
			t.Errorf("%T is named %q", op, name)
		}
		if _, ok := op.(augment.Validator); !ok {
			t.Errorf("%s cannot be validated", name)
		}
		if d := op.Draw(8, 8, augment.ViewRand(0, 0, 0, 0)); d != nil {
			if got := d.Apply(photo(8, 8)); got == nil || len(got.Pix) != 3*got.W*got.H {
				t.Errorf("the zero %s gives a broken image", name)
			}
		}
	}
	for _, op := range strong(8) {
		if !seen[op.Name()] {
			t.Errorf("%s is missing", op.Name())
		}
	}
}

func TestValidate(t *testing.T) {
	good := augment.RandomResizedCrop{P: 1, Size: 8, Scale: [2]float64{0.1, 1}, Ratio: [2]float64{1, 1},
		Interpolation: augment.Bilinear}
	size, scale, ratio, by := good, good, good, good
	size.Size, scale.Scale, ratio.Ratio, by.Interpolation = 0, [2]float64{0.5, 0.2}, [2]float64{0, 1}, "cubic"
	for _, c := range []struct {
		op   augment.Validator
		want string // how the message begins; empty if the op is good
	}{
		{good, ""},
		{size, "size is 0"},
		{scale, "scale is [0.5, 0.2]"},
		{ratio, "ratio is [0, 1]"},
		{by, `interpolation is "cubic"`},
		{augment.HorizontalFlip{P: 1.5}, "p is 1.5"},
		{augment.VerticalFlip{P: -1}, "p is -1"},
		{augment.Grayscale{P: math.NaN()}, "p is NaN"},
		{augment.Equalize{P: 2}, "p is 2"},
		{augment.ColorJitter{Hue: 0.6}, "hue is 0.6"},
		{augment.ColorJitter{Saturation: -0.1}, "saturation is -0.1"},
		{augment.ColorJitter{Brightness: math.Inf(1)}, "brightness is +Inf"},
		{augment.ColorJitter{Contrast: -3}, "contrast is -3"},
		{augment.PILBlur{Sigma: [2]float64{-1, 2}}, "sigma is [-1, 2]"},
		{augment.PILBlur{Sigma: [2]float64{0, 2}}, ""},
		{augment.GaussianBlur{Kernel: 4, Sigma: [2]float64{0.1, 2}}, "kernel is 4"},
		{augment.GaussianBlur{Kernel: 3, Sigma: [2]float64{0, 2}}, "sigma is [0, 2]"},
		{augment.Solarize{P: 0.1, Threshold: 300}, "threshold is 300"},
		{augment.Resize{Size: 1 << 20, Interpolation: augment.Bicubic}, "size is 1048576"},
		{augment.CenterCrop{}, "size is 0"},
		{augment.RandomCrop{}, "size is 0"},
		{augment.Cutout{P: 1, Size: 4, MinSize: 5}, "min_size is 5"},
		{augment.RandAugment{P: 1, Count: 1, Shear: 2}, "shear is 2"},
		{augment.RandAugment{P: 1, Count: 1, Shift: -1}, "shift is -1"},
	} {
		err := c.op.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%T%+v: %v, want %q", c.op, c.op, err, c.want)
		}
	}
	err := augment.Recipe{augment.Grayscale{}, augment.HorizontalFlip{P: 3}}.Validate()
	if err == nil || !strings.HasPrefix(err.Error(), "recipe op 2 (horizontal_flip): p is 3") {
		t.Error("the recipe's error is:", err)
	}
}

// SimCLR's colours change less in small views (appendix B.9); SwAV's small crops are no small images.
func TestColoursOfSmallViews(t *testing.T) {
	full := augment.ColorJitter{P: 0.8, Brightness: 0.8, Contrast: 0.8, Saturation: 0.8, Hue: 0.2}
	half := augment.ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1}
	swav := augment.SwAVRecipe(32, [2]float64{0.05, 0.14})
	for size, want := range map[int]augment.ColorJitter{32: half, 33: full, 224: full} {
		if got := augment.SimCLRRecipe(size)[1]; got != want {
			t.Errorf("at %d px the colours are %+v, want %+v", size, got, want)
		}
	}
	if swav[1] != full {
		t.Errorf("SwAV's colours are %+v, want %+v", swav[1], full)
	}
}

func TestRecipes(t *testing.T) {
	for _, size := range []int{1, 18, 32, 96, 224} {
		first, second := augment.BYOLRecipes(size)
		student, teacher := augment.ReSSLRecipes(size)
		for name, recipe := range map[string]augment.Recipe{
			"simclr": augment.SimCLRRecipe(size), "mocov2": augment.MoCoV2Recipe(size),
			"simsiam": augment.SimSiamRecipe(size),
			"mocov1":  augment.MoCoV1Recipe(size), "ressl strong": student, "ressl weak": teacher,
			"byol 1": first, "byol 2": second, "eval": augment.EvalRecipe(size), "strong": strong(size),
		} {
			if err := recipe.Validate(); err != nil {
				t.Errorf("%s at %d: %v", name, size, err)
			}
			if v := recipe.View(photo(50, 31), augment.ViewRand(1, 0, 0, 0)); v.W != size || v.H != size {
				t.Errorf("%s at %d gives %dx%d", name, size, v.W, v.H)
			}
			for _, op := range recipe {
				if blur, ok := op.(augment.PILBlur); ok && name != "strong" && (blur.P == 0) != (size <= 32) {
					t.Errorf("%s at %d: blur has p %v", name, size, blur.P)
				}
			}
		}
	}
}
