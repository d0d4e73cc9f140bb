// SPDX-License-Identifier: Apache-2.0

// Package sheet draws contact sheets: pictures in rows and columns.
package sheet

import (
	"image"
	"image/color"
	"image/draw"

	xdraw "golang.org/x/image/draw"

	"github.com/parallax-ssl/parallax/augment"
)

const (
	Gap     = 4  // pixels between the pictures of a sheet
	visible = 96 // least side of a picture in pixels: smaller views are enlarged by a whole factor
)

// cellOf is the side of the place of a picture.
func cellOf(side int) int { return side * ((visible + side - 1) / side) }

// Size returns the width and the height of a sheet that New would make.
func Size(rows, columns, side, after int) (w, h int) {
	return columns*(cellOf(side)+Gap) + Gap + after, rows*(cellOf(side)+Gap) + Gap
}

// New returns a sheet for pictures of the given side, and a function that puts a picture into its place. after is extra
// space behind the first column.
func New(rows, columns, side, after int) (*image.RGBA, func(row, column int, img *augment.Image)) {
	cell := cellOf(side)
	sheetW, sheetH := Size(rows, columns, side, after)
	sheet := image.NewRGBA(image.Rect(0, 0, sheetW, sheetH))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	return sheet, func(row, column int, img *augment.Image) {
		x, y := Gap+column*(cell+Gap), Gap+row*(cell+Gap)
		if column > 0 {
			x += after
		}
		img = shrunk(img, manifold*cell)
		w, h := img.W*cell/max(img.W, img.H), img.H*cell/max(img.W, img.H)
		x, y = x+(cell-w)/2, y+(cell-h)/2
		p := picture(img)
		scalerFor(img.W, w).Scale(sheet, image.Rect(x, y, x+max(1, w), y+max(1, h)), p, p.Bounds(), draw.Src, nil)
	}
}

// scalerFor returns the scaler from one width to another.
func scalerFor(from, to int) xdraw.Interpolator {
	if to < from {
		return xdraw.CatmullRom
	}
	return xdraw.NearestNeighbor // enlarged, the single pixels should be visible
}

// manifold is how many times longer than its place a picture may be that is scaled to it at once. The scaler takes 32
// bytes for each row of the picture and column of the place.
const manifold = 8

// shrunk returns img, or a smaller picture of it with sides of at most most pixels.
func shrunk(img *augment.Image, most int) *augment.Image {
	if img.W <= most && img.H <= most {
		return img
	}
	long := max(img.W, img.H)
	return augment.Crop{W: img.W, H: img.H, OutW: max(1, img.W*most/long), OutH: max(1, img.H*most/long),
		Interpolation: augment.Bilinear}.Apply(img)
}

func picture(img *augment.Image) *image.RGBA {
	img = img.Shown()
	p := image.NewRGBA(image.Rect(0, 0, img.W, img.H))
	for i := range img.W * img.H {
		copy(p.Pix[4*i:], img.Pix[3*i:3*i+3])
		p.Pix[4*i+3] = 255
	}
	return p
}
