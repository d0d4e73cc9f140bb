// SPDX-License-Identifier: Apache-2.0

// Command views makes views of one image with SimCLR's recipe and writes them side by side, the original first. It
// needs no libtorch and builds with CGO_ENABLED=0.
//
//	go run ./examples/views [FOLDER OF IMAGES] > views.png
package main

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
)

const (
	size  = 32 // of a view, in pixels
	count = 8  // views
	seed  = 1
)

func main() {
	path := "synthetic"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := sheet(os.Stdout, os.Stderr, path); err != nil {
		fmt.Fprintln(os.Stderr, "views: "+err.Error())
		os.Exit(1)
	}
}

// sheet writes a PNG of the first image of path and its views to out, and the parameters drawn for each view to log.
func sheet(out, log io.Writer, path string) error {
	data, err := dataset.Open(path, dataset.Options{})
	if err != nil {
		return err
	}
	defer data.Close()
	original, err := data.Image(0)
	if err != nil {
		return err
	}
	recipe := augment.SimCLRRecipe(size)
	row := []*augment.Image{augment.EvalRecipe(size).View(original, augment.ViewRand(seed, 0, 0, 0))}
	for view := range count {
		// A view is a function of seed, epoch, image and view number: these lines make the same view on every machine.
		drawn := recipe.Draw(original.W, original.H, augment.ViewRand(seed, 0, 0, view))
		row = append(row, augment.Replay(original, drawn))
		for _, d := range drawn { // exported fields hold all parameters
			fields, err := json.Marshal(d)
			if err != nil {
				return err
			}
			fmt.Fprintf(log, "view %d: %T %s\n", view, d, fields)
		}
	}
	picture := image.NewRGBA(image.Rect(0, 0, size*len(row), size))
	for i, v := range row {
		for p := range size * size {
			picture.SetRGBA(i*size+p%size, p/size, color.RGBA{v.Pix[3*p], v.Pix[3*p+1], v.Pix[3*p+2], 255})
		}
	}
	return png.Encode(out, picture)
}
