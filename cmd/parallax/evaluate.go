// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/torch"
)

// evalFlags are the flags of all evaluations, and --k of one.
type evalFlags struct {
	run, checkpoint, data, labels, of, device string
	limit, resamples, threads, workers, k     int
	seed                                      uint64
	untrained, json                           bool
}

// What --of may be: the rows that are evaluated.
const (
	ofBackbone  = "backbone"
	ofEmbedding = "embedding"
)

// fewestResamples give an interval whose bounds are not just the extremes.
const fewestResamples = 100

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
	}, evalKNN)
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
	}, evalLinear)
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
	}, evalClusters)
	c.Flags().IntVar(&f.k, "k", 0, "number of clusters; default the number of classes")
	return c
}

// command completes the command of one kind of evaluation.
func (f *evalFlags) command(c *cobra.Command, measure func(*evaluating) error) *cobra.Command {
	c.Args = noArguments
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return usage(err)
		}
		return f.evaluate(c.Context(), c.OutOrStdout(), c.Name(), measure)
	}
	fl := c.Flags()
	fl.StringVar(&f.run, "run", "", "the run's directory, or an encoder.safetensors")
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, or synthetic; default the run's own")
	fl.StringVar(&f.labels, "labels", "", "none, folders, or a CSV file of path,label; default what the data shows")
	fl.StringVar(&f.of, "of", ofBackbone, "what is evaluated: backbone (features h) or embedding (z, the projector's output)")
	fl.StringVar(&f.checkpoint, "checkpoint", "last", "which one: last, best (by the run's own evaluations), or a step")
	fl.BoolVar(&f.untrained, "untrained", true, "evaluate the network before training, too")
	fl.IntVar(&f.limit, "limit", 0, "take at most so many images of each split, chosen as the run's own evaluations do; 0 for all")
	fl.IntVar(&f.resamples, "bootstrap", 1000, "resamples behind a confidence interval")
	fl.Uint64Var(&f.seed, "seed", 1, "of the resamples, of what is held out, of k-means")
	fl.StringVar(&f.device, "device", "", "cpu or cuda; default the run's")
	fl.IntVar(&f.threads, "threads", 0, "threads of the engine; default one per core")
	fl.IntVar(&f.workers, "workers", 0, "threads that read images; default one per core")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	c.RegisterFlagCompletionFunc("of", cobra.FixedCompletions([]string{ofBackbone, ofEmbedding}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// check says what is wrong with the flags.
func (f *evalFlags) check() error {
	switch {
	case f.run == "":
		return errors.New("no run given: add --run DIR, the directory of a run, or an encoder.safetensors")
	case f.of != ofBackbone && f.of != ofEmbedding:
		return fmt.Errorf("--of %s: it is %s or %s", f.of, ofBackbone, ofEmbedding)
	case f.resamples < fewestResamples:
		return fmt.Errorf("--bootstrap %d: an interval needs %d resamples or more", f.resamples, fewestResamples)
	case f.k < 0:
		return fmt.Errorf("--k %d: want a number of clusters, or 0 for as many as classes", f.k)
	}
	for _, n := range []struct {
		flag  string
		value int
	}{{"limit", f.limit}, {"threads", f.threads}, {"workers", f.workers}} {
		if n.value < 0 {
			return fmt.Errorf("--%s %d: want 0 or more", n.flag, n.value)
		}
	}
	return nil
}

// evaluating is an evaluation at work.
type evaluating struct {
	*evalFlags
	*probe.Sets
	subject  *subject
	report   *evalReport
	networks []*embedded
}

// embedded is what one network makes of the images.
type embedded struct {
	name         string
	bank, tested eval.Features
}

// rows are what is evaluated of the features.
func (f *evalFlags) rows(of eval.Features) torch.Tensor {
	if f.of == ofEmbedding {
		return of.Z
	}
	return of.H
}

func (f *evalFlags) evaluate(ctx context.Context, out io.Writer, kind string, measure func(*evaluating) error) (err error) {
	s, err := openSubject(f)
	if err != nil {
		return err
	}
	if err := torch.Use(s.config.Train.Device); err != nil {
		return usage(err)
	}
	e := &evaluating{evalFlags: f, Sets: probe.NewSets(ctx, s.config), subject: s}
	defer func() { err = errors.Join(err, e.Close()) }()
	d := s.config.Data
	source, err := dataset.Open(d.Path, dataset.Options{Size: d.Size, Split: d.Split, Labels: d.Labels})
	if err == nil {
		err = e.Add(d.Path, source)
	}
	if err != nil {
		err = fmt.Errorf("opening a probe: %w", err)
		if f.data == "" && !s.file {
			err = fmt.Errorf("%w (if the run's images have moved, say where to with --data)", err)
		}
		return err
	}
	e.report = e.begin(kind)
	bank, tested, err := e.images(kind)
	if err != nil {
		return err
	}
	err = torch.Scope(func() error {
		torch.SetThreads(s.config.Train.Threads)
		for _, trained := range []bool{true, false} {
			if !trained && !f.untrained {
				continue
			}
			n, err := e.embed(trained, bank, tested)
			if err != nil {
				return err
			}
			defer n.free()
			e.networks = append(e.networks, n)
		}
		e.report.describe(e, bank, tested)
		return measure(e)
	})
	if err != nil {
		return fmt.Errorf("evaluating %s: %w", f.run, err)
	}
	if f.json {
		return e.report.encode(out)
	}
	_, err = io.WriteString(out, e.report.text())
	return err
}

// images are those that are fitted to and those that are tested on; one loader where they are the same.
func (e *evaluating) images(kind string) (bank, tested *dataset.Loader, err error) {
	p, source := e.Probes[0], e.Sources[0]
	split := len(e.Sources) > 1
	e.report.Bank.Split, e.report.Tested.Split = "four of five images", "every fifth image"
	if split {
		e.report.Bank.Split, e.report.Tested.Split = e.Sources[0].Split, e.Sources[1].Split
	}
	if kind == "cluster" {
		if p.Classes == 0 && e.k == 0 {
			return nil, nil, usage(fmt.Errorf("%s has no labels that say how many clusters there are: give --k N, or labels by --labels FILE.csv of path,label or a folder for each class", p.Name))
		}
		if split {
			return p.Some, p.Queries, nil
		}
		all := "all images"
		if source.Split != "" {
			all = source.Split
		}
		e.report.Bank.Split, e.report.Tested.Split = all, all
		loader := e.Plain(source)
		return loader, loader, nil
	}
	switch {
	case p.Classes == 0:
		return nil, nil, fmt.Errorf("%s has no labels to compare with: give --labels FILE.csv of path,label, or a folder for each class (eval cluster works without)", p.Name)
	case p.Classes == 1:
		return nil, nil, fmt.Errorf("all images of %s are of the class %s: to tell classes apart two are needed", p.Name, source.Classes[0])
	case !split && source.Len() < probe.HoldOut:
		return nil, nil, fmt.Errorf("%s has %d images: to test on every fifth, %d are needed", p.Name, source.Len(), probe.HoldOut)
	}
	return p.Bank, p.Queries, nil
}

// free frees the features.
func (n *embedded) free() {
	n.bank.Free()
	if n.tested.H != n.bank.H {
		n.tested.Free()
	}
}

// needLabels says so when an evaluation lacks labels that it cannot do without.
func (e *evaluating) needLabels(of imageSet) error {
	if of.Labelled == 0 {
		return fmt.Errorf("none of the %d images of %s (%s) has a label: give --labels FILE.csv of path,label that names some", of.Images, e.Config.Data.Path, of.Split)
	}
	return nil
}
