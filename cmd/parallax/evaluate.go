// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/parallax-ssl/parallax/eval/report"
)

// evalFlags are the flags of an evaluation.
type evalFlags struct {
	report.Request
	json bool
}

func evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "eval",
		Short: "Say how good a trained encoder is",
		Long: `Eval says what the features of a run's encoder are good for: by their nearest neighbours (knn), by linear classifiers fitted
to them (linear), or by how k-means sorts them (cluster). The network as it was before training is measured beside it,
because a number only means something beside that one; its batch-norm statistics are recomputed, as the run's own
evaluation at step 0 does. Every score has a 95 % confidence interval, by bootstrap over the images it was measured on.

Without --data the run's own images are taken. Neighbours and classifiers come from the split train and are tested on test,
or val; without such folders every fifth image is tested on.`,
		Example: `  parallax eval knn --run runs/simclr-1
  parallax eval linear --run runs/simclr-1 --data cifar10.tar.gz
  parallax eval cluster --run runs/simclr-1 --data photos --k 8`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(unknownCommand(c, args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(knnCommand(), linearCommand(), kmeansCommand())
	return c
}

func knnCommand() *cobra.Command {
	var f evalFlags
	return f.command(&cobra.Command{
		Use:   "knn --run DIR [--data PATH]",
		Short: "Accuracy of a vote of the nearest neighbours",
		Long: `Knn predicts the class of every test image from the classes of its k nearest training images by cosine, for k of 1 to 200
and several temperatures T: a neighbour's vote weighs exp(cosine/T), and as much as any other in the column majority. The
setting marked with * is the one by which the run measured itself, k 20 and T 0.07 unless that was set otherwise: with
the same images it gives the same accuracy. Choosing the best of the grid is choosing on the test images.`,
		Example: `  parallax eval knn --run runs/simclr-1
  parallax eval knn --run runs/simclr-1 --data photos --labels photos.csv --json
  parallax eval knn --run runs/simclr-1/encoder.safetensors --data photos`,
	}, report.KNN)
}

func linearCommand() *cobra.Command {
	var f evalFlags
	return f.command(&cobra.Command{
		Use:   "linear --run DIR [--data PATH]",
		Short: "Accuracy of linear classifiers on frozen features",
		Long: `Linear fits two classifiers to the frozen features of the training images and tests them on the test images. Ridge is
least squares on one-hot labels with weights held small, in closed form. SGD is softmax regression: momentum 0.9,
batches of 256, 50 epochs, the rate falling along a cosine, no weight decay. Features are standardised. Lambda and the
rate are those that are best on a fifth of the training images held out; the classifiers are then fitted to all of these. The
test images choose nothing. With more than five classes, top-5 is the share whose class is among the first five.`,
		Example: `  parallax eval linear --run runs/simclr-1
  parallax eval linear --run runs/simclr-1 --data cifar10.tar.gz --untrained=false --json`,
	}, report.Linear)
}

func kmeansCommand() *cobra.Command {
	var f evalFlags
	c := f.command(&cobra.Command{
		Use:   "cluster --run DIR [--data PATH]",
		Short: "Agreement of k-means clusters with classes",
		Long: `Cluster runs k-means on the features, each scaled to length 1: ten times from rows chosen by k-means++, of which the one with the
smallest inertia counts. It is fitted to the training images and says the cluster of the test images; without splits, both
are all images. With labels it prints the accuracy under the best matching of clusters to classes (ACC), NMI and
ARI. Inertia is the sum of squared distances to the centroids; the silhouette, from -1 to 1, says how much nearer images are to
their own cluster than to the next (of 2000 images at most). To train an encoder towards clusters: parallax cluster.`,
		Example: `  parallax eval cluster --run runs/simclr-1
  parallax eval cluster --run runs/simclr-1 --data unlabelled --k 8`,
	}, report.KMeans)
	c.Flags().IntVar(&f.Clusters, "k", 0, "number of clusters; default the number of classes")
	return c
}

// command completes the command of one kind of evaluation.
func (f *evalFlags) command(c *cobra.Command, measure func(context.Context, report.Request) (*report.Report, error)) *cobra.Command {
	c.Args = noArguments
	c.RunE = func(c *cobra.Command, _ []string) error {
		if term.IsTerminal(int(os.Stderr.Fd())) {
			f.Progress = progress
		}
		r, err := measure(c.Context(), f.Request)
		if err != nil {
			return err
		}
		if f.json {
			return json.NewEncoder(c.OutOrStdout()).Encode(r)
		}
		_, err = io.WriteString(c.OutOrStdout(), r.Text())
		return err
	}
	fl := c.Flags()
	fl.StringVar(&f.Run, "run", "", "the run's directory, or an encoder.safetensors")
	fl.StringVar(&f.Data, "data", "", "images: a folder, an archive, or synthetic; default the run's own")
	fl.StringVar(&f.Labels, "labels", "", "none, folders, or a CSV file of path,label; default what the data shows")
	fl.StringVar(&f.Of, "of", report.OfBackbone, "what is evaluated: backbone (features h) or embedding (z, the projector's output)")
	fl.StringVar(&f.Checkpoint, "checkpoint", "last", "which one: last, best (by the run's own evaluations), or a step")
	fl.BoolVar(&f.Untrained, "untrained", true, "evaluate the network before training, too")
	fl.IntVar(&f.Limit, "limit", 0, "take at most so many images of each split, chosen as the run's own evaluations do; 0 for all")
	fl.IntVar(&f.Resamples, "bootstrap", 1000, "resamples behind a confidence interval")
	fl.Uint64Var(&f.Seed, "seed", 1, "of the resamples, of what is held out, of k-means")
	fl.StringVar(&f.Device, "device", "", "cpu or cuda; default the run's")
	fl.IntVar(&f.Threads, "threads", 0, "threads of the engine; default one per core")
	fl.IntVar(&f.Workers, "workers", 0, "threads that read images; default one per core")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	c.RegisterFlagCompletionFunc("of", cobra.FixedCompletions([]string{report.OfBackbone, report.OfEmbedding}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// progress counts images on standard error, in a line that is gone in the end.
func progress(network, split string, done, of int) {
	if done == of {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
		return
	}
	fmt.Fprintf(os.Stderr, "\r\x1b[Kfeatures, %s network, %s: %d of %d images", network, split, done, of)
}
