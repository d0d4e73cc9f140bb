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

// New returns a sheet for pictures of the given side, and a function that puts a picture into its place. after is extra
// space behind the first column.
func New(rows, columns, side, after int) (*image.RGBA, func(row, column int, img *augment.Image)) {
	cell := side * ((visible + side - 1) / side)
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(cell+Gap)+Gap+after, rows*(cell+Gap)+Gap))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	return sheet, func(row, column int, img *augment.Image) {
		x, y := Gap+column*(cell+Gap), Gap+row*(cell+Gap)
		if column > 0 {
			x += after
		}
		w, h := img.W*cell/max(img.W, img.H), img.H*cell/max(img.W, img.H)
		x, y = x+(cell-w)/2, y+(cell-h)/2
		scaler := xdraw.Interpolator(xdraw.NearestNeighbor) // enlarged, the single pixels should be visible
		if w < img.W {
			scaler = xdraw.CatmullRom
		}
		scaler.Scale(sheet, image.Rect(x, y, x+max(1, w), y+max(1, h)), picture(img), picture(img).Bounds(), draw.Src,
			nil)
	}
}

func picture(img *augment.Image) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, img.W, img.H))
	for i := range img.W * img.H {
		copy(p.Pix[4*i:], img.Pix[3*i:3*i+3])
		p.Pix[4*i+3] = 255
	}
	return p
}
