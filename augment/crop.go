// SPDX-License-Identifier: Apache-2.0

package augment

// Crop cuts out the box of W by H pixels whose top left corner is column X, row Y, and resizes it to OutW by OutH.
// Outside the image it is black, as in Pillow's crop. The resize sees only the box: the filter ends at the box's border
// and mixes in no pixel from beyond it. Sizes below 1 count as 1.
type Crop struct {
	X, Y, W, H    int // box, in pixels of the input
	OutW, OutH    int // size of the result
	Interpolation Interpolation
}

// Size returns OutW, OutH.
func (c Crop) Size(int, int) (int, int) { return max(1, c.OutW), max(1, c.OutH) }

// Apply returns a new image; img does not change.
func (c Crop) Apply(img *Image) *Image {
	w, h := c.Size(0, 0)
	return c.part(img, 0, 0, w, h)
}

// part returns w by h pixels of the image that Apply returns, from column x, row y on; outside that image it is black.
// It computes these pixels alone.
func (c Crop) part(img *Image, x, y, w, h int) *Image {
	if img.Deep != nil {
		return c.deepPart(img, x, y, w, h)
	}
	outW, outH := c.Size(0, 0)
	columns := span{min(max(0, x), outW), max(0, min(outW, x+w))}
	rows := span{min(max(0, y), outH), max(0, min(outH, y+h))}
	if x >= 0 && y >= 0 && columns.len() == w && rows.len() == h {
		return resample(c.box(img), outW, outH, columns, rows, c.Interpolation)
	}
	out := NewImage(w, h)
	if columns.len() <= 0 || rows.len() <= 0 {
		return out
	}
	inside := resample(c.box(img), outW, outH, columns, rows, c.Interpolation)
	for i := range inside.H {
		copy(out.Pix[3*((rows.from-y+i)*w+columns.from-x):], inside.Pix[3*i*inside.W:3*(i+1)*inside.W])
	}
	return out
}

// box returns the pixels of the box: a window into img, or a padded copy where the box leaves it.
func (c Crop) box(img *Image) window {
	bw, bh := c.boxSize()
	stride := 3 * img.W
	if c.X >= 0 && c.Y >= 0 && c.X <= img.W-bw && c.Y <= img.H-bh {
		return window{img.Pix[c.Y*stride+3*c.X:], stride, bw, bh}
	}
	padded := window{make([]uint8, 3*bw*bh), 3 * bw, bw, bh}
	left, right := max(0, c.X), min(img.W, c.X+bw)
	if left >= right {
		return padded
	}
	for y := max(0, c.Y); y < min(img.H, c.Y+bh); y++ {
		copy(padded.row(y - c.Y)[3*(left-c.X):], img.Pix[y*stride+3*left:y*stride+3*right])
	}
	return padded
}

// deepPart is part of a deep image.
func (c Crop) deepPart(img *Image, x, y, w, h int) *Image {
	outW, outH := c.Size(0, 0)
	columns := span{min(max(0, x), outW), max(0, min(outW, x+w))}
	rows := span{min(max(0, y), outH), max(0, min(outH, y+h))}
	if x >= 0 && y >= 0 && columns.len() == w && rows.len() == h {
		return resampleDeep(c.deepBox(img), outW, outH, columns, rows, c.Interpolation)
	}
	out := NewDeep(w, h, img.C)
	if columns.len() <= 0 || rows.len() <= 0 {
		return out
	}
	inside := resampleDeep(c.deepBox(img), outW, outH, columns, rows, c.Interpolation)
	for i := range inside.H {
		copy(out.Deep[img.C*((rows.from-y+i)*w+columns.from-x):], inside.Deep[img.C*i*inside.W:img.C*(i+1)*inside.W])
	}
	return out
}

// deepBox is box of a deep image.
func (c Crop) deepBox(img *Image) deepWindow {
	bw, bh := c.boxSize()
	stride := img.C * img.W
	if c.X >= 0 && c.Y >= 0 && c.X <= img.W-bw && c.Y <= img.H-bh {
		return deepWindow{img.Deep[c.Y*stride+img.C*c.X:], stride, bw, bh, img.C}
	}
	padded := deepWindow{make([]float32, img.C*bw*bh), img.C * bw, bw, bh, img.C}
	left, right := max(0, c.X), min(img.W, c.X+bw)
	if left >= right {
		return padded
	}
	for y := max(0, c.Y); y < min(img.H, c.Y+bh); y++ {
		copy(padded.row(y - c.Y)[img.C*(left-c.X):], img.Deep[y*stride+img.C*left:y*stride+img.C*right])
	}
	return padded
}

// boxSize is the size of the box.
func (c Crop) boxSize() (w, h int) { return max(1, c.W), max(1, c.H) }
