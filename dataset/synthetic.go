// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/parallax-ssl/parallax/augment"
)

// Factors say what a synthetic image shows: indices into the values of SyntheticFactors. The label is the shape. Size,
// rotation, shades and phases also vary, within each value.
type Factors struct {
	Shape, Colour, Texture, Position, Background int
}

// A Factor is one property of synthetic images and the names of its values.
type Factor struct {
	Name   string
	Values []string
}

// SyntheticFactors lists the factors in the order of the fields of Factors. They are drawn independently of each other,
// and every value of a factor is equally likely.
func SyntheticFactors() []Factor {
	return []Factor{
		{"shape", strings.Fields("arrow circle crescent cross heart hourglass ring square star triangle")},
		{"colour", strings.Fields("red orange yellow green cyan blue purple pink")},
		{"texture", strings.Fields("plain stripes checks dots")},
		{"position", strings.Fields("top-left top top-right left centre right bottom-left bottom bottom-right")},
		{"background", strings.Fields("flat gradient clouds stripes")},
	}
}

// Factors returns the factors of image i, and false for a source that is not synthetic.
func (s *Source) Factors(i int) (Factors, bool) {
	if s.factors == nil {
		return Factors{}, false
	}
	return s.factors(i), true
}

const (
	syntheticTrain = 5000
	syntheticMost  = 10_000_000
	syntheticKept  = 64 << 20 // bytes of drawn pixels that are kept in memory
	// The test images continue the sequence of the training images far beyond its end, so that no number of training
	// images reaches them.
	syntheticTest = 1 << 32
)

func openSynthetic(name string, o Options) (*whole, error) {
	n := syntheticTrain
	if _, count, ok := strings.Cut(name, ":"); ok {
		var err error
		if n, err = strconv.Atoi(count); err != nil || n < 1 || n > syntheticMost {
			return nil, fmt.Errorf("%q is not a number of images from 1 to %d: write synthetic or synthetic:N", count,
				syntheticMost)
		}
	}
	if o.Size < 8 || o.Size > 512 {
		return nil, fmt.Errorf("synthetic images of %d pixels: the side must be from 8 to 512", o.Size)
	}
	w := &whole{
		kind:     KindSynthetic,
		classes:  SyntheticFactors()[0].Values,
		close:    func() error { return nil },
		identity: fmt.Appendf(nil, "drawing 1, seed %d, side %d", o.Seed, o.Size),
	}
	var keys []uint64
	add := func(split string, first uint64, n int) {
		for i := range n {
			key := first + uint64(i)
			rel := fmt.Sprintf("%05d", i)
			keys = append(keys, key)
			w.items = append(w.items, item{
				name: split + "/" + rel, split: split, rel: rel, size: int64(3 * o.Size * o.Size),
				label: newDrawing(o.Seed, key).Shape,
			})
		}
	}
	add(SplitTrain, 0, n)
	add(SplitTest, syntheticTest, max(1, n/5))
	w.image = func(i int) (*augment.Image, error) { return newDrawing(o.Seed, keys[i]).draw(o.Size), nil }
	if len(keys)*3*o.Size*o.Size <= syntheticKept {
		w.image = kept(len(keys), w.image)
	}
	w.factors = func(i int) Factors { return newDrawing(o.Seed, keys[i]).Factors }
	return w, nil
}

// kept draws every image once and hands out copies: drawing costs ten times as much as augmenting.
func kept(n int, draw func(i int) (*augment.Image, error)) func(i int) (*augment.Image, error) {
	drawn := make([]atomic.Pointer[augment.Image], n)
	return func(i int) (*augment.Image, error) {
		img := drawn[i].Load()
		if img == nil {
			var err error
			if img, err = draw(i); err != nil {
				return nil, err
			}
			drawn[i].Store(img)
		}
		return img.Clone(), nil
	}
}

// drawing is a synthetic image before it has pixels. Lengths are in units of the image's side.
type drawing struct {
	Factors
	x, y, radius float64
	sin, cos     float64 // of the rotation, within 26 degrees
	ink, shade   rgb     // of the shape, and of its texture
	back, back2  rgb
	frequency    float64 // of the texture, in waves per radius
	phase        float64
	slant        float64 // direction of the background's gradient and stripes
	clouds       [7][7]float64
}

type rgb [3]float64

func newDrawing(seed, key uint64) *drawing {
	r := rand.New(rand.NewPCG(seed^0x70617261_6c6c6178, key))
	pick := func(n int) int { return int(r.Float64() * float64(n)) }
	between := func(lo, hi float64) float64 { return lo + r.Float64()*(hi-lo) }
	d := &drawing{Factors: Factors{pick(10), pick(8), pick(4), pick(9), pick(4)}}
	d.x = 0.5 + 0.18*float64(d.Position%3-1) + between(-0.04, 0.04)
	d.y = 0.5 + 0.18*float64(d.Position/3-1) + between(-0.04, 0.04)
	d.radius = between(0.22, 0.36)
	d.sin, d.cos = math.Sincos(between(-0.45, 0.45))
	hue := [8]float64{0, 0.08, 0.16, 0.34, 0.5, 0.62, 0.76, 0.9}[d.Colour]
	d.ink = hsv(hue+between(-0.02, 0.02), between(0.65, 1), between(0.75, 1))
	for c := range d.shade {
		d.shade[c] = 0.35 * d.ink[c]
	}
	// A background as bright as the shape would hide the shape in a grey view.
	light := 0.299*d.ink[0] + 0.587*d.ink[1] + 0.114*d.ink[2]
	value := between(0.05, 0.95)
	if math.Abs(value-light) < 0.2 {
		value = light + math.Copysign(between(0.2, 0.35), 0.5-light)
	}
	d.back = hsv(between(0, 1), between(0, 0.4), value)
	d.back2 = hsv(between(0, 1), between(0, 0.4), min(max(value+between(-0.2, 0.2), 0), 1))
	d.frequency = between(1.3, 2.2)
	d.phase = between(0, 1)
	d.slant = between(0, 2*math.Pi)
	for i := range d.clouds {
		for j := range d.clouds[i] {
			d.clouds[i][j] = r.Float64()
		}
	}
	return d
}

// draw renders the drawing with four samples per pixel.
func (d *drawing) draw(size int) *augment.Image {
	img := &augment.Image{W: size, H: size, Pix: make([]uint8, 3*size*size)}
	dy, dx := math.Sincos(d.slant)
	step := 1 / float64(2*size)
	p := 0
	for py := range size {
		for px := range size {
			var sum rgb
			for s := range 4 {
				x := float64(4*px+1+2*(s&1)) * step / 2
				y := float64(4*py+1+s&2) * step / 2
				c := d.at(x, y, dx, dy)
				for k := range sum {
					sum[k] += c[k]
				}
			}
			for k, v := range sum {
				img.Pix[p+k] = uint8(min(max(v*(255.0/4)+0.5, 0), 255))
			}
			p += 3
		}
	}
	return img
}

// at is the colour at a point of the image.
func (d *drawing) at(x, y, dx, dy float64) rgb {
	u0, v0 := (x-d.x)/d.radius, (y-d.y)/d.radius
	if u0*u0+v0*v0 < 2 {
		u, v := u0*d.cos+v0*d.sin, v0*d.cos-u0*d.sin
		if inside(d.Shape, u, v) {
			if d.shaded(u, v) {
				return d.shade
			}
			return d.ink
		}
	}
	mix := 0.0
	along := (x-0.5)*dx + (y-0.5)*dy
	switch d.Background {
	case 1:
		mix = min(max(along+0.5, 0), 1)
	case 2:
		gx, gy := x*6, y*6
		i, j := min(int(gy), 5), min(int(gx), 5)
		fx, fy := gx-float64(j), gy-float64(i)
		c := &d.clouds
		mix = (c[i][j]*(1-fx)+c[i][j+1]*fx)*(1-fy) + (c[i+1][j]*(1-fx)+c[i+1][j+1]*fx)*fy
	case 3:
		if wave(along*5 + d.phase) {
			mix = 1
		}
	}
	var c rgb
	for k := range c {
		c[k] = d.back[k] + mix*(d.back2[k]-d.back[k])
	}
	return c
}

// wave is true in the first half of each unit.
func wave(t float64) bool { return t-math.Floor(t) < 0.5 }

// shaded reports whether the texture is dark at a point of the shape, in units of its radius.
func (d *drawing) shaded(u, v float64) bool {
	a, b := u*d.frequency+d.phase, v*d.frequency+d.phase
	switch d.Texture {
	case 1:
		return wave(a)
	case 2:
		return wave(a) != wave(b)
	case 3:
		a, b = a-math.Floor(a)-0.5, b-math.Floor(b)-0.5
		return a*a+b*b < 0.09
	}
	return false
}

// inside reports whether a point, in units of the radius and with v pointing down, lies in the shape, given by its
// index in SyntheticFactors.
func inside(shape int, u, v float64) bool {
	au, av, rr := math.Abs(u), math.Abs(v), u*u+v*v
	switch shape {
	case 0: // arrow
		return u >= -0.95 && u <= 0.1 && av <= 0.24 || u > 0.1 && u <= 0.95 && av <= 0.95-u
	case 1: // circle
		return rr <= 0.8
	case 2: // crescent
		return rr <= 0.85 && (u-0.45)*(u-0.45)+v*v > 0.5
	case 3: // cross
		return au <= 0.28 && av <= 0.92 || av <= 0.28 && au <= 0.92
	case 4: // heart
		x, y := 1.25*u, 0.2-1.25*v
		q := x*x + y*y - 1
		return q*q*q <= x*x*y*y*y
	case 5: // hourglass
		return av <= 0.85 && au <= 0.12+0.8*av
	case 6: // ring
		return rr >= 0.25 && rr <= 0.85
	case 7: // square
		return au <= 0.75 && av <= 0.75
	case 8: // star
		const fifth = 2 * math.Pi / 5
		a := math.Atan2(u, -v) / fifth
		tip := math.Abs(a - math.Round(a)) // 0 at a tip, 0.5 between two
		edge := 0.98 - 1.16*tip
		return rr <= edge*edge
	case 9: // triangle
		return v <= 0.7 && au <= 0.58*(v+0.95)
	}
	return false
}

// hsv converts a colour with all parts from 0 to 1; the hue wraps.
func hsv(h, s, v float64) rgb {
	var c rgb
	for k, shift := range [3]float64{0, 2.0 / 3, 1.0 / 3} {
		t := h + shift
		t -= math.Floor(t)
		c[k] = v * (1 - s*min(max(1-(math.Abs(t*6-3)-1), 0), 1))
	}
	return c
}
