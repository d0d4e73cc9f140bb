// SPDX-License-Identifier: Apache-2.0

package jpeg

// space is what the components of an image are.
type space int

const (
	grey space = iota
	rgb
	ycc
	cmyk
	ycck // CMYK whose first three are YCC of the inverted values
)

// space follows libjpeg's rules for files that do not say what they hold: JFIF is YCC, Adobe's marker tells, and else
// the components' names may.
func (d *decoder) space() space {
	c := d.frame.components
	switch {
	case len(c) == 1:
		return grey
	case len(c) == 4 && (d.adobe < 0 || d.adobe == 0):
		return cmyk
	case len(c) == 4:
		return ycck
	case d.jfif:
		return ycc
	case d.adobe == 0:
		return rgb
	case d.adobe < 0 && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B':
		return rgb
	}
	return ycc
}

// BT.601's matrix in 16 bits, as JFIF gives it.
const (
	colorBits = 16
	half      = 1 << (colorBits - 1)
	redCr     = 91881  // 1.402
	greenCb   = 22554  // 0.34414
	greenCr   = 46802  // 0.71414
	blueCb    = 116130 // 1.772
)

// paint writes the pixels of the image.
func (d *decoder) paint() Image {
	f := d.frame
	img := Image{W: f.w, H: f.h, C: len(f.components)}
	img.Pix = make([]uint8, img.W*img.H*img.C)
	planes := make([]*upsampler, img.C)
	for i, c := range f.components {
		planes[i] = newUpsampler(f, c)
	}
	kind := d.space()
	rows := make([][]uint8, img.C)
	for y := range f.h {
		for i, p := range planes {
			rows[i] = p.at(y)[:f.w]
		}
		out := img.Pix[y*f.w*img.C : (y+1)*f.w*img.C]
		switch kind {
		case grey:
			copy(out, rows[0])
		case ycc:
			paintYCC(out, rows[0], rows[1], rows[2])
		case ycck:
			paintYCCK(out, rows)
		default:
			for i, row := range rows {
				for x, v := range row {
					out[x*img.C+i] = v
				}
			}
		}
	}
	return img
}

func paintYCC(out, ys, cbs, crs []uint8) {
	cbs, crs = cbs[:len(ys)], crs[:len(ys)]
	for x, y := range ys {
		p := out[3*x : 3*x+3 : 3*x+3]
		p[0], p[1], p[2] = fromYCC(y, cbs[x], crs[x])
	}
}

func paintYCCK(out []uint8, rows [][]uint8) {
	for x, y := range rows[0] {
		r, g, b := fromYCC(y, rows[1][x], rows[2][x])
		out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = 255-r, 255-g, 255-b, rows[3][x]
	}
}

func fromYCC(y, cb, cr uint8) (r, g, b uint8) {
	luma, u, v := int32(y), int32(cb)-128, int32(cr)-128
	return clamp(luma + (redCr*v+half)>>colorBits), clamp(luma + (half-greenCb*u-greenCr*v)>>colorBits),
		clamp(luma + (blueCb*u+half)>>colorBits)
}
