// SPDX-License-Identifier: Apache-2.0

package tiff

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// yCbCr converts luma and chroma. Pillow reads them without compression by its own tables, with JPEG as libjpeg does,
// and otherwise by libtiff's tables.
func (p *page) yCbCr() (converter, error) {
	if p.bits != 8 || p.format != 1 || p.samples != 3 {
		return nil, p.errMode()
	}
	switch p.compression {
	case Plain:
		if p.planes > 1 || len(p.offsets) > 1 && p.subsampled() {
			return nil, p.errMode()
		}
		if p.subsampled() {
			return nil, fmt.Errorf("uncompressed YCbCr with a chroma sample for %dx%d pixels, which readers misread: "+
				"save it as RGB", p.subX, p.subY)
		}
		return p.tables601(), nil
	case JPEG:
		if p.planes > 1 {
			return nil, errors.New("YCbCr in JPEG planes, which is not read: save it as RGB")
		}
		return func(out, in []uint8) { copy(out, in) }, nil // it is RGB by now
	}
	if !slices.Contains([][2]int{{1, 1}, {1, 2}, {2, 1}, {2, 2}, {4, 1}, {4, 2}, {4, 4}}, [2]int{p.subX, p.subY}) ||
		p.planes > 1 && p.subsampled() || p.predictor != 1 && p.subsampled() {
		return nil, fmt.Errorf("YCbCr with a chroma sample for %dx%d pixels (%d planes, predictor %d), which is not "+
			"read: save it as RGB", p.subX, p.subY, p.planes, p.predictor)
	}
	if wide := (p.w + p.subX - 1) / p.subX * (p.subX*p.subY + 2); !p.tiled && wide%p.subY != 0 {
		// libtiff rounds the bytes of a row down, and so loses the last ones of a strip.
		return nil, fmt.Errorf("YCbCr with a chroma sample for %dx%d pixels of rows of %d, which readers misread: "+
			"save it as RGB", p.subX, p.subY, p.w)
	}
	return p.tablesTIFF(), nil
}

func (p *page) subsampled() bool {
	return p.photometric == yCbCr && p.compression != JPEG && (p.subX != 1 || p.subY != 1)
}

// tables601 converts with the coefficients of BT.601 in 6 bits of fraction.
func (p *page) tables601() converter {
	table := func(by float64) (t [256]int) {
		for i := range t {
			t[i] = int(by*float64(i-128)*64 + 0.5)
		}
		return t
	}
	red, greenB, greenR, blue := table(1.402), table(-0.34414), table(-0.71414), table(1.772)
	return func(out, in []uint8) {
		for x := 0; x < len(out); x += 3 {
			y, cb, cr := int(in[x]), in[x+1], in[x+2]
			out[x] = clip(y + red[cr]>>6)
			out[x+1] = clip(y + (greenB[cb]+greenR[cr])>>6)
			out[x+2] = clip(y + blue[cb]>>6)
		}
	}
}

// tablesTIFF converts with the page's coefficients and its levels of black and white, in libtiff's order of roundings:
// single precision, then 16 bits of fraction.
func (p *page) tablesTIFF() converter {
	const half = 1 << 15
	fixed := func(v float32) int { return int(float64(min(max(v, 0), 2))*(1<<16) + 0.5) }
	value := func(v int, black, white, most float32) int {
		span := white - black
		if span == 0 {
			span = 1
		}
		const far = 128 * 32
		return int(min(max(float32(v-int(black))*most/span, -far), far))
	}
	r, g, b := p.coefficients[0], p.coefficients[1], p.coefficients[2]
	red, blue := 2-2*r, 2-2*b
	toRed, greenRed, toBlue, greenBlue := fixed(red), fixed(r*red/g), fixed(blue), fixed(b*blue/g)
	ref := p.reference
	var luma, redOf, blueOf, greenOfRed, greenOfBlue [256]int
	for i := range 256 {
		cb, cr := value(i-128, ref[2]-128, ref[3]-128, 127), value(i-128, ref[4]-128, ref[5]-128, 127)
		luma[i] = value(i, ref[0], ref[1], 255)
		redOf[i], blueOf[i] = (toRed*cr+half)>>16, (toBlue*cb+half)>>16
		greenOfRed[i], greenOfBlue[i] = -greenRed*cr, -greenBlue*cb+half
	}
	return func(out, in []uint8) {
		for x := 0; x < len(out); x += 3 {
			y, cb, cr := luma[in[x]], in[x+1], in[x+2]
			out[x] = clip(y + redOf[cr])
			out[x+1] = clip(y + (greenOfBlue[cb]+greenOfRed[cr])>>16)
			out[x+2] = clip(y + blueOf[cb])
		}
	}
}

// units are rows of sub-sampled YCbCr (TIFF 6.0, section 21): for subX x subY pixels their luma, one Cb and one Cr. All
// pixels of a unit get its chroma.
type units struct {
	from       io.Reader
	subX, subY int
	band       []uint8 // the units of subY rows
	row        int
}

func (u *units) next(out []uint8) error {
	size := u.subX*u.subY + 2
	if u.band == nil {
		u.band = make([]uint8, (len(out)/3+u.subX-1)/u.subX*size)
	}
	if u.row%u.subY == 0 {
		if _, err := io.ReadFull(u.from, u.band); err != nil {
			return shortened(err)
		}
	}
	line := u.row % u.subY * u.subX
	u.row++
	for x := range len(out) / 3 {
		unit := u.band[x/u.subX*size:][:size]
		out[3*x], out[3*x+1], out[3*x+2] = unit[line+x%u.subX], unit[size-2], unit[size-1]
	}
	return nil
}
