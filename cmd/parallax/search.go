// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/search"
	"github.com/parallax-ssl/parallax/search/report"
)

// searchFlags are the flags of the commands that search embeddings.
type searchFlags struct {
	report.Source
	outs []string
	json bool
}

// ofEmbeddings ends the help of each of these commands.
const ofEmbeddings = `

The embeddings are those of a file that parallax embed wrote (--in), or of the images of --data, embedded
with the encoder of --run. The result is a table; --out writes it, by the ending of the file's name, as
CSV or JSON, or as pictures: a PNG, or an HTML page that needs no other file. Pictures need the images:
those of --data, or where the file of embeddings says that they were.`

// command completes a command that runs a search. work makes its report.
func (f *searchFlags) command(c *cobra.Command, indexed bool,
	work func(ctx context.Context, args []string) (*report.Report, error)) *cobra.Command {
	c.Long += ofEmbeddings + statuses(exit.Data, exit.Engine, exit.Memory, exit.Output, exit.OfSignal(syscall.SIGPIPE))
	c.PreRunE = enough
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, out := range f.outs {
			if err := report.CheckOut(out); err != nil {
				return err
			}
		}
		if term.IsTerminal(int(os.Stderr.Fd())) {
			f.Progress = parts
		}
		r, err := work(c.Context(), args)
		if err != nil {
			return err
		}
		defer r.Close()
		for _, out := range f.outs {
			if err := r.Write(c.Context(), out); err != nil {
				return err
			}
		}
		if f.json {
			return r.JSON(c.OutOrStdout())
		}
		text := r.Text()
		for _, out := range f.outs {
			text += "wrote " + printable.Name(out) + "\n"
		}
		_, err = io.WriteString(c.OutOrStdout(), text)
		return err
	}
	fl := c.Flags()
	fl.StringVar(&f.In, "in", "", "file of embeddings: .parquet, .npy or .csv")
	fl.StringVar(&f.Run, "run", "", "the run's directory, or an encoder's file (see parallax import)")
	fl.StringVar(&f.Data, "data", "", "images: a folder or an archive; with --in they are only drawn")
	fl.StringVar(&f.Layer, "layer", encoder.LayerBackbone, "with --run and no --in: backbone, projector or blocks")
	fl.StringArrayVar(&f.outs, "out", nil, "also write this `FILE`: .csv, .json, .png or .html; repeatable")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	if indexed {
		fl.StringVar(&f.Index, "index", report.Exact, "exact, or ivf: an index that is faster and may miss some")
		fl.IntVar(&f.Probes, "probes", 0, fmt.Sprintf("lists of the index to look into for an image; 0 for %d",
			report.DefaultProbes))
		c.RegisterFlagCompletionFunc("index", cobra.FixedCompletions([]string{report.Exact, report.IVF},
			cobra.ShellCompDirectiveNoFileComp))
	}
	fl.IntVar(&f.Threads, "threads", 0, "threads of the engine; default one per core")
	return c
}

// parts tells on standard error how much is done, in a line that it erases at the end.
func parts(what string, done, of int64) {
	if done >= of {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
		return
	}
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s: %.1f %%", what, 100*float64(done)/float64(of))
}

func similarCommand() *cobra.Command {
	var f searchFlags
	var k int
	c := f.command(&cobra.Command{
		Use:   "similar IMAGE... --in FILE",
		Short: "Find the images that are most like others",
		Long: `Similar finds, for each image named, the images whose embeddings have the largest cosine with its own. An
image is named by its path as the embeddings have it, or is another image file, which the encoder of --run
embeds. The search is exact; equal cosines are in the order of the embeddings. With --index ivf it looks
only into some lists of images near one another, and prints its recall, measured on a sample.`,
		Example: `  parallax similar photos/cat.png --in photos.parquet --data photos
  parallax similar new.png --in photos.parquet --run runs/simclr-1 --out similar.html
  parallax similar cat.png dog.png --run runs/simclr-1 --data photos -k 5`,
	}, true, func(ctx context.Context, images []string) (*report.Report, error) {
		return report.Similar(ctx, report.SimilarRequest{Source: f.Source, Images: images, K: k})
	})
	c.Flags().IntVarP(&k, "neighbours", "k", 10, "images to find for each")
	return c
}

func duplicatesCommand() *cobra.Command {
	var f searchFlags
	var q report.DuplicatesRequest
	linkage, whiten := "", true
	c := f.command(&cobra.Command{
		Use:   "duplicates --in FILE",
		Short: "Find near-duplicates, and say which to keep",
		Long: `Duplicates groups images whose embeddings have a cosine of at least the threshold. With complete linkage
each image of a group is that similar to each other one; with components a chain of similar images is
enough, so the ends may differ. The least cosine in each group is printed. Images of the same bytes are
always together. So are copies by their pixels, which are found when they are resized, re-encoded or
mirrored, whatever the encoder has learned: each image is read, and its lowest frequencies are compared.
--by embeddings leaves the pixels out, and --by pixels the embeddings. The image to keep has the most
pixels, then the most bytes, then the first name. To choose a threshold, read the estimate of how many
pairs others give. Embeddings are whitened first, so that what all images share does not count: then
unrelated images have cosines near 0, and those of copies stand out. No file is changed.`,
		Example: `  parallax duplicates --in photos.parquet --data photos
  parallax duplicates --in photos.parquet --threshold 0.9 --linkage components --out duplicates.csv
  parallax duplicates --run runs/simclr-1 --data photos --layer blocks --out duplicates.html`,
		Args: noArguments,
	}, false, func(ctx context.Context, _ []string) (*report.Report, error) {
		if !(q.Threshold >= -1 && q.Threshold <= 1) {
			return nil, usage(fmt.Errorf("--threshold %g: want a cosine, -1 to 1", q.Threshold))
		}
		if !(q.PixelThreshold >= -1 && q.PixelThreshold <= 1) {
			return nil, usage(fmt.Errorf("--pixel-threshold %g: want a cosine, -1 to 1", q.PixelThreshold))
		}
		if l := search.Linkage(linkage); l != search.Complete && l != search.Components {
			return nil, usage(fmt.Errorf("unknown linkage %q: want %s or %s", linkage, search.Complete,
				search.Components))
		}
		mirror := q.Mirror
		q.Source, q.Linkage, q.Plain = f.Source, search.Linkage(linkage), !whiten
		q.Mirror = mirror
		return report.Duplicates(ctx, q)
	})
	c.Flags().Float64Var(&q.Threshold, "threshold", 0, fmt.Sprintf(
		"least cosine of near-duplicates; 0 for %g, and %g of embeddings that are not whitened",
		report.DefaultThreshold, report.PlainThreshold))
	c.Flags().Float64Var(&q.PixelThreshold, "pixel-threshold", 0, fmt.Sprintf(
		"least cosine of copies by their pixels; 0 for %g", report.PixelThreshold))
	c.Flags().BoolVar(&q.Mirror, "mirror", true, "with --run and no --in: embed mirror images too, and average")
	byFlag(c, &q.By)
	c.Flags().BoolVar(&whiten, "whiten", true, "whiten the embeddings first")
	c.Flags().StringVar(&linkage, "linkage", string(search.Complete), "complete or components")
	c.RegisterFlagCompletionFunc("linkage", cobra.FixedCompletions([]string{string(search.Complete),
		string(search.Components)}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// byFlag adds the flag that says what images are compared by.
func byFlag(c *cobra.Command, by *string) {
	c.Flags().StringVar(by, "by", report.ByBoth, "compare by "+strings.Join(report.Bys, ", "))
	c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(report.Bys, cobra.ShellCompDirectiveNoFileComp))
}

func outliersCommand() *cobra.Command {
	var f searchFlags
	by := ""
	var k, limit int
	c := f.command(&cobra.Command{
		Use:   "outliers --in FILE",
		Short: "Find the images that are least like others",
		Long: `Outliers sorts images by their local outlier factor (Breunig et al. 2000): the mean density around an
image's nearest neighbours, divided by that around the image. It is about 1 for an image among its like,
and larger for one that is far from all. The density is 1 over the mean distance to the k nearest images.
An encoder knows little about images unlike those it was trained on, so each image is also read, and the
factor is multiplied by how unusual its pixels are: their energy by frequency, direction and colour,
against that of all images. --by embeddings leaves the pixels out, and --by pixels the embeddings. Images
of the same bytes count as one.`,
		Example: `  parallax outliers --in photos.parquet --data photos
  parallax outliers --in photos.parquet -k 10 --limit 50 --out outliers.html
  parallax outliers --run runs/simclr-1 --data photos --index ivf`,
		Args: noArguments,
	}, true, func(ctx context.Context, _ []string) (*report.Report, error) {
		return report.Outliers(ctx, report.OutliersRequest{Source: f.Source, By: by, K: k, Limit: limit})
	})
	byFlag(c, &by)
	c.Flags().IntVarP(&k, "neighbours", "k", 20, "neighbours by which the density is measured")
	c.Flags().IntVar(&limit, "limit", 20, "outliers to print")
	return c
}

func selectCommand() *cobra.Command {
	var f searchFlags
	var q report.SelectRequest
	c := f.command(&cobra.Command{
		Use:   "select N --in FILE",
		Short: "Choose images that are worth labelling",
		Long: `Select chooses N images. A diverse selection covers all images: each next one is the least like those
chosen before (greedy k-centre). A typical one stands for many: the images are clustered, and the most
typical image of each of the largest clusters is chosen (TypiClust); it is the better choice while few are
labelled. Images that are labelled already, in a file of paths, one a line, count as chosen.`,
		Example: `  parallax select 100 --in photos.parquet --data photos
  parallax select 20 --in photos.parquet --strategy typical --labelled labelled.txt --out select.csv
  parallax select 50 --run runs/simclr-1 --data photos --out select.html`,
		Args: func(_ *cobra.Command, args []string) (err error) {
			if len(args) != 1 {
				return usage(errors.New("select needs one number: how many images to choose"))
			}
			if q.N, err = strconv.Atoi(args[0]); err != nil || q.N < 1 {
				return usage(fmt.Errorf("%s is not a number of images to choose: want at least 1",
					printable.Short(args[0])))
			}
			return nil
		},
	}, false, func(ctx context.Context, _ []string) (*report.Report, error) {
		q.Source = f.Source
		return report.Select(ctx, q)
	})
	c.Flags().StringVar(&q.Strategy, "strategy", report.DiverseImages, strings.Join(report.Strategies, " or "))
	c.Flags().StringVar(&q.Labelled, "labelled", "", "file of the paths of images that are labelled, one a line")
	c.Flags().Uint64Var(&q.Seed, "seed", 1, "seed of the clusters of a typical selection")
	c.RegisterFlagCompletionFunc("strategy", cobra.FixedCompletions(report.Strategies,
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

func mapCommand() *cobra.Command {
	var f searchFlags
	var q report.MapRequest
	c := f.command(&cobra.Command{
		Use:   "map --in FILE --out FILE",
		Short: "Draw images in two dimensions",
		Long: `Map lays images out in two dimensions: by the two directions of largest variance (pca), or by t-SNE,
which keeps neighbours together but whose distances between groups mean little. T-SNE takes up to 10000
images, 2000 drawn at random unless --limit says otherwise. It starts at the PCA, so equal embeddings
give equal maps. Dots have the colours of the labels, if there are any.`,
		Example: `  parallax map --in photos.parquet --out map.png
  parallax map --in photos.parquet --data photos --method tsne --limit 1000 --out map.html
  parallax map --run runs/simclr-1 --data photos --out map.csv`,
		Args: noArguments,
	}, false, func(ctx context.Context, _ []string) (*report.Report, error) {
		q.Source = f.Source
		return report.Map(ctx, q)
	})
	c.Flags().StringVar(&q.Method, "method", report.PCA, strings.Join(report.Methods, " or "))
	c.Flags().Float64Var(&q.Perplexity, "perplexity", 0,
		"effective number of neighbours of t-SNE; 0 for 30, or a quarter of few images")
	c.Flags().IntVar(&q.Limit, "limit", 0, "images on the map; 0 for all, and 2000 for t-SNE")
	c.Flags().Uint64Var(&q.Seed, "seed", 1, "seed of the drawing of images")
	c.RegisterFlagCompletionFunc("method", cobra.FixedCompletions(report.Methods, cobra.ShellCompDirectiveNoFileComp))
	return c
}
