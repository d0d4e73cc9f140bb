// SPDX-License-Identifier: Apache-2.0

package corrupt

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// striped is the picture of testdata/reference.py.
func striped(side int) *augment.Image {
	img := augment.NewImage(side, side)
	for i := range img.Pix {
		x, y, c := i/3%side, i/3/side, i%3
		img.Pix[i] = uint8((x*7 + y*13 + c*31 + x*y/8) % 256)
	}
	return img
}

// smooth is a picture with large shapes.
func smooth(side int) *augment.Image {
	img := augment.NewImage(side, side)
	for i := range img.Pix {
		x, y, c := float64(i/3%side)/float64(side), float64(i/3/side)/float64(side), float64(i%3)
		img.Pix[i] = uint8(127 + 100*math.Sin(6*x+c)*math.Cos(5*y-c))
	}
	return img
}

func plain(side int, level uint8) *augment.Image {
	img := augment.NewImage(side, side)
	for i := range img.Pix {
		img.Pix[i] = level
	}
	return img
}

func all() []Kind { return append(Kinds(), Extra()...) }

// The kinds without random numbers give the pixels of scikit-image, OpenCV, SciPy and Pillow, to one level: those
// compute in float32 in places.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Side, Strength int
		Kind           Kind
		At, Pixels     []int
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) != 70 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, c := range cases {
		got := Drawn{Corruption{c.Kind, c.Strength}, 1}.Apply(striped(c.Side))
		for i, at := range c.At {
			if d := int(got.Pix[at]) - c.Pixels[i]; d < -1 || d > 1 {
				t.Errorf("%s %d of side %d: pixel %d is %d, want %d", c.Kind, c.Strength, c.Side, at, got.Pix[at],
					c.Pixels[i])
			}
		}
	}
}

// Every kind is a function of image, seed and strength, leaves its input as it is, and changes the image.
func TestDeterministic(t *testing.T) {
	random := map[Kind]bool{GaussianNoise: true, ShotNoise: true, ImpulseNoise: true, SpeckleNoise: true,
		GlassBlur: true, MotionBlur: true, Snow: true, Frost: true, Fog: true, Spatter: true, Elastic: true}
	for _, side := range []int{32, 80} {
		for _, kind := range all() {
			img := smooth(side)
			before := img.Clone()
			d := Drawn{Corruption{kind, 3}, 7}
			a, b := d.Apply(img), d.Apply(img)
			if !bytes.Equal(img.Pix, before.Pix) {
				t.Errorf("%s changes its input", kind)
			}
			if !bytes.Equal(a.Pix, b.Pix) || a.W != side || a.H != side {
				t.Errorf("%s: not the same image twice", kind)
			}
			if bytes.Equal(a.Pix, img.Pix) {
				t.Errorf("%s changes nothing at side %d", kind, side)
			}
			d.Seed++
			if other := d.Apply(img); bytes.Equal(a.Pix, other.Pix) == random[kind] {
				t.Errorf("%s: another seed gives another image: %t", kind, !random[kind])
			}
		}
	}
}

// A stronger corruption changes more, but for elastic_transform and saturate, whose parameters are not ordered so, and
// for frost, which darkens the picture as it covers more of it.
func TestStronger(t *testing.T) {
	for _, side := range []int{32, 80} {
		img := striped(side)
		for i, v := range smooth(side).Pix {
			img.Pix[i] = uint8((3*int(v) + int(img.Pix[i])) / 4)
		}
		for _, kind := range all() {
			var change [Strengths]float64
			for s := range change {
				for seed := range uint64(8) {
					for i, v := range (Drawn{Corruption{kind, s + 1}, seed}.Apply(img)).Pix {
						d := float64(v) - float64(img.Pix[i])
						change[s] += d * d
					}
				}
			}
			ordered := kind != Elastic && kind != Saturate && kind != Frost
			if ordered && change[4] <= 1.2*change[0] {
				t.Errorf("%s at side %d: squared change %v", kind, side, change)
			}
		}
	}
}

// The noises have the moments of their definitions, on plain images.
func TestNoise(t *testing.T) {
	moments := func(kind Kind, strength, side int, level uint8) (mean, deviation, extremes float64) {
		img := Drawn{Corruption{kind, strength}, 3}.Apply(plain(side, level))
		n := float64(len(img.Pix))
		for _, v := range img.Pix {
			mean += float64(v) / 255 / n
			if v == 0 || v == 255 {
				extremes += 1 / n
			}
		}
		for _, v := range img.Pix {
			d := float64(v)/255 - mean
			deviation += d * d / n
		}
		return mean, math.Sqrt(deviation), extremes
	}
	near := func(what string, got, want, by float64) {
		if math.Abs(got-want) > by {
			t.Errorf("%s is %.4f, want %.4f", what, got, want)
		}
	}
	mean, deviation, _ := moments(GaussianNoise, 2, 100, 128)
	near("mean of Gaussian noise", mean, 128./255-0.5/255, 0.003)
	near("deviation of Gaussian noise", deviation, 0.12, 0.003)
	_, deviation, _ = moments(GaussianNoise, 1, 32, 128)
	near("deviation of Gaussian noise, small", deviation, 0.04, 0.003)
	mean, deviation, _ = moments(ShotNoise, 1, 100, 102)
	near("mean of shot noise", mean, 0.4-0.5/255, 0.004)
	near("deviation of shot noise", deviation, math.Sqrt(0.4/60), 0.003)
	_, deviation, _ = moments(SpeckleNoise, 1, 100, 102)
	near("deviation of speckle noise", deviation, 0.4*0.15, 0.003)
	_, _, extremes := moments(ImpulseNoise, 5, 100, 100)
	near("share of impulses", extremes, 0.27, 0.01)
}

// Fog keeps the greatest level or less, and makes dark images brighter; frost and snow make them brighter, too.
func TestWeather(t *testing.T) {
	for _, side := range []int{32, 100} {
		for _, kind := range []Kind{Fog, Frost, Snow} {
			dark := plain(side, 40)
			dark.Pix[0] = 200
			sum, most := 0, uint8(0)
			for _, v := range (Drawn{Corruption{kind, 3}, 5}.Apply(dark)).Pix {
				sum, most = sum+int(v), max(most, v)
			}
			if mean := sum / len(dark.Pix); mean <= 45 {
				t.Errorf("%s at side %d: a mean level of %d, 40 before", kind, side, mean)
			}
			if kind == Fog && most > 200 {
				t.Errorf("fog at side %d: a level of %d, 200 before", side, most)
			}
		}
	}
}

func TestPlasma(t *testing.T) {
	m := plasma(20, 31, 2, setting{Rand: augment.ViewRand(1, 0, 0, 0)})
	if m.w != 20 || m.h != 31 {
		t.Fatalf("%d x %d", m.w, m.h)
	}
	low, high, distinct := 1.0, 0.0, map[float64]bool{}
	for _, v := range m.v {
		low, high, distinct[v] = min(low, v), max(high, v), true
	}
	if low < 0 || high > 1 || high-low < 0.3 || len(distinct) < 600 {
		t.Errorf("from %g to %g, %d values", low, high, len(distinct))
	}
}

func TestValidate(t *testing.T) {
	if len(Kinds()) != 15 || len(all()) != len(corrupt) {
		t.Fatalf("%d kinds, %d in all, %d programs", len(Kinds()), len(all()), len(corrupt))
	}
	for _, c := range []struct {
		Corruption
		want string
	}{
		{Corruption{"rain", 1}, `kind is "rain": it must be one of gaussian_noise, `},
		{Corruption{Fog, 0}, "strength is 0: it must be between 1 and 5"},
		{Corruption{Fog, 6}, "strength is 6"},
	} {
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.Corruption, err)
		}
		img := smooth(16)
		if got := (Drawn{c.Corruption, 1}).Apply(img); !bytes.Equal(got.Pix, img.Pix) {
			t.Errorf("%+v changes the image", c.Corruption)
		}
	}
	if err := (augment.Recipe{Corruption{Fog, 1}}).Validate(); err != nil {
		t.Error(err)
	}
}

// No size of image makes a kind fail.
func FuzzApply(f *testing.F) {
	for i, size := range [][2]uint8{{1, 1}, {1, 9}, {9, 1}, {2, 3}, {33, 70}, {70, 5}} {
		f.Add(size[0], size[1], uint8(i*3), uint8(i))
	}
	f.Fuzz(func(t *testing.T, w, h, kind, strength uint8) {
		img := augment.NewImage(1+int(w)%100, 1+int(h)%100)
		for i := range img.Pix {
			img.Pix[i] = uint8(i * 31)
		}
		kinds := all()
		d := Drawn{Corruption{kinds[int(kind)%len(kinds)], 1 + int(strength)%Strengths}, uint64(w)}
		if got := d.Apply(img); got.W != img.W || got.H != img.H || len(got.Pix) != len(img.Pix) {
			t.Fatalf("%+v makes %d x %d of %d x %d", d, got.W, got.H, img.W, img.H)
		}
	})
}
