// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/augment/internal/kernel"
)

// eachSet runs a test with each of the instruction sets.
func eachSet(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	was, err := kernel.InUse()
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Use(was)
	for _, set := range kernel.Available() {
		kernel.Use(set)
		t.Run(set, f)
	}
}

// inGo applies operations one by one, without kernels.
func inGo(img *augment.Image, drawn []augment.Drawn) *augment.Image {
	img = img.Clone()
	for _, d := range drawn {
		img = d.Apply(img)
	}
	return img
}

// operations returns n random operations for an image of w by h pixels. Most of them are of the kinds that kernels do.
func operations(w, h, n int, r *rand.Rand) []augment.Drawn {
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
	var all []augment.Drawn
	for range n {
		var d augment.Drawn
		switch r.IntN(14) {
		case 0:
			d = augment.Brightness{Factor: between(0, 2)}
		case 1:
			d = augment.Contrast{Factor: between(0, 2)}
		case 2:
			d = augment.Saturation{Factor: between(0, 3)}
		case 3:
			d = augment.Hue{Shift: between(-0.5, 0.5)}
		case 4:
			d = augment.Gray{}
		case 5:
			d = augment.Inversion{Threshold: r.IntN(258)}
		case 6, 7:
			d = augment.Flip{Vertical: r.IntN(2) == 0}
		case 8:
			d = augment.BoxBlur{Sigma: between(-0.1, 3)}
		case 9:
			d = augment.Sequence{augment.Gray{}, augment.Flip{}, augment.Posterization{Bits: 1 + r.IntN(8)}}
		case 10:
			d = augment.Cover{X: r.IntN(w), Y: r.IntN(h), W: r.IntN(9), H: r.IntN(9), Level: uint8(r.IntN(256))}
		default:
			by := augment.Bilinear
			if r.IntN(2) == 0 {
				by = augment.Bicubic
			}
			c := augment.Crop{X: r.IntN(w), Y: r.IntN(h), OutW: 1 + r.IntN(70), OutH: 1 + r.IntN(70), Interpolation: by}
			c.W, c.H = 1+r.IntN(w-c.X), 1+r.IntN(h-c.Y)
			switch r.IntN(10) {
			case 0: // beyond the image
				c.X -= 3
				c.W += 5
			case 1:
				c.OutW = c.W
			case 2:
				c.OutH = c.H
			case 3:
				c.OutW, c.OutH = c.W, c.H
			}
			d = c
		}
		all = append(all, d)
		w, h = d.Size(w, h)
	}
	return all
}

// noise returns random pixels, some of them in runs of one colour, or of the extreme levels.
func noise(w, h int, r *rand.Rand) *augment.Image {
	img := augment.NewImage(w, h)
	kind := r.IntN(3)
	for i := range img.Pix {
		switch {
		case kind == 0 && r.IntN(4) > 0 && i >= 3:
			img.Pix[i] = img.Pix[i-3]
		case kind == 1:
			img.Pix[i] = uint8(255 * r.IntN(2))
		default:
			img.Pix[i] = uint8(r.Uint32())
		}
	}
	return img
}

// checkView compares a view, and what is normalised of it, with what Go makes.
func checkView(t *testing.T, img *augment.Image, drawn []augment.Drawn, n augment.Normalize) {
	t.Helper()
	before := img.Clone()
	want, got := inGo(img, drawn), augment.Replay(img, drawn)
	if got.W != want.W || got.H != want.H || !bytes.Equal(got.Pix, want.Pix) {
		i := 0
		for i < len(got.Pix) && i < len(want.Pix) && got.Pix[i] == want.Pix[i] {
			i++
		}
		t.Fatalf("%T%+v of %dx%d: %dx%d, want %dx%d, first different at byte %d", drawn, drawn, img.W, img.H, got.W,
			got.H, want.W, want.H, i)
	}
	area := 3 * want.W * want.H
	plane, wantPlane := make([]float32, area+8), make([]float32, area+8)
	for i := range plane {
		plane[i], wantPlane[i] = 7, 7
	}
	n.View(plane, img, drawn)
	n.CHW(wantPlane, want)
	for i, v := range plane {
		if math.Float32bits(v) != math.Float32bits(wantPlane[i]) {
			t.Fatalf("%+v of %dx%d: value %d of %d is %v, want %v", drawn, img.W, img.H, i, area, v, wantPlane[i])
		}
	}
	if !bytes.Equal(img.Pix, before.Pix) {
		t.Fatalf("%+v changed the image", drawn)
	}
}

var imageNet = augment.Normalize{Mean: []float32{0.485, 0.456, 0.406}, Std: []float32{0.229, 0.224, 0.225}}

func TestKernelsEqualGo(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			img := noise(1+r.IntN(70), 1+r.IntN(70), r)
			checkView(t, img, operations(img.W, img.H, r.IntN(7), r), imageNet)
		}
	})
}

// Every width around the sizes of vectors, in each direction, and sizes that need much memory or many weights.
func TestKernelsAtAnySize(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, by := range []augment.Interpolation{augment.Bilinear, augment.Bicubic} {
			crop := func(w, h, outW, outH int) {
				img := noise(w, h, r)
				c := augment.Crop{W: w, H: h, OutW: outW, OutH: outH, Interpolation: by}
				checkView(t, img, []augment.Drawn{c, augment.Flip{}, augment.BoxBlur{Sigma: 0.7}}, imageNet)
				checkView(t, img, []augment.Drawn{c, augment.BoxBlur{Sigma: 2}, augment.Flip{Vertical: true}}, imageNet)
			}
			for n := 1; n <= 67; n++ {
				crop(n, 3, 33, 5)
				crop(3, n, 5, 33)
				crop(20, 3, n, 2)
				crop(3, 20, 2, n)
			}
			crop(3000, 2, 3, 5)
			crop(2, 3000, 5, 3)
			crop(500, 375, 224, 224)
			crop(200, 700, 224, 224) // columns first
			crop(1, 1, 700, 1)
			crop(5, 4, 1200, 900) // more memory than is kept
		}
	})
}

// TestHueOfAllColours turns every colour, and many colours by every angle.
func TestHueOfAllColours(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		if set, _ := kernel.InUse(); set == kernel.Go {
			t.Skip("there is nothing to compare Go with")
		}
		img := augment.NewImage(256, 256)
		step := 1
		if testing.Short() || underRace {
			step = 15
		}
		for red := 0; red < 256; red += step {
			for i := range 256 * 256 {
				img.Pix[3*i], img.Pix[3*i+1], img.Pix[3*i+2] = uint8(red), uint8(i>>8), uint8(i)
			}
			checkView(t, img, []augment.Drawn{augment.Hue{Shift: float64(red) / 512}}, imageNet)
		}
		r := rand.New(rand.NewPCG(5, 6))
		for shift := -127; shift <= 127; shift++ {
			img := noise(128, 64, r)
			checkView(t, img, []augment.Drawn{augment.Hue{Shift: float64(shift) / 255}}, imageNet)
		}
	})
}

// TestLevels applies factors that are no numbers, or larger than any level, to each pair of levels.
func TestLevels(t *testing.T) {
	img := augment.NewImage(256, 256)
	for i := range 256 * 256 {
		img.Pix[3*i], img.Pix[3*i+1], img.Pix[3*i+2] = uint8(i), uint8(i>>8), uint8(i^i>>8)
	}
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		factors := []float64{0, 1, -1, 0.5, 2, 1e-30, 1e30, -1e30, math.Inf(1), math.Inf(-1), math.NaN(), 255, 1. / 255}
		for range 40 {
			factors = append(factors, r.Float64()*2)
		}
		for _, f := range factors {
			for _, d := range []augment.Drawn{augment.Brightness{Factor: f}, augment.Contrast{Factor: f},
				augment.Saturation{Factor: f}} {
				checkView(t, img, []augment.Drawn{d}, imageNet)
			}
		}
		for _, d := range []augment.Drawn{augment.Gray{}, augment.Inversion{Threshold: -5},
			augment.Inversion{Threshold: 128}, augment.Inversion{Threshold: 1 << 40}} {
			checkView(t, img, []augment.Drawn{d}, imageNet)
		}
	})
}

// TestProductsAreRounded blends with factors for which a product that is not rounded before the sum gives another
// level: the product is all but a whole number, and the sum is small.
func TestProductsAreRounded(t *testing.T) {
	img := augment.NewImage(16, 16)
	for i := range img.Pix {
		img.Pix[i] = uint8(i / 3)
	}
	const mean = 128 // of the luma, as Contrast rounds it
	eachSet(t, func(t *testing.T) {
		for below := 1; below < mean; below++ {
			for level := 1; level < 4; level++ {
				f := float32(mean-level) / float32(below)
				for _, f := range []float32{math.Nextafter32(f, 0), f, math.Nextafter32(f, 1000)} {
					checkView(t, img, []augment.Drawn{augment.Contrast{Factor: float64(f)}}, imageNet)
				}
			}
		}
	})
}

// Any statistics give the same floats, also those for which only division is exact.
func TestNormalizeWithKernels(t *testing.T) {
	img := augment.NewImage(256, 1)
	for i := range img.Pix {
		img.Pix[i] = uint8(i / 3)
	}
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for range 2000 {
			n := augment.Normalize{Mean: make([]float32, 3), Std: make([]float32, 3)}
			for c := range 3 {
				n.Mean[c], n.Std[c] = r.Float32(), r.Float32()+1e-3
				if r.IntN(20) == 0 {
					n.Std[c] = math.Float32frombits(r.Uint32() & 0x7fffffff)
				}
			}
			got, want := make([]float32, 3*256), make([]float32, 3*256)
			n.View(got, img, []augment.Drawn{augment.Flip{}})
			n.CHW(want, augment.Flip{}.Apply(img.Clone()))
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) && got[i] == got[i] {
					t.Fatalf("%+v: level %d of channel %d is %v, want %v", n, 255-i%256, i/256, got[i], want[i])
				}
			}
		}
	})
}

// The recipes' views are Go's.
func TestRecipesWithKernels(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for _, size := range []int{18, 32, 96, 224} {
			first, second := augment.BYOLRecipes(size)
			for _, recipe := range []augment.Recipe{first, second, augment.SimCLRRecipe(size),
				augment.WMSERecipe(size), augment.EvalRecipe(size), augment.MoCoV1Recipe(size), strong(size)} {
				for i := range 10 {
					img := photo(50+31*i, 31+size/2)
					checkView(t, img, recipe.Draw(img.W, img.H, augment.ViewRand(11, 0, i, size)), imageNet)
				}
			}
		}
	})
}

// FuzzKernels compares kernels with Go on operations that are drawn from a seed.
func FuzzKernels(f *testing.F) {
	f.Add(uint8(1), uint8(1), uint64(0), uint8(3))
	f.Add(uint8(33), uint8(16), uint64(5), uint8(6))
	f.Fuzz(func(t *testing.T, w, h uint8, seed uint64, n uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		img := noise(int(w)%100+1, int(h)%100+1, r)
		drawn := operations(img.W, img.H, int(n)%8, r)
		for _, set := range kernel.Available() {
			kernel.Use(set)
			checkView(t, img, drawn, imageNet)
		}
	})
}

// cpu returns the nanoseconds of processor time that this process has used.
func cpu() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return float64(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkOps measures each operation with each instruction set, by itself and normalised; "nothing" is normalised
// only. Processor time is what to compare on a machine that does other work.
func BenchmarkOps(b *testing.B) {
	was, _ := kernel.InUse()
	defer kernel.Use(was)
	for _, size := range [][3]int{{32, 32, 32}, {500, 375, 224}} {
		img := photo(size[0], size[1])
		out := size[2]
		c := augment.Crop{X: size[0] / 8, Y: size[1] / 8, W: size[0] * 3 / 4, H: size[1] * 3 / 4, OutW: out, OutH: out}
		linear, cubic := c, c
		linear.Interpolation, cubic.Interpolation = augment.Bilinear, augment.Bicubic
		square := inGo(img, []augment.Drawn{linear})
		for _, of := range []struct {
			name string
			img  *augment.Image
			op   augment.Drawn
		}{
			{"nothing", square, augment.Sequence{}}, {"bilinear", img, linear}, {"bicubic", img, cubic},
			{"brightness", square, augment.Brightness{Factor: 1.2}},
			{"contrast", square, augment.Contrast{Factor: 1.2}},
			{"saturation", square, augment.Saturation{Factor: 1.2}}, {"hue", square, augment.Hue{Shift: 0.1}},
			{"gray", square, augment.Gray{}}, {"solarize", square, augment.Inversion{Threshold: 128}},
			{"flip", square, augment.Flip{}}, {"pil_blur", square, augment.BoxBlur{Sigma: 1.2}},
		} {
			for _, set := range kernel.Available() {
				b.Run(fmt.Sprintf("%s-%d/%s", of.name, out, set), func(b *testing.B) {
					kernel.Use(set)
					dst, drawn := make([]float32, 3*out*out), []augment.Drawn{of.op}
					n, start := 0, cpu()
					for b.Loop() {
						imageNet.View(dst, of.img, drawn)
						n++
					}
					b.ReportMetric((cpu()-start)/float64(n), "cpu-ns/op")
				})
			}
		}
	}
}
