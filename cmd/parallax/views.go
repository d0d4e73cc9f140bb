// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"
	xdraw "golang.org/x/image/draw"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
)

func viewsCommand() *cobra.Command {
	var data, name, out, labels string
	var sets []string
	var images, draws, size int
	var seed uint64
	c := &cobra.Command{
		Use:   "views --data PATH --method NAME --out FILE.png",
		Short: "Draw a contact sheet: images and the views a method sees of them",
		Long: `Views draws a contact sheet as a PNG: every row is an image and the views that the method's recipes make of it. They are
the very pixels that training with the same seed sees in its first epochs, before normalisation.`,
		Example: `  parallax views --data photos --method byol --out views.png
  parallax views --data synthetic --method simclr --set augment.color_jitter.p=0 --out views.png`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if data == "" || name == "" {
				return usage(errors.New("views needs --data PATH and --method NAME"))
			}
			if images < 1 || draws < 1 || images*draws > 10000 {
				return usage(fmt.Errorf("--images %d and --epochs %d: both must be at least 1, and their product at most 10000", images, draws))
			}
			source, err := dataset.Open(data, dataset.Options{Size: size, Labels: labels})
			if err != nil {
				return err
			}
			defer source.Close()
			recipes, side, err := recipesFor(source, name, size, sets)
			if err != nil {
				return err
			}
			sheet, err := contactSheet(source, recipes, side, images, draws, seed)
			if err != nil {
				return err
			}
			if err := run.WriteFile(out, func(w io.Writer) error { return png.Encode(w, sheet) }); errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("writing %s: there is no folder %s: make it first", out, filepath.Dir(out))
			} else if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d x %d pixels, an image and %d views of %d px per row\n", out, sheet.Bounds().Dx(), sheet.Bounds().Dy(), draws*len(recipes), side)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&data, "data", "", "images: a folder, an archive, or synthetic")
	f.StringVar(&name, "method", "", "whose recipes")
	f.StringVar(&out, "out", "views.png", "the PNG file to write")
	f.StringVar(&labels, "labels", "none", "as for pretrain")
	f.StringArrayVar(&sets, "set", nil, "change a recipe, augment.OP.FIELD=VALUE; repeatable")
	f.IntVar(&images, "images", 8, "rows")
	f.IntVar(&draws, "epochs", 3, "epochs whose views are shown")
	f.IntVar(&size, "size", 0, "side of a view in pixels; without it, from the images")
	f.Uint64Var(&seed, "seed", 1, "of the views")
	return c
}

// recipesFor are the method's recipes for the images, with the changes of --set.
func recipesFor(s *dataset.Source, name string, size int, sets []string) ([]augment.Recipe, int, error) {
	entry, err := method.Find(name)
	if err != nil {
		return nil, 0, usage(err)
	}
	if size == 0 {
		if size, err = viewSize(s); err != nil {
			return nil, 0, err
		}
	}
	m := entry.New()
	config := run.Default()
	config.Method = run.MethodConfig{Name: name, Fields: m}
	config.Data.Size = size
	l, err := run.New(&config)
	if err != nil {
		return nil, 0, err
	}
	settings, err := givenSettings(&cobra.Command{}, sets)
	if err != nil {
		return nil, 0, usage(err)
	}
	if err := views(l, m, settings); err != nil {
		return nil, 0, usage(err)
	}
	for _, set := range settings {
		if err := l.Set(set.path, set.value, set.source); err != nil {
			return nil, 0, usage(err)
		}
	}
	for i, r := range l.Augment {
		if err := r.Validate(); err != nil {
			return nil, 0, usage(fmt.Errorf("augment.%d: %w", i, err))
		}
	}
	return l.Augment, size, nil
}

const (
	gap     = 4  // pixels between the pictures of a sheet
	visible = 96 // pixels that the side of a picture has at least: smaller views are drawn several times as large
)

// contactSheet draws a row per image: the image, then its views, epoch by epoch.
func contactSheet(s *dataset.Source, recipes []augment.Recipe, side, images, draws int, seed uint64) (image.Image, error) {
	images = min(images, s.Len())
	sheet, place := blankSheet(images, 1+draws*len(recipes), side, gap)
	row := 0
	for index := 0; index < s.Len() && row < images; index++ {
		at := index * max(1, s.Len()/images) % s.Len()
		img, err := s.Image(at)
		if err != nil {
			continue
		}
		place(row, 0, img)
		for epoch := range draws {
			for v, r := range recipes {
				place(row, 1+epoch*len(recipes)+v, r.View(img, augment.ViewRand(seed, epoch, at, v)))
			}
		}
		row++
	}
	if row == 0 {
		return nil, errors.New("none of the images could be read")
	}
	return sheet, nil
}

// blankSheet is a sheet for pictures of a side, and what puts one into its place; after is added behind the first column.
func blankSheet(rows, columns, side, after int) (*image.RGBA, func(row, column int, img *augment.Image)) {
	cell := side * ((visible + side - 1) / side)
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(cell+gap)+gap+after, rows*(cell+gap)+gap))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	return sheet, func(row, column int, img *augment.Image) {
		x, y := gap+column*(cell+gap), gap+row*(cell+gap)
		if column > 0 {
			x += after
		}
		w, h := img.W*cell/max(img.W, img.H), img.H*cell/max(img.W, img.H)
		x, y = x+(cell-w)/2, y+(cell-h)/2
		scaler := xdraw.Interpolator(xdraw.NearestNeighbor) // enlarged, the pixels are to be seen
		if w < img.W {
			scaler = xdraw.CatmullRom
		}
		scaler.Scale(sheet, image.Rect(x, y, x+max(1, w), y+max(1, h)), picture(img), picture(img).Bounds(), draw.Src, nil)
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
