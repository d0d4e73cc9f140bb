// SPDX-License-Identifier: Apache-2.0

package sheet

import (
	"image"
	"image/color"
	"image/draw"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/parallax-ssl/parallax/augment"
)

// A Cell is a picture and the line below it. A grey square stands for a nil picture.
type Cell struct {
	Image *augment.Image
	Text  string
}

// A Strip is pictures that belong together, under a title.
type Strip struct {
	Title string
	Cells []Cell
}

// Letter is the width in pixels of a letter that [Write] draws.
const Letter = 7

const line = 15 // height of a line of text in pixels

var (
	grey = color.Gray{200}
	ink  = color.Gray{40}
)

// Strips draws strips below one another, with at most columns pictures of the given side in a row. Letters that are not
// ASCII are drawn as question marks.
func Strips(strips []Strip, side, columns int) *image.RGBA {
	height := Gap
	for _, s := range strips {
		rows := (len(s.Cells) + columns - 1) / columns
		height += line + rows*(side+line+Gap) + Gap
	}
	page := image.NewRGBA(image.Rect(0, 0, Gap+columns*(side+Gap), height))
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	y := Gap
	for _, s := range strips {
		Write(page, Gap, y, page.Bounds().Dx()-2*Gap, s.Title)
		y += line
		for i, c := range s.Cells {
			x := Gap + i%columns*(side+Gap)
			if i > 0 && i%columns == 0 {
				y += side + line + Gap
			}
			Put(page, image.Rect(x, y, x+side, y+side), c.Image)
			Write(page, x, y+side, side, c.Text)
		}
		if len(s.Cells) > 0 {
			y += side + line + Gap
		}
		y += Gap
	}
	return page
}

// Put draws a picture as large as it goes into the middle of a place; a nil one as a grey square.
func Put(page draw.Image, place image.Rectangle, img *augment.Image) {
	if img == nil {
		draw.Draw(page, place, image.NewUniform(grey), image.Point{}, draw.Src)
		return
	}
	side := min(place.Dx(), place.Dy())
	img = shrunk(img, manifold*side)
	w, h := max(1, img.W*side/max(img.W, img.H)), max(1, img.H*side/max(img.W, img.H))
	x, y := place.Min.X+(place.Dx()-w)/2, place.Min.Y+(place.Dy()-h)/2
	p := picture(img)
	scalerFor(img.W, w).Scale(page, image.Rect(x, y, x+w, y+h), p, p.Bounds(), draw.Src, nil)
}

// Thumbnail returns the picture with its longer side at most most pixels.
func Thumbnail(img *augment.Image, most int) *image.RGBA {
	img = shrunk(img, manifold*most)
	w, h := img.W, img.H
	if long := max(w, h); long > most {
		w, h = max(1, w*most/long), max(1, h*most/long)
	}
	small, p := image.NewRGBA(image.Rect(0, 0, w, h)), picture(img)
	scalerFor(img.W, w).Scale(small, small.Bounds(), p, p.Bounds(), draw.Src, nil)
	return small
}

// Write draws text, cut to the width, into the line below y.
func Write(page draw.Image, x, y, width int, text string) {
	most := max(width/Letter, 1)
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) > most {
		text = text[:max(most-2, 0)] + ".."
	}
	d := font.Drawer{Dst: page, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(x, y+line-4)}
	d.DrawString(text)
}
