// SPDX-License-Identifier: Apache-2.0

package augment

import (
	"slices"
	"sync"

	"github.com/parallax-ssl/parallax/augment/internal/kernel"
)

// InstructionSet returns what views are made with: "avx512" or "avx2" for kernels that use the processor's vectors,
// "go" for this package's Go code. The pixels are the same. The environment variable PARALLAX_SIMD may name one of the
// three; the error says that it names one that this machine or build does not have.
func InstructionSet() (string, error) { return kernel.InUse() }

// Replay applies recorded operations in order and returns the view. img does not change. Of a crop that another crop
// follows, only the pixels that the other one takes are computed: Resize makes 1,536,000 columns of an image of 6000 by
// 1 pixels, and CenterCrop takes 224 of them.
func Replay(img *Image, drawn []Drawn) *Image {
	if len(drawn) == 0 {
		return img.Clone()
	}
	r := newReplay(drawn)
	defer r.end()
	return r.apply(img)
}

// View writes the view that drawn makes of img into dst, as [Normalize.CHW] writes that of [Replay]. It is faster. img
// does not change.
func (n Normalize) View(dst []float32, img *Image, drawn []Drawn) {
	r := newReplay(drawn)
	defer r.end()
	if img.Deep == nil {
		r.prepare(n)
		r.planes = dst
	}
	if view := r.apply(img); view != nil {
		n.CHW(dst, view)
	}
}

// A replay applies operations in runs. A run is a crop, or none, and operations that keep the size, and is one call of
// a kernel. Other operations are applied in Go one by one, and so are all operations where there is no kernel.
type replay struct {
	drawn []Drawn // no sequences
	scratch
	view   kernel.View
	memory kernel.Scratch

	planes []float32 // where the last run may put the normalised view; nil: nowhere
	key    [2][3]float32
	levels *levels // of key
}

var replays = sync.Pool{New: func() any { return new(replay) }}

func newReplay(drawn []Drawn) *replay {
	r := replays.Get().(*replay)
	r.drawn = flat(r.drawn[:0], drawn)
	return r
}

// end makes r free for the next replay. It must not keep images and batches alive.
func (r *replay) end() {
	clear(r.drawn)
	r.planes, r.view = nil, kernel.View{Ops: r.view.Ops[:0]}
	replays.Put(r)
}

// flat appends operations to all, and instead of a sequence its operations.
func flat(all, drawn []Drawn) []Drawn {
	for _, d := range drawn {
		if s, ok := d.(Sequence); ok {
			all = flat(all, s)
			continue
		}
		all = append(all, d)
	}
	return all
}

// apply returns the view, or nil if the last run has put it into the planes.
func (r *replay) apply(original *Image) *Image {
	img := original
	set, _ := kernel.InUse()
	for i := 0; i < len(r.drawn) || i == len(r.drawn) && r.planes != nil; {
		if set != kernel.Go {
			if n, ok := r.plan(img, i); ok {
				if out, ok := r.make(i+n == len(r.drawn)); ok {
					if out == nil {
						return nil
					}
					if next, ok := follows(r.drawn, i+n-1); ok {
						r.drawn[i+n] = next.taken()
					}
					img, i = out, i+n
					continue
				}
			}
		}
		if i == len(r.drawn) {
			break
		}
		crop, ok := r.drawn[i].(Crop)
		if !ok && img == original { // a Crop copies anyway, and the original may be far larger than the view
			img = img.Clone()
		}
		if next, ok := follows(r.drawn, i); ok {
			w, h := next.boxSize()
			img = crop.part(img, next.X, next.Y, w, h)
			r.drawn[i+1] = next.taken()
		} else {
			img = r.drawn[i].Apply(img)
		}
		i++
	}
	return img
}

// make makes the planned run. The result is nil if it is in the planes.
func (r *replay) make(last bool) (out *Image, ok bool) {
	v := &r.view
	if last && r.planes != nil {
		v.Planes = r.planes[:3*v.OutW*v.OutH]
		v.Normal = kernel.Statistics{Mean: r.key[0], Std: r.key[1], Divide: r.levels.divide}
		return nil, kernel.Make(v, &r.memory)
	}
	out = NewImage(v.OutW, v.OutH)
	v.Pix = out.Pix
	return out, kernel.Make(v, &r.memory)
}

// longest is the longest side that a kernel takes.
const longest = 1 << 20

// plan puts a run from operation i on into r.view and returns of how many operations it is. There is a run of none if
// nothing is left but to normalise. ok is false if a kernel cannot do it.
func (r *replay) plan(img *Image, i int) (n int, ok bool) {
	v := &r.view
	*v = kernel.View{Src: img.Pix, Stride: 3 * img.W, W: img.W, H: img.H, OutW: img.W, OutH: img.H, Ops: v.Ops[:0]}
	if img.Deep != nil || img.Check() != nil || max(img.W, img.H) > longest {
		return 0, false
	}
	if i == len(r.drawn) {
		return 0, true
	}
	if crop, ok := r.drawn[i].(Crop); ok {
		n = 1
		x, y := 0, 0
		w, h := crop.Size(0, 0)
		if next, ok := follows(r.drawn, i); ok {
			x, y = next.X, next.Y
			w, h = next.boxSize()
		}
		if !r.crop(img, crop, x, y, w, h) {
			return 0, false
		}
	}
	for ; i+n < len(r.drawn) && len(v.Ops) < kernel.MostOps; n++ {
		op, ok := kernelOp(r.drawn[i+n])
		if !ok {
			break
		}
		if op.Kind != nothing {
			v.Ops = append(v.Ops, op)
		}
	}
	return n, n > 0
}

// crop plans what c.part(img, x, y, w, h) returns. It reports whether a kernel can make it.
func (r *replay) crop(img *Image, c Crop, x, y, w, h int) bool {
	bw, bh := c.boxSize()
	outW, outH := c.Size(0, 0)
	if c.X < 0 || c.Y < 0 || c.X > img.W-bw || c.Y > img.H-bh || x < 0 || y < 0 || x > outW-w || y > outH-h ||
		max(w, h) > longest {
		return false
	}
	v := &r.view
	v.W, v.H, v.OutW, v.OutH = bw, bh, w, h
	v.Src = img.Pix[c.Y*v.Stride+3*c.X:]
	v.X, v.Y = kernel.Taps{}, kernel.Taps{}
	if outW != bw {
		r.rows.fill(&r.scratch, bw, outW, span{x, x + w}, c.Interpolation)
		v.X = r.rows.kernel()
	} else {
		v.Src, v.W = v.Src[3*x:], w
	}
	if outH != bh {
		r.columns.fill(&r.scratch, bh, outH, span{y, y + h}, c.Interpolation)
		v.Y = r.columns.kernel()
	} else {
		v.Src, v.H = v.Src[y*v.Stride:], h
	}
	v.ColumnsFirst = columnsFirst(bw, bh, outW, outH)
	return true
}

// kernel is t for a kernel.
func (t *taps) kernel() kernel.Taps {
	need := t.need()
	return kernel.Taps{N: t.n, First: t.first, Weight: t.weight, From: need.from, To: need.to}
}

// nothing is the kind of an operation that changes nothing.
const nothing kernel.Kind = -1

// kernelOp returns an operation for a kernel, if a kernel can do it.
func kernelOp(d Drawn) (op kernel.Op, ok bool) {
	switch d := d.(type) {
	case Brightness:
		return kernel.Op{Kind: kernel.Brightness, Factor: float32(d.Factor)}, true
	case Contrast:
		return kernel.Op{Kind: kernel.Contrast, Factor: float32(d.Factor)}, true
	case Saturation:
		return kernel.Op{Kind: kernel.Saturation, Factor: float32(d.Factor)}, true
	case Hue:
		return kernel.Op{Kind: kernel.Hue, Level: int32(d.steps())}, true
	case Gray:
		return kernel.Op{Kind: kernel.Gray}, true
	case Inversion:
		return kernel.Op{Kind: kernel.Invert, Level: int32(min(max(d.Threshold, 0), 256))}, true
	case Flip:
		if d.Vertical {
			return kernel.Op{Kind: kernel.Upend}, true
		}
		return kernel.Op{Kind: kernel.Flip}, true
	case BoxBlur:
		b := newBox(float32(d.Sigma))
		if b.radius == 0 && b.edge == 0 {
			return kernel.Op{Kind: nothing}, true
		}
		return kernel.Op{Kind: kernel.Blur, Level: int32(b.radius), Middle: b.middle, Edge: b.edge}, b.radius < 2
	}
	return kernel.Op{}, false
}

// prepare sets the statistics of the planes.
func (r *replay) prepare(n Normalize) {
	key := [2][3]float32{[3]float32(n.Mean), [3]float32(n.Std)}
	if r.levels == nil || r.key != key {
		r.key, r.levels = key, n.table()
	}
}

// divides reports whether a kernel has to divide to normalise: whether one that multiplies gives another result for any
// level.
func divides(key [2][3]float32, want *[3][256]float32) bool {
	img := NewImage(256, 1)
	for i := range img.Pix {
		img.Pix[i] = uint8(i / 3)
	}
	got := make([]float32, 3*256)
	v := kernel.View{Src: img.Pix, Stride: 3 * 256, W: 256, H: 1, OutW: 256, OutH: 1, Planes: got,
		Normal: kernel.Statistics{Mean: key[0], Std: key[1]}}
	if !kernel.Make(&v, new(kernel.Scratch)) {
		return true
	}
	return !slices.Equal(got, slices.Concat(want[0][:], want[1][:], want[2][:]))
}
