// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/parallax-ssl/parallax/eval/report"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
)

// evalFlags are the flags of an evaluation.
type evalFlags struct {
	report.Request
	json, noCache bool
	format, out   string
}

// result is what an evaluation prints.
type result interface {
	Text() string
	Markdown() string
}

func evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure how good a trained encoder is",
		Long: `Eval measures the features of a run's encoder: by the votes of nearest neighbours (knn), by linear
classifiers (linear), from few labels (fewshot), by training all weights further (finetune), by ranking
images (retrieval), on corrupted images (robustness), or by k-means clusters (cluster); all does each of
them. It also measures the same network before training, because a score means something only beside
that one, and with --against other encoders, raw pixels or colour histograms. The untrained network's
batch-norm statistics are recomputed, as in the run's own evaluation at step 0. Every score has a 95 %
confidence interval, by bootstrap over the test images or over draws, and the protocol beside it.

Without --data the run's own images are used. Neighbours and classifiers come from the split train; the
test images are those of test, or else of val. Without such folders a fifth of each class is tested,
drawn at random with a fixed seed; a run that began with probe.queries=fifth keeps every fifth image.
Test images whose class has no image to learn from count nowhere and are named. The report has the
accuracy by chance: of always answering with the largest class, and of guessing.

Features are computed once and kept in the user's folder for caches (parallax/features, at most 4 GiB),
under a hash of weights, images and preprocessing; --no-cache keeps and reads none, for images that
changed while their names and sizes did not. Nothing else is written but the output, so a signal ends an
evaluation at once.` +
			statuses(exit.Data, exit.Engine, exit.Memory, exit.Output, exit.OfSignal(syscall.SIGPIPE)),
		Example: `  parallax eval knn --run runs/simclr-1
  parallax eval linear --run runs/simclr-1 --data cifar10.tar.gz
  parallax eval all --run runs/simclr-1 --against pixels --against colours
  parallax eval cluster --run runs/simclr-1 --data photos --k 8`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(unknownCommand(c, args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(allCommand(), knnCommand(), linearCommand(), fewShotCommand(), fineTuneCommand(), retrievalCommand(),
		robustnessCommand(), kmeansCommand())
	return c
}

func knnCommand() *cobra.Command {
	var f evalFlags
	return f.command(&cobra.Command{
		Use:   "knn --run DIR [--data PATH]",
		Short: "Accuracy of a vote of the nearest neighbours",
		Long: `Knn predicts the class of every test image by a vote of its k nearest training images by cosine
similarity, for k from 1 to 200 and several temperatures T. A neighbour's vote weighs exp(cosine/T); in
the column majority all votes weigh the same. The mark * is on the setting of the run's own evaluations
(k 20 and T 0.07 unless set otherwise), which gives the same accuracy on the same images. To choose the
best of the grid is to choose on the test images.`,
		Example: `  parallax eval knn --run runs/simclr-1
  parallax eval knn --run runs/simclr-1 --data photos --labels photos.csv --json
  parallax eval knn --run runs/simclr-1/encoder.safetensors --data photos`,
	}, one(report.KNN))
}

func linearCommand() *cobra.Command {
	var f evalFlags
	return f.command(&cobra.Command{
		Use:   "linear --run DIR [--data PATH]",
		Short: "Accuracy of linear classifiers on frozen features",
		Long: `Linear fits three classifiers to the frozen, standardised features of the training images and tests them
on the test images. Ridge is least squares on one-hot labels with an L2 penalty lambda on the weights,
in closed form. SGD is softmax regression: momentum 0.9, batches of 256, 50 epochs, cosine decay of the
rate, no weight decay. L-BFGS is softmax regression with an L2 penalty, to its minimum. Lambda, the rate
and the penalty are chosen on a held-out fifth of the training images; the classifiers are then fitted to
all of them. The test images choose nothing. With more than five classes, top-5 is the share of images
whose class is among the five likeliest.`,
		Example: `  parallax eval linear --run runs/simclr-1
  parallax eval linear --run runs/simclr-1 --data cifar10.tar.gz --untrained=false --json`,
	}, one(report.Linear))
}

func kmeansCommand() *cobra.Command {
	var f evalFlags
	c := f.command(&cobra.Command{
		Use:   "cluster --run DIR [--data PATH]",
		Short: "Agreement of k-means clusters with classes",
		Long: `Cluster runs k-means on the features, each scaled to length 1. It starts ten times from rows chosen by
k-means++ and keeps the result with the smallest inertia. The centroids are fitted to the training
images and sort the test images; without splits, both are all images. With labels it prints the accuracy
under the best matching of clusters to classes (ACC), NMI and ARI. Inertia is the sum of squared
distances of the test images to the centroids. The silhouette, from -1 to 1, says how much nearer images
are to their own cluster than to the next (of at most 2000 images). parallax cluster trains an encoder to
cluster.`,
		Example: `  parallax eval cluster --run runs/simclr-1
  parallax eval cluster --run runs/simclr-1 --data unlabelled --k 8`,
	}, one(report.KMeans))
	addClusters(c, &f)
	return c
}

// one makes a probe's function one that a command calls.
func one(measure func(context.Context, report.Request) (*report.Report, error)) measuring {
	return func(ctx context.Context, r report.Request) (result, error) { return measure(ctx, r) }
}

// measuring is what a command calls.
type measuring func(context.Context, report.Request) (result, error)

// command completes the command of one kind of evaluation.
func (f *evalFlags) command(c *cobra.Command, measure measuring) *cobra.Command {
	c.Args, c.PreRunE = noArguments, enough
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(c); err != nil {
			return usage(err)
		}
		if term.IsTerminal(int(os.Stderr.Fd())) {
			f.Progress = progress
		}
		r, err := measure(c.Context(), f.Request)
		if err != nil {
			return err
		}
		return f.write(c.OutOrStdout(), r)
	}
	fl, usual := c.Flags(), report.Defaults("")
	fl.StringVar(&f.Run, "run", usual.Run, "the run's directory, or an encoder's file (see parallax import)")
	fl.StringVar(&f.Data, "data", "", "images: a folder, an archive, or synthetic; default the run's own")
	fl.StringVar(&f.Labels, "labels", "", "none, folders, or a CSV file of path,label; default by the data")
	fl.StringVar(&f.Split, "split", "", splitHelp)
	fl.StringVar(&f.Of, "of", usual.Of,
		"what to evaluate: backbone (features h) or embedding (z, the projector's output)")
	fl.StringVar(&f.Checkpoint, "checkpoint", usual.Checkpoint, "last, best (by the run's own evaluations), or a step")
	fl.BoolVar(&f.Untrained, "untrained", usual.Untrained, "evaluate the network before training, too")
	fl.IntVar(&f.Limit, "limit", 0,
		"use at most this many images of each split, chosen as in the run's own evaluations; 0 for all")
	fl.IntVar(&f.Resamples, "bootstrap", usual.Resamples, "resamples for each confidence interval")
	fl.Uint64Var(&f.Seed, "seed", usual.Seed, "seed of the resamples, of the held-out images and of k-means")
	fl.StringVar(&f.Device, "device", "", "cpu or cuda; default the run's")
	fl.IntVar(&f.Threads, "threads", 0, "threads of the engine; default one per core")
	fl.IntVar(&f.Workers, "workers", 0, "threads that read images; default one per core")
	fl.StringArrayVar(&f.Against, "against", nil,
		"also evaluate this `ENCODER`: a run's directory, a file with one, untrained, pixels or colours; repeatable")
	fl.IntVar(&f.Seeds, "seeds", 0,
		"repeat with so many seeds, from --seed on, and print the mean; default 1, or 5 draws")
	fl.BoolVar(&f.noCache, "no-cache", false, "neither read nor keep computed features")
	fl.StringVar(&f.format, "format", "text", "of the output: text, markdown or json")
	fl.StringVar(&f.out, "out", "", "write the output to this file")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON, like --format json")
	c.RegisterFlagCompletionFunc("of", cobra.FixedCompletions([]string{report.OfBackbone, report.OfEmbedding},
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

// check completes the request by the flags that it does not have.
func (f *evalFlags) check(c *cobra.Command) error {
	if f.json {
		if c.Flags().Changed("format") && f.format != "json" {
			return fmt.Errorf("--json and --format %s are two formats: leave one out", printable.Name(f.format))
		}
		f.format = "json"
	}
	if f.format != "text" && f.format != "markdown" && f.format != "json" {
		return fmt.Errorf("format %q: it must be text, markdown or json", f.format)
	}
	for _, name := range []string{"seeds", "epochs"} {
		if given := c.Flags().Lookup(name); given != nil && given.Changed && given.Value.String() == "0" {
			return fmt.Errorf("%s is 0: want 1 or more", name)
		}
	}
	if !f.noCache {
		f.Cache, _ = report.DefaultCache() // without a home there is no cache
	}
	return nil
}

// write prints the result, or writes it to the file asked for.
func (f *evalFlags) write(out io.Writer, r result) error {
	written := func(w io.Writer) (err error) {
		switch f.format {
		case "json":
			return json.NewEncoder(w).Encode(r)
		case "markdown":
			_, err = io.WriteString(w, r.Markdown())
		default:
			_, err = io.WriteString(w, r.Text())
		}
		return err
	}
	if f.out == "" {
		return written(out)
	}
	return run.WriteFile(f.out, written)
}

// progress counts images on standard error, in a line that it erases at the end.
func progress(network, split string, done, of int) {
	if done == of {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
		return
	}
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s network, %s: %d of %d", network, split, done, of)
}
