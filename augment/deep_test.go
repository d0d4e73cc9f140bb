// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// apart returns by how much more than a number of levels a deep image of levels and an 8-bit image differ. Levels that
// 8 bits clip must lie beyond their end.
func apart(deep, rgb *augment.Image, levels float64) float64 {
	worst := 0.0
	for i, v := range deep.Deep {
		worst = max(worst, math.Abs(min(max(float64(v)*255, 0), 255)-float64(rgb.Pix[i])))
	}
	return worst - levels
}

// The operations on deep images are those on 8-bit RGB without the rounding.
func TestDeepIsRGBWithoutRounding(t *testing.T) {
	for _, c := range []struct {
		d      augment.Drawn
		levels float64 // for the roundings of all passes
	}{
		{augment.Crop{X: 3, Y: 5, W: 31, H: 22, OutW: 16, OutH: 40, Interpolation: augment.Bilinear}, 1.1},
		{augment.Crop{X: 3, Y: 5, W: 31, H: 22, OutW: 48, OutH: 40, Interpolation: augment.Bicubic}, 1.5},
		{augment.Crop{X: -4, Y: 30, W: 20, H: 20, OutW: 20, OutH: 20, Interpolation: augment.Bilinear}, 0.01},
		{augment.Crop{W: 48, H: 40, OutW: 48, OutH: 11, Interpolation: augment.Bicubic}, 1.1},
		{augment.Crop{W: 48, H: 40, OutW: 13, OutH: 40, Interpolation: augment.Bilinear}, 1.1},
		{augment.Flip{}, 0.01}, {augment.Flip{Vertical: true}, 0.01},
		{augment.BoxBlur{Sigma: 0.7}, 3.1}, {augment.BoxBlur{Sigma: 4}, 3.1}, {augment.BoxBlur{Sigma: 90}, 3.1},
		{augment.GaussianKernel{Kernel: 7, Sigma: 1.4}, 0.51},
		{augment.Brightness{Factor: 0.6}, 1.01}, {augment.Brightness{Factor: 1.4}, 1.01},
		{augment.Inversion{Threshold: 128}, 0.01}, {augment.Inversion{Threshold: 0}, 0.01},
		{augment.Cover{X: 10, Y: -3, W: 20, H: 20, Level: 128}, 0.01},
		{augment.Rotation(20, 48, 40), 0.01}, {augment.AutoContrast{}, 1.01}, {augment.Sharpness{Factor: 0.3}, 1.51},
		{augment.Affine{1, 0.2, -3, 0, 1, 4}, 0.01},
	} {
		rgb := photo(48, 40)
		deep := c.d.Apply(rgb.Deepen())
		want := c.d.Apply(rgb.Clone())
		if deep.W != want.W || deep.H != want.H || deep.C != 3 || deep.Pix != nil {
			t.Fatalf("%T%+v: %d x %d pixels of %d channels", c.d, c.d, deep.W, deep.H, deep.C)
		}
		if over := apart(deep, want, c.levels); over > 0 {
			t.Errorf("%T%+v: %.2f levels apart", c.d, c.d, over+c.levels)
		}
	}
}

// Pillow resizes float32 images, too.
func TestDeepResizeIsPillows(t *testing.T) {
	data, err := os.ReadFile("testdata/deep.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		W, H        int
		Box         [4]int
		Out         [2]int
		By          augment.Interpolation
		Image, Want []float32
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) == 0 {
		t.Fatal(err)
	}
	for _, c := range cases {
		img := &augment.Image{W: c.W, H: c.H, C: 2, Deep: c.Image}
		got := augment.Crop{X: c.Box[0], Y: c.Box[1], W: c.Box[2] - c.Box[0], H: c.Box[3] - c.Box[1], OutW: c.Out[0],
			OutH: c.Out[1], Interpolation: c.By}.Apply(img)
		if len(got.Deep) != len(c.Want) {
			t.Fatalf("%d values, want %d", len(got.Deep), len(c.Want))
		}
		for i, v := range got.Deep {
			if d := math.Abs(float64(v - c.Want[i])); !(d <= 2e-4) { // of values of 300
				t.Fatalf("%+v %s: value %d is %v, Pillow's %v", c.Box, c.By, i, v, c.Want[i])
			}
		}
	}
}

// cube is a deep image whose channel c is the photo's channel c%3 times c+1.
func cube(w, h, c int) *augment.Image {
	p, m := photo(w, h), augment.NewDeep(w, h, c)
	for i := range w * h {
		for k := range c {
			m.Deep[i*c+k] = float32(p.Pix[3*i+k%3]) / 255 * float32(k+1)
		}
	}
	return m
}

// Channels do not mix: an image of one channel gives what that channel gives among others.
func TestChannelsAreIndependent(t *testing.T) {
	const n = 5
	for _, d := range []augment.Drawn{
		augment.Crop{X: 3, Y: 5, W: 31, H: 22, OutW: 16, OutH: 40, Interpolation: augment.Bicubic},
		augment.Crop{X: -3, Y: 5, W: 31, H: 22, OutW: 31, OutH: 22, Interpolation: augment.Bicubic},
		augment.Flip{}, augment.Flip{Vertical: true}, augment.BoxBlur{Sigma: 1}, augment.BoxBlur{Sigma: 7},
		augment.GaussianKernel{Kernel: 5, Sigma: 1}, augment.Brightness{Factor: 0.4}, augment.Contrast{Factor: 1.5},
		augment.Inversion{Threshold: 100}, augment.Rotation(-12, 48, 40), augment.AutoContrast{},
		augment.Posterization{Bits: 4}, augment.Sharpness{Factor: 0.2}, augment.Cover{X: 1, Y: 1, W: 9, H: 9, Level: 9},
		augment.Hue{Shift: 0.2}, augment.Equalization{},
	} {
		img := cube(48, 40, n)
		all := d.Apply(img.Clone())
		for c := range n {
			one := augment.NewDeep(48, 40, 1)
			for i := range one.Deep {
				one.Deep[i] = img.Deep[i*n+c]
			}
			one = d.Apply(one)
			for i, v := range one.Deep {
				if got := all.Deep[i*n+c]; got != v {
					t.Fatalf("%T%+v: channel %d is %v at %d, alone %v", d, d, c, got, i, v)
				}
			}
		}
	}
}

func TestFlatDeepImagesStayFlat(t *testing.T) {
	img := augment.NewDeep(13, 9, 4)
	for i := range img.Deep {
		img.Deep[i] = 273.15
	}
	for _, d := range []augment.Drawn{
		augment.BoxBlur{Sigma: 0.7}, augment.BoxBlur{Sigma: 5}, augment.BoxBlur{Sigma: 1e9},
		augment.GaussianKernel{Kernel: 41, Sigma: 9}, augment.Contrast{Factor: 3}, augment.Saturation{Factor: 3},
		augment.Gray{}, augment.Averaging{}, augment.AutoContrast{},
		augment.Crop{X: 2, Y: 1, W: 9, H: 7, OutW: 13, OutH: 9, Interpolation: augment.Bicubic},
	} {
		got := d.Apply(img.Clone())
		for _, v := range got.Deep {
			if math.Abs(float64(v)-273.15) > 1e-4 {
				t.Errorf("%T%+v changes a flat image of 273.15 to %v", d, d, v)
				break
			}
		}
	}
}

func TestChannelShift(t *testing.T) {
	img := cube(48, 40, 6)
	d := augment.ChannelJitter{P: 1, Brightness: 0.4}.Draw(48, 40, augment.ViewRand(1, 2, 3, 0))
	got, again := d.Apply(img.Clone()), d.Apply(img.Clone())
	if !slices.Equal(got.Deep, again.Deep) {
		t.Error("the same operation gives other values")
	}
	var factors []float64
	for c := range 6 {
		f := float64(got.Deep[c]) / float64(img.Deep[c])
		for i := c; i < len(img.Deep); i += 6 {
			if math.Abs(float64(got.Deep[i])-f*float64(img.Deep[i])) > 1e-5*f*6 {
				t.Fatalf("channel %d is not scaled by one factor", c)
			}
		}
		if f < 0.6-1e-6 || f > 1.4+1e-6 {
			t.Errorf("channel %d has the factor %v", c, f)
		}
		factors = append(factors, f)
	}
	slices.Sort(factors)
	if len(slices.Compact(factors)) != 6 {
		t.Errorf("channels share a factor: %v", factors)
	}

	spread := augment.ChannelShift{Contrast: 0.5, Seed: 7}.Apply(img.Clone())
	for c := range 6 {
		var before, after float64
		for i := c; i < len(img.Deep); i += 6 {
			before, after = before+float64(img.Deep[i]), after+float64(spread.Deep[i])
		}
		if math.Abs(after-before) > 1e-5*before {
			t.Errorf("contrast moves the mean of channel %d from %v to %v", c, before, after)
		}
	}
	if d := (augment.ChannelJitter{P: 1}).Draw(8, 8, augment.ViewRand(1, 0, 0, 0)); d != nil {
		t.Errorf("amounts of 0 draw %+v", d)
	}
}

func TestAveraging(t *testing.T) {
	img := &augment.Image{W: 2, H: 1, C: 4, Deep: []float32{0, 1, 2, 5, -1, 1, 0, 0}}
	if got := (augment.Averaging{}).Apply(img).Deep; !slices.Equal(got, []float32{2, 2, 2, 2, 0, 0, 0, 0}) {
		t.Error(got)
	}
	rgb := &augment.Image{W: 1, H: 1, Pix: []uint8{10, 20, 60}}
	if got := (augment.Averaging{}).Apply(rgb).Pix; !slices.Equal(got, []uint8{30, 30, 30}) {
		t.Error(got)
	}
}

func TestPerChannel(t *testing.T) {
	recipe, changes := augment.PerChannel(augment.Recipe{
		augment.RandomCrop{Size: 8},
		augment.ColorJitter{P: 0.8, Brightness: 0.4, Contrast: 0.3, Saturation: 0.2, Hue: 0.1},
		augment.Grayscale{P: 0.2}, augment.Equalize{P: 0.5}, augment.Solarize{P: 0.2, Threshold: 128},
	})
	want := augment.Recipe{augment.RandomCrop{Size: 8}, augment.ChannelJitter{P: 0.8, Brightness: 0.4, Contrast: 0.3},
		augment.ChannelMean{P: 0.2}, augment.Solarize{P: 0.2, Threshold: 128}}
	if !slices.Equal(recipe, want) {
		t.Errorf("%+v, want %+v", recipe, want)
	}
	if got := strings.Join(changes, ", "); got != "channel_jitter for color_jitter, channel_mean for grayscale, "+
		"without equalize" {
		t.Error(got)
	}
	if err := recipe.Validate(); err != nil {
		t.Error(err)
	}
}

// Every method's recipe makes deep views, whatever the number of channels.
func TestRecipesOfDeepImages(t *testing.T) {
	first, second := augment.BYOLRecipes(40)
	for name, r := range map[string]augment.Recipe{"byol 1": first, "byol 2": second, "eval": augment.EvalRecipe(40),
		"simclr": augment.SimCLRRecipe(40), "strong": strong(40),
		"scan": {augment.Resize{Size: 40, Interpolation: augment.Bilinear}, augment.CenterCrop{Size: 40},
			augment.RandAugment{P: 1, Count: 4, Shear: 0.3, Shift: 0.3}, augment.Cutout{P: 1, Size: 12}},
	} {
		deep, _ := augment.PerChannel(r)
		for i := range 20 {
			img := cube(48, 52, 1+i%5)
			before := img.Clone()
			v := deep.View(img, augment.ViewRand(1, 0, i, 0))
			if err := v.Check(); err != nil || v.W != 40 || v.H != 40 || v.C != img.C {
				t.Fatalf("%s: %d x %d x %d (%v)", name, v.W, v.H, v.C, err)
			}
			if !slices.Equal(img.Deep, before.Deep) {
				t.Fatalf("%s changed the original", name)
			}
			for _, x := range v.Deep {
				if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
					t.Fatalf("%s gives %v", name, x)
				}
			}
		}
	}
}

func TestLevelsAndNormalizeOfDeepImages(t *testing.T) {
	values := []float32{100, -5, 200, 5, 150, 0}
	n := augment.Normalize{Mean: []float32{150, 1}, Std: []float32{50, 2}, Low: []float32{100, -10},
		High: []float32{300, 10}}
	img := &augment.Image{W: 3, H: 1, C: 2, Deep: slices.Clone(values)}
	n.Levels(img)
	if want := []float32{0, 0.25, 0.5, 0.75, 0.25, 0.5}; !slices.Equal(img.Deep, want) {
		t.Errorf("levels %v, want %v", img.Deep, want)
	}
	want := []float32{-1, 1, 0, -3, 2, -0.5} // by planes
	got := make([]float32, 6)
	n.CHW(got, img)
	plain := make([]float32, 6)
	augment.Normalize{Mean: n.Mean, Std: n.Std}.CHW(plain, &augment.Image{W: 3, H: 1, C: 2, Deep: values})
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-6 || plain[i] != want[i] {
			t.Fatalf("%v with levels and %v without, want %v", got, plain, want)
		}
	}
}

func TestShown(t *testing.T) {
	for _, c := range []struct {
		c    int
		deep []float32
		want []uint8
	}{
		{1, []float32{0.5}, []uint8{128, 128, 128}}, {2, []float32{-1, 2}, []uint8{0, 255, 0}},
		{4, []float32{0.2, 0.4, 0.6, 0.8}, []uint8{51, 102, 153}},
		{1, []float32{float32(math.NaN())}, []uint8{0, 0, 0}},
	} {
		if got := (&augment.Image{W: 1, H: 1, C: c.c, Deep: c.deep}).Shown().Pix; !slices.Equal(got, c.want) {
			t.Errorf("%v is shown as %v, want %v", c.deep, got, c.want)
		}
	}
}
