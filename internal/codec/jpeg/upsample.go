// SPDX-License-Identifier: Apache-2.0

package jpeg

// upsampler makes the rows of a component as wide and as many as the image's. It does what libjpeg-turbo does for each
// ratio: twice as many samples are interpolated between the centres of the given ones, other ratios repeat samples.
type upsampler struct {
	c            *component
	across, down int // the ratio
	smooth       bool
	row          []uint8
	sums         []int32 // of two rows, for the interpolation in both directions
}

func newUpsampler(f *frame, c *component) *upsampler {
	u := &upsampler{c: c, across: f.maxH / c.h, down: f.maxV / c.v}
	u.smooth = u.across <= 2 && u.down <= 2 && (u.across == 1 || c.w > 2)
	u.row = make([]uint8, c.w*u.across)
	if u.smooth && u.across == 2 && u.down == 2 {
		u.sums = make([]int32, c.w)
	}
	return u
}

// sampleRow returns the samples of a row that the image uses; beyond the image, the row at its edge.
func (c *component) sampleRow(y int) []uint8 {
	at := min(max(y, 0), c.height-1) * c.stride * 8
	return c.samples[at : at+c.w : at+c.w]
}

// at returns the component's row y of the image. The slice is valid until the next call.
func (u *upsampler) at(y int) []uint8 {
	near := u.c.sampleRow(y / u.down)
	switch {
	case u.across == 1 && u.down == 1:
		return near
	case !u.smooth:
		for x, v := range near {
			for i := range u.across {
				u.row[x*u.across+i] = v
			}
		}
		return u.row
	case u.down == 1:
		widen(u.row, near)
		return u.row
	}
	// The nearest row counts three times the next one, which is above for even rows.
	far := u.c.sampleRow(y/2 - 1 + y%2*2)
	if u.across == 1 {
		bias := 1 + y%2
		for x, v := range near {
			u.row[x] = uint8((3*int(v) + int(far[x]) + bias) >> 2)
		}
		return u.row
	}
	for x, v := range near {
		u.sums[x] = 3*int32(v) + int32(far[x])
	}
	widenSums(u.row, u.sums)
	return u.row
}

// widen doubles a row of at least 3 samples. The roundings alternate, so that they cancel on average.
func widen(out, in []uint8) {
	last := len(in) - 1
	out = out[:2*len(in)]
	out[0], out[2*last+1] = in[0], in[last]
	for x := range last {
		a, b := int(in[x]), int(in[x+1])
		out[2*x+1] = uint8((3*a + b + 2) >> 2)
		out[2*x+2] = uint8((3*b + a + 1) >> 2)
	}
}

// widenSums doubles a row of sums of four samples.
func widenSums(out []uint8, in []int32) {
	last := len(in) - 1
	out = out[:2*len(in)]
	out[0], out[2*last+1] = uint8((4*in[0]+8)>>4), uint8((4*in[last]+7)>>4)
	for x := range last {
		a, b := in[x], in[x+1]
		out[2*x+1] = uint8((3*a + b + 7) >> 4)
		out[2*x+2] = uint8((3*b + a + 8) >> 4)
	}
}
