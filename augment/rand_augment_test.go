// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// formula is an image that other programs can make, too.
func formula(w, h int) *augment.Image {
	img := augment.NewImage(w, h)
	for y := range h {
		for x := range w {
			for c := range 3 {
				img.Pix[3*(y*w+x)+c] = uint8((x*x*3+y*y*5+x*y*(c+1)+40*c+(x*7^y*11))/3%200 + 20)
			}
		}
	}
	return img
}

// The checksums are those of Pillow 13.0.0 for formula(32, 32) and formula(41, 29).
func TestTransformationsAreThoseOfPillow(t *testing.T) {
	for _, c := range []struct {
		name string
		op   func(w, h float64) augment.Drawn
		want [2]uint32
	}{
		{"AutoContrast{}", func(w, h float64) augment.Drawn { return augment.AutoContrast{} },
			[2]uint32{0x53806d52, 0x52ed1fee}},
		{"Posterization{Bits: 4}", func(w, h float64) augment.Drawn { return augment.Posterization{Bits: 4} },
			[2]uint32{0xaf324854, 0x6f687923}},
		{"Posterization{Bits: 8}", func(w, h float64) augment.Drawn { return augment.Posterization{Bits: 8} },
			[2]uint32{0xda2f5df0, 0x57b52959}},
		{"Sharpness{Factor: 0.05}", func(w, h float64) augment.Drawn { return augment.Sharpness{Factor: 0.05} },
			[2]uint32{0xfb6d4a2, 0xefc935a5}},
		{"Sharpness{Factor: 0.6}", func(w, h float64) augment.Drawn { return augment.Sharpness{Factor: 0.6} },
			[2]uint32{0x9941e5ff, 0xaaed53e9}},
		{"Sharpness{Factor: 1.8}", func(w, h float64) augment.Drawn { return augment.Sharpness{Factor: 1.8} },
			[2]uint32{0x4630fa9a, 0x6a76271}},
		{"Inversion{Threshold: 77}", func(w, h float64) augment.Drawn { return augment.Inversion{Threshold: 77} },
			[2]uint32{0x88195bf9, 0x4b69d4a9}},
		{"Rotation(-29.3, w, h)", func(w, h float64) augment.Drawn { return augment.Rotation(-29.3, w, h) },
			[2]uint32{0x946cf431, 0x3483b5dd}},
		{"Rotation(12.75, w, h)", func(w, h float64) augment.Drawn { return augment.Rotation(12.75, w, h) },
			[2]uint32{0x3dfc4fed, 0xfb2cfc62}},
		{"Affine{1, 0.27, 0, 0, 1, 0}", func(w,
			h float64) augment.Drawn {
			return augment.Affine{1, 0.27, 0, 0, 1, 0}
		}, [2]uint32{0xfa24df5d, 0xa06677fc}},
		{"Affine{1, 0, 0, -0.13, 1, 0}", func(w,
			h float64) augment.Drawn {
			return augment.Affine{1, 0, 0, -0.13, 1, 0}
		},
			[2]uint32{0x844692db, 0xf7eb1eda}},
		{"Affine{1, 0, -7.3, 0, 1, 0}", func(w,
			h float64) augment.Drawn {
			return augment.Affine{1, 0, -7.3, 0, 1, 0}
		}, [2]uint32{0x21282397, 0x8537a097}},
		{"Affine{1, 0, 0, 0, 1, 5.8}", func(w, h float64) augment.Drawn { return augment.Affine{1, 0, 0, 0, 1, 5.8} },
			[2]uint32{0x22e19300, 0x20a7861b}},
		{"Affine{1, 0, 0, 0, 1, 2.5}", func(w, h float64) augment.Drawn { return augment.Affine{1, 0, 0, 0, 1, 2.5} },
			[2]uint32{0xde20cceb, 0x7da67048}},
	} {
		for i, size := range [][2]int{{32, 32}, {41, 29}} {
			img := formula(size[0], size[1])
			got := c.op(float64(size[0]), float64(size[1])).Apply(img)
			if sum := crc32.ChecksumIEEE(got.Pix); sum != c.want[i] {
				t.Errorf("%s of %v: checksum %#x, want %#x", c.name, size, sum, c.want[i])
			}
		}
	}
}

// Every transformation comes up, and the numbers drawn do not depend on P.
func TestRandAugment(t *testing.T) {
	seen := map[string]int{}
	for i := range 400 {
		for _, p := range []float64{0, 1} {
			r := augment.ViewRand(1, 0, i, 0)
			d := augment.RandAugment{P: p, Count: 4, Shear: 0.3, Shift: 0.3}.Draw(32, 24, r)
			after := r.Uint64()
			if p == 0 {
				other := augment.ViewRand(1, 0, i, 0)
				augment.RandAugment{P: 1, Count: 4, Shear: 0.3, Shift: 0.3}.Draw(32, 24, other)
				if d != nil || other.Uint64() != after {
					t.Fatalf("with P 0: %v, and other numbers are drawn than with P 1", d)
				}
				continue
			}
			drawn, _ := d.(augment.Sequence)
			if len(drawn) > 4 {
				t.Fatalf("%d transformations, want at most 4", len(drawn))
			}
			for _, one := range drawn {
				switch a := one.(type) {
				case augment.Affine:
					kind := "rotation"
					if a.A == 1 {
						kind = strings.Join([]string{sign(a.B), sign(a.C), sign(a.D), sign(a.F)}, "")
					}
					seen[kind]++
				case augment.Posterization:
					if a.Bits < 4 || a.Bits > 8 {
						t.Errorf("%+v", a)
					}
					seen["posterize"]++
				case augment.Inversion:
					if a.Threshold < 0 || a.Threshold > 256 {
						t.Errorf("%+v", a)
					}
					seen["solarize"]++
				case augment.AutoContrast:
					seen["autocontrast"]++
				case augment.Equalization:
					seen["equalize"]++
				case augment.Saturation:
					seen["color"]++
				case augment.Contrast:
					seen["contrast"]++
				case augment.Brightness:
					seen["brightness"]++
				case augment.Sharpness:
					seen["sharpness"]++
				}
			}
		}
	}
	if len(seen) != 13 {
		t.Errorf("%d kinds of transformation came up, want 13 and the identity: %v", len(seen), seen)
	}
	for kind, n := range seen {
		if n < 70 { // of 1600/14
			t.Errorf("%s came up %d times", kind, n)
		}
	}
}

func sign(v float64) string {
	if v == 0 {
		return "0"
	}
	return "x"
}

// The square covers at most Size x Size pixels, wherever it lies, and nothing else changes.
func TestCutout(t *testing.T) {
	whole, cut := 0, 0
	for i := range 200 {
		img := formula(20, 14)
		got := augment.Recipe{augment.Cutout{P: 1, Size: 8, Level: 7}}.View(img, augment.ViewRand(1, 0, i, 0))
		covered := 0
		for k := range img.Pix {
			switch got.Pix[k] {
			case img.Pix[k]:
			case 7:
				covered++
			default:
				t.Fatalf("image %d: byte %d went from %d to %d", i, k, img.Pix[k], got.Pix[k])
			}
		}
		switch {
		case covered == 3*8*8:
			whole++
		case covered >= 3*4*4 && covered < 3*8*8:
			cut++
		default:
			t.Errorf("image %d: %d bytes are covered", i, covered)
		}
	}
	if whole < 40 || cut < 40 {
		t.Errorf("%d squares lie within the image and %d partly outside", whole, cut)
	}
}

// With a smallest side every side up to the largest is drawn, about equally often.
func TestCutoutOfRandomSize(t *testing.T) {
	sides, r := map[int]int{}, rand.New(rand.NewPCG(1, 0))
	for range 4000 {
		c := augment.Cutout{P: 1, Size: 8, MinSize: 1}.Draw(32, 32, r).(augment.Cover)
		if c.W != c.H {
			t.Fatalf("%+v is no square", c)
		}
		sides[c.W]++
	}
	for side := 1; side <= 8; side++ {
		if n := sides[side]; n < 400 || n > 600 {
			t.Errorf("side %d is drawn %d times of 4000, want about 500", side, n)
		}
	}
	if len(sides) != 8 {
		t.Errorf("the sides are %v", sides)
	}
}

// Every place where the crop fits is drawn about equally often; an image that is too small is centred.
func TestRandomCrop(t *testing.T) {
	places, r := map[[2]int]int{}, rand.New(rand.NewPCG(1, 0))
	for range 6000 {
		c := augment.RandomCrop{Size: 4}.Draw(6, 5, r).(augment.Crop)
		places[[2]int{c.X, c.Y}]++
	}
	for x := range 3 {
		for y := range 2 {
			if n := places[[2]int{x, y}]; n < 850 || n > 1150 {
				t.Errorf("the crop at %d, %d is drawn %d times of 6000, want about 1000", x, y, n)
			}
		}
	}
	want := augment.CenterCrop{Size: 9}.Draw(6, 5, nil)
	if got := (augment.RandomCrop{Size: 9}).Draw(6, 5, r); len(places) != 6 || got != want {
		t.Errorf("places %v; of a small image %+v, want %+v", places, got, want)
	}
}

// A random threshold takes every level, and draws equally many numbers whether the op is applied or not.
func TestSolarizeWithRandomThreshold(t *testing.T) {
	levels := map[int]int{}
	r, other := rand.New(rand.NewPCG(1, 0)), rand.New(rand.NewPCG(1, 0))
	for range 20000 {
		op := augment.Solarize{P: 1, Threshold: 256, RandomThreshold: true}
		levels[op.Draw(1, 1, r).(augment.Inversion).Threshold]++
		op.P = 0
		if op.Draw(1, 1, other) != nil {
			t.Fatal("it is applied with probability 0")
		}
	}
	if r.Uint64() != other.Uint64() {
		t.Error("the number of draws depends on the probability")
	}
	if len(levels) != 256 || levels[0] == 0 || levels[255] == 0 {
		t.Errorf("%d thresholds are drawn", len(levels))
	}
}
