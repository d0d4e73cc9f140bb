// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/sheet"
)

// Limits on what is drawn, so that a report of a million images is a page that a browser opens.
const (
	mostPictures = 600  // of a PNG or a page
	mostStrip    = 24   // of one strip
	mostDots     = 5000 // of a map
	mostNamed    = 40   // of a map's legend
	side         = 148  // of a picture in pixels
	letters      = 21   // of its caption
	columns      = 8    // pictures in a row of a PNG
)

// A strip is pictures that belong together.
type strip struct {
	title string
	cells []picture
}

// A picture is an image, by its path, with a few words.
type picture struct{ path, text string }

// A plot is a point for each row, in the plane, and the number of its class or -1.
type plot struct {
	points  [][2]float64
	paths   func(i int) string
	labels  []int32
	classes []string
}

// bounded returns the strips that are drawn: at most mostPictures pictures, mostStrip of each.
func (r *Report) bounded() (strips []strip, left int) {
	room := mostPictures
	for _, s := range r.strips {
		n := min(len(s.cells), mostStrip, room)
		left += len(s.cells) - n
		if n > 0 {
			strips = append(strips, strip{s.title, s.cells[:n]})
		}
		room -= n
	}
	return strips, left
}

// thumbnails reads pictures and returns them small, by their paths.
func (r *Report) thumbnails(ctx context.Context, paths []string, most int) (map[string]*augment.Image, error) {
	if err := r.pictures.prepare(ctx, paths); err != nil {
		return nil, err
	}
	small := map[string]*augment.Image{}
	missing := 0
	for _, path := range paths {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if _, ok := small[path]; ok {
			continue
		}
		small[path] = nil
		img, err := r.pictures.load(path)
		if err != nil {
			missing++
			continue
		}
		small[path] = augment.FromImage(sheet.Thumbnail(img, most))
	}
	if note := r.pictures.missing(missing, len(small)); missing > 0 && !slices.Contains(r.Notes, note) {
		r.Notes = append(r.Notes, note)
	}
	return small, nil
}

// draw returns the pictures as one image.
func (r *Report) draw(ctx context.Context) (image.Image, error) {
	if r.plot != nil {
		page, err := r.drawMap(ctx)
		if err != nil {
			return nil, err
		}
		return legend(page, r.plot.classes), nil
	}
	strips, left := r.bounded()
	small, err := r.thumbnails(ctx, paths(strips), side)
	if err != nil {
		return nil, err
	}
	var drawn []sheet.Strip
	for _, s := range strips {
		var cells []sheet.Cell
		for _, c := range s.cells {
			cells = append(cells, sheet.Cell{Image: small[c.path], Text: c.text})
		}
		drawn = append(drawn, sheet.Strip{Title: s.title, Cells: cells})
	}
	if left > 0 || len(drawn) == 0 {
		drawn = append(drawn, sheet.Strip{Title: fmt.Sprintf("%s more", counted(left, "picture"))})
	}
	widest := 1
	for _, s := range drawn {
		widest = max(widest, len(s.Cells))
	}
	return sheet.Strips(drawn, side, min(max(widest, 4), columns)), nil
}

// caption returns the text below a picture: a mark, then the last folder and the name of the file without its ending.
// If they are too long, their beginning is cut.
func caption(mark, path string) string {
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if folder := filepath.Base(filepath.Dir(path)); folder != "." && folder != "/" {
		name = folder + "/" + name
	}
	if room, all := letters-len(mark), []rune(name); len(all) > room {
		name = ".." + string(all[len(all)-room+2:])
	}
	return mark + name
}

func paths(strips []strip) (all []string) {
	for _, s := range strips {
		for _, c := range s.cells {
			all = append(all, c.path)
		}
	}
	return all
}

// The measures of a map in pixels.
const (
	mapSide = 1200
	margin  = 30
	spot    = 40 // side of an image on a map
)

// within returns where point i is on a map of what lies between low and high, in its middle.
func (p *plot) within(i int, low, high [2]float64) (x, y int) {
	scale := (mapSide - 2*margin) / max(high[0]-low[0], high[1]-low[1], 1e-12)
	at := func(a int) int {
		return mapSide/2 + int((p.points[i][a]-(low[a]+high[a])/2)*scale)
	}
	return at(0), mapSide - at(1)
}

// places returns where all points are on a map.
func (p *plot) places() [][2]int {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, at := range p.points {
		for a := range 2 {
			low[a], high[a] = min(low[a], at[a]), max(high[a], at[a])
		}
	}
	all := make([][2]int, len(p.points))
	for i := range all {
		all[i][0], all[i][1] = p.within(i, low, high)
	}
	return all
}

// spots returns the points that are drawn as images: the first in each square of a grid.
func spots(places [][2]int) (chosen []int) {
	taken := map[[2]int]bool{}
	for i, at := range places {
		square := [2]int{at[0] / spot, at[1] / spot}
		if !taken[square] && len(chosen) < mostPictures {
			taken[square] = true
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// hue returns the colour of a class; grey for none.
func hue(class int32) color.RGBA {
	if class < 0 {
		return color.RGBA{110, 110, 110, 255}
	}
	// Steps of the golden angle, so that neighbouring numbers differ.
	angle := math.Mod(float64(class)*137.508, 360) / 60
	x := 1 - math.Abs(math.Mod(angle, 2)-1)
	rgb := [6][3]float64{{1, x, 0}, {x, 1, 0}, {0, 1, x}, {0, x, 1}, {x, 0, 1}, {1, 0, x}}[int(angle)%6]
	return color.RGBA{uint8(200 * rgb[0]), uint8(170 * rgb[1]), uint8(220 * rgb[2]), 255}
}

// drawMap draws a dot for each point, and images where there is room.
func (r *Report) drawMap(ctx context.Context) (image.Image, error) {
	places := r.plot.places()
	chosen := spots(places)
	var names []string
	for _, i := range chosen {
		names = append(names, r.plot.paths(i))
	}
	small, err := r.thumbnails(ctx, names, spot)
	if err != nil {
		return nil, err
	}
	page := image.NewRGBA(image.Rect(0, 0, mapSide, mapSide))
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	for at, i := range chosen {
		if img := small[names[at]]; img != nil {
			x, y := places[i][0]/spot*spot, places[i][1]/spot*spot
			sheet.Put(page, image.Rect(x+1, y+1, x+spot-1, y+spot-1), img)
		}
	}
	for i, at := range places {
		dot := image.Rect(at[0]-2, at[1]-2, at[0]+2, at[1]+2)
		draw.Draw(page, dot, image.NewUniform(hue(r.plot.labels[i])), image.Point{}, draw.Src)
	}
	return page, nil
}

// legend puts the names of classes, beside their colours, above a map, for at most mostNamed classes.
func legend(page image.Image, classes []string) image.Image {
	const row, square = 20, 10
	wide := page.Bounds().Dx()
	var at []image.Point
	x, y := margin, row/2
	for _, name := range classes[:min(len(classes), mostNamed)] {
		need := square + 6 + sheet.Letter*len([]rune(name)) + row
		if x+need > wide && x > margin {
			x, y = margin, y+row
		}
		at = append(at, image.Pt(x, y))
		x += need
	}
	if len(at) == 0 {
		return page
	}
	all := image.NewRGBA(image.Rect(0, 0, wide, y+row+page.Bounds().Dy()))
	draw.Draw(all, all.Bounds(), image.White, image.Point{}, draw.Src)
	for i, p := range at {
		box := image.Rect(p.X, p.Y, p.X+square, p.Y+square)
		draw.Draw(all, box, image.NewUniform(hue(int32(i))), image.Point{}, draw.Src)
		sheet.Write(all, p.X+square+6, p.Y-2, wide-p.X-square-6, classes[i])
	}
	draw.Draw(all, page.Bounds().Add(image.Pt(0, y+row)), page, page.Bounds().Min, draw.Src)
	return all
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// The parts of the page.
type (
	pageCell  struct{ Image, Text, Path any }
	pageStrip struct {
		Title string
		Cells []pageCell
	}
	pageDot struct {
		X, Y  int
		Color string
		Title string
	}
	pageClass struct{ Name, Color string }
)

// page returns the report as one HTML page, which needs nothing else.
func (r *Report) page(ctx context.Context) ([]byte, error) {
	strips, left := r.bounded()
	var dots []pageDot
	var classes []pageClass
	if r.plot != nil {
		places := r.plot.places()
		step := max(1, (len(places)+mostDots-1)/mostDots)
		for i := 0; i < len(places); i += step {
			dots = append(dots, pageDot{places[i][0], places[i][1], css(hue(r.plot.labels[i])),
				printable.Text(r.plot.paths(i))})
		}
		for i, name := range r.plot.classes[:min(len(r.plot.classes), mostNamed)] {
			classes = append(classes, pageClass{printable.Text(name), css(hue(int32(i)))})
		}
	}
	small, err := r.thumbnails(ctx, paths(strips), side)
	if err != nil {
		return nil, err
	}
	uris := map[string]template.URL{}
	for path, img := range small {
		if img != nil {
			if uris[path], err = dataURI(img); err != nil {
				return nil, err
			}
		}
	}
	var shown []pageStrip
	for _, s := range strips {
		of := pageStrip{Title: s.title}
		for _, c := range s.cells {
			of.Cells = append(of.Cells, pageCell{uris[c.path], c.text, printable.Text(c.path)})
		}
		shown = append(shown, of)
	}
	var plot any
	if r.plot != nil {
		img, err := r.drawMap(ctx)
		if err != nil {
			return nil, err
		}
		if plot, err = dataURI(augment.FromImage(img)); err != nil {
			return nil, err
		}
	}
	if left > 0 {
		r.note("the page shows %d pictures and leaves out %d", len(paths(strips)), left)
	}
	var b bytes.Buffer
	err = pageTemplate.Execute(&b, map[string]any{
		"Report": r, "In": printable.Text(r.In), "Strips": shown, "Plot": plot, "Dots": dots, "Classes": classes,
		"Side": side, "MapSide": mapSide,
	})
	return b.Bytes(), err
}

func css(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// dataURI returns an image as an address that holds it.
func dataURI(img *augment.Image) (template.URL, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, sheet.Thumbnail(img, mapSide), &jpeg.Options{Quality: 85})
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), err
}
