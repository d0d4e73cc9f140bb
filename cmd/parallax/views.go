// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/sheet"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

func viewsCommand() *cobra.Command {
	var data, name, out, labels, split, channels string
	var sets []string
	var images, draws, size int
	var seed uint64
	c := &cobra.Command{
		Use:   "views --data PATH --method NAME --out FILE.png",
		Short: "Draw a contact sheet: images and the views a method sees of them",
		Long: `Views draws a contact sheet as a PNG. Every row is an image and the views that the method's recipes make
of it: the very pixels that training with the same seed sees in its first epochs, before normalisation.
Of images that keep their channels (--channels), it shows the first three, or one as grey, from the 1st
percentile of the channel's values in the data (black) to the 99th.` +
			statuses(exit.Output),
		Example: `  parallax views --data photos --method byol --out views.png
  parallax views --data cells --method dino --channels keep --out views.png
  parallax views --data synthetic --method simclr --set augment.color_jitter.p=0 --out views.png`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if data == "" || name == "" {
				return usage(errors.New("views needs --data PATH and --method NAME"))
			}
			if images < 1 || draws < 1 || images > 10000 || draws > 10000 || images*draws > 10000 {
				return usage(fmt.Errorf("--images %d and --epochs %d: "+
					"both must be at least 1, and their product at most 10000", images, draws))
			}
			source, err := dataset.Open(data, dataset.Options{Size: size, Labels: labels, Split: split,
				Channels: channels})
			if err != nil {
				return err
			}
			defer source.Close()
			told := c.OutOrStdout()
			for _, text := range append([]string{source.Summary()}, source.Remarks()...) {
				fmt.Fprintln(told, printable.Text(text))
			}
			recipes, side, err := recipes(source, name, size, sets)
			if err != nil {
				return err
			}
			levels, err := levelsOf(c.Context(), source)
			if err != nil {
				return err
			}
			page, err := contactSheet(source, levels, recipes, side, images, draws, seed)
			if err != nil {
				return err
			}
			err = run.WriteFile(out, func(w io.Writer) error { return sheet.WritePNG(w, page) })
			if errors.Is(err, fs.ErrNotExist) {
				return &run.OutputError{Err: fmt.Errorf("writing %s: there is no folder %s: make it first",
					out, filepath.Dir(out))}
			} else if err != nil {
				return err
			}
			fmt.Fprintf(told, "%s: %d x %d pixels, an image and %d views of %d px per row\n",
				printable.Name(out), page.Bounds().Dx(), page.Bounds().Dy(), draws*len(recipes), side)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&data, "data", "", "images: a folder, an archive, a list, a pattern, or synthetic")
	f.StringVar(&name, "method", "", "the method whose views are drawn")
	f.StringVar(&out, "out", sheet.File, "the PNG file to write")
	f.StringVar(&labels, "labels", "none", "as for pretrain")
	f.StringVar(&split, "split", "", splitHelp)
	f.StringVar(&channels, "channels", "", "as for pretrain")
	f.StringArrayVar(&sets, "set", nil, "change the recipes, augment.OP.FIELD=VALUE; repeatable")
	f.IntVar(&images, "images", 8, "number of images, a row each")
	f.IntVar(&draws, "epochs", 3, "number of epochs whose views are drawn")
	f.IntVar(&size, "size", 0, "side of a view in pixels; default by the images")
	f.Uint64Var(&seed, "seed", 1, "seed of the views")
	return c
}

// recipes returns the method's recipes for the images, with the changes of --set.
func recipes(s *dataset.Source, name string, size int, sets []string) ([]augment.Recipe, int, error) {
	settings, err := givenSettings(&cobra.Command{}, sets)
	if err != nil {
		return nil, 0, usage(err)
	}
	return pretrain.Recipes(s, name, size, settings)
}

// levelsOf measures the levels of images that keep their channels, as pretraining does.
func levelsOf(ctx context.Context, s *dataset.Source) (augment.Normalize, error) {
	if !s.Kept() {
		return augment.Normalize{}, nil
	}
	f, n, err := dataset.DeepStats(ctx, s, 2000)
	if err == nil {
		s.Require(f)
	}
	return n, err
}

// mostSheet bounds the pixels of a sheet: 512 MiB.
const mostSheet = 1 << 27

// contactSheet draws a row per image: the image, then its views, epoch by epoch.
func contactSheet(s *dataset.Source, levels augment.Normalize, recipes []augment.Recipe, side, images, draws int,
	seed uint64,
) (image.Image, error) {
	images = min(images, s.Len())
	columns := 1 + float64(draws)*float64(len(recipes))
	if pixels := float64(images) * columns * float64(side) * float64(side); pixels > mostSheet {
		return nil, usage(fmt.Errorf("the sheet would have %.0f million pixels, want at most %.0f million: "+
			"give smaller --images, --epochs or --size", pixels/1e6, mostSheet/1e6))
	}
	page, place := sheet.New(images, 1+draws*len(recipes), side, sheet.Gap)
	row := 0
	for index := 0; index < s.Len() && row < images; index++ {
		at := index * max(1, s.Len()/images) % s.Len()
		img, release, err := s.Hold(at)
		if err != nil {
			continue
		}
		levels.Levels(img)
		place(row, 0, img)
		for epoch := range draws {
			for v, r := range recipes {
				place(row, 1+epoch*len(recipes)+v, r.View(img, augment.ViewRand(seed, epoch, at, v)))
			}
		}
		release()
		row++
	}
	if row == 0 {
		return nil, errors.New("none of the images could be read")
	}
	return page, nil
}
