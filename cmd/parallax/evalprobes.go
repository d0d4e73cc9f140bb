// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/eval/report"
)

func allCommand() *cobra.Command {
	var f evalFlags
	c := f.command(&cobra.Command{
		Use:   "all --run DIR [--data PATH]",
		Short: "Every probe in one run",
		Long: `All runs every probe, or those of --only, on features that are computed once, and prints a table for
each. Robustness and finetune take by far the longest: each test image goes through the network 75 times,
each training image forward and backward in every epoch. --limit bounds the images. Without labels only
cluster is run, with --k.`,
		Example: `  parallax eval all --run runs/simclr-1
  parallax eval all --run runs/simclr-1 --only knn,linear,retrieval --against pixels --against colours
  parallax eval all --run runs/simclr-1 --limit 1000 --seeds 3 --format markdown --out results.md`,
	}, func(ctx context.Context, r report.Request) (result, error) { return report.All(ctx, r) })
	var names []string
	for _, p := range report.Probes() {
		names = append(names, p.Name)
	}
	c.Flags().StringSliceVar(&f.Only, "only", nil,
		"probes to run, separated by commas: "+strings.Join(names, ", ")+"; default all")
	addClusters(c, &f)
	addFineTune(c, &f)
	addGallery(c, &f)
	addCorruptions(c, &f)
	return c
}

func fewShotCommand() *cobra.Command {
	var f evalFlags
	return f.command(&cobra.Command{
		Use:   "fewshot --run DIR [--data PATH]",
		Short: "Accuracy from few labels",
		Long: `Fewshot fits softmax regression by L-BFGS to the frozen features of few training images: 1, 5 and 10 of
each class, and 1 % and 10 % of each class (at least one image). The penalty is fixed (1/N for N images,
scikit-learn's C of 1), because few images cannot choose one. Every number is a mean over draws of the
images (5, or --seeds), with an interval by Student's t. All networks learn from the same draws, so a
gain is a paired comparison.`,
		Example: `  parallax eval fewshot --run runs/simclr-1
  parallax eval fewshot --run runs/simclr-1 --against pixels --seeds 10 --format markdown`,
	}, one(report.FewShot))
}

func fineTuneCommand() *cobra.Command {
	var f evalFlags
	c := f.command(&cobra.Command{
		Use:   "finetune --run DIR [--data PATH]",
		Short: "Accuracy after training all weights further",
		Long: `Finetune starts from a linear classifier on the frozen features, fitted by L-BFGS, and then trains all
weights with labels: AdamW with a cosine schedule, a rate that falls by --decay from block to block away
from the classifier, random crops and flips. Nothing is chosen on images: the settings are the flags'.
The weights are trained in memory, and the run or file stays as it is. The untrained network beside it,
trained the same way, says what pretraining was worth.`,
		Example: `  parallax eval finetune --run runs/simclr-1 --epochs 10
  parallax eval finetune --run runs/simclr-1 --data photos --limit 2000 --seeds 3`,
	}, one(report.FineTune))
	addFineTune(c, &f)
	return c
}

func retrievalCommand() *cobra.Command {
	var f evalFlags
	c := f.command(&cobra.Command{
		Use:   "retrieval --run DIR [--data PATH]",
		Short: "Mean average precision and recall of ranked images",
		Long: `Retrieval ranks images by the cosine of their features to each test image: the other test images
(leave-one-out), or with --gallery bank the training images. An image of the same class is a hit. It
prints the mean average precision (mAP) over the whole ranking, and recall@k: the share of test images
with a hit among the first k, for k 1, 5 and 10.`,
		Example: `  parallax eval retrieval --run runs/simclr-1
  parallax eval retrieval --run runs/simclr-1 --gallery bank --against pixels --json`,
	}, one(report.Retrieval))
	addGallery(c, &f)
	return c
}

func robustnessCommand() *cobra.Command {
	var f evalFlags
	c := f.command(&cobra.Command{
		Use:   "robustness --run DIR [--data PATH]",
		Short: "Accuracy on corrupted images",
		Long: `Robustness fits a ridge classifier and kNN to clean training images, and tests them on test images that
are corrupted in the 15 ways of ImageNet-C at five strengths: noise (gaussian, shot, impulse), blur
(defocus, glass, motion, zoom), weather (snow, frost, fog) and digital (brightness, contrast, elastic,
pixelate, JPEG). The parameters are those of ImageNet-C, or of CIFAR-10-C for images of up to 64 px; frost
is a texture of our own. The same image and seed give the same pixels. --json has the accuracy of every
way and strength. The mean corruption error (mCE) is the mean over the ways of the error, over that of
the first --against or else of the untrained network: below 1 is more robust.`,
		Example: `  parallax eval robustness --run runs/simclr-1 --limit 500
  parallax eval robustness --run runs/simclr-1 --corruptions fog,spatter --against pixels --json`,
	}, one(report.Robustness))
	addCorruptions(c, &f)
	return c
}

func addClusters(c *cobra.Command, f *evalFlags) {
	c.Flags().IntVar(&f.Clusters, "k", 0, "number of clusters; default the number of classes")
}

func addFineTune(c *cobra.Command, f *evalFlags) {
	c.Flags().IntVar(&f.Epochs, "epochs", report.FineTuneEpochs, "passes of fine-tuning over the training images")
	c.Flags().Float64Var(&f.Rate, "rate", report.FineTuneRate, "learning rate of fine-tuning at batch 256")
	c.Flags().Float64Var(&f.Decay, "decay", report.FineTuneDecay,
		"factor of fine-tuning's rate from block to block, away from the classifier")
}

func addGallery(c *cobra.Command, f *evalFlags) {
	c.Flags().StringVar(&f.Gallery, "gallery", report.GalleryTested,
		"what retrieval ranks: tested (the other test images) or bank (the training images)")
}

func addCorruptions(c *cobra.Command, f *evalFlags) {
	c.Flags().StringSliceVar(&f.Corruptions, "corruptions", nil,
		"ways of robustness, separated by commas; default ImageNet-C's 15")
}
