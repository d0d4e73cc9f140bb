// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/augment/corrupt"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// A Probe is one way to judge the features of an encoder.
type Probe struct {
	Name  string // as in parallax eval NAME
	Short string // what it measures

	// protocol says how the numbers come about: settings, what is fitted to which images, how settings are chosen.
	protocol func(*evaluating) string
	labels   bool // it needs labels
	rgb      bool // it needs 8-bit RGB
	measure  func(*evaluating) error
}

// Probes lists the probes in the order of a whole evaluation. To add one, add a line here.
func Probes() []Probe {
	return []Probe{
		{"knn", "votes of the nearest neighbours", knnProtocol, true, false, evalKNN},
		{"linear", "linear classifiers on frozen features", linearProtocol, true, false, evalLinear},
		{"fewshot", "a linear classifier from few labels", fewShotProtocol, true, false, evalFewShot},
		{"finetune", "training all weights further", fineTuneProtocol, true, false, evalFineTune},
		{"retrieval", "ranking images by likeness", retrievalProtocol, true, false, evalRetrieval},
		{"robustness", "classifiers on corrupted images", robustnessProtocol, true, true, evalRobustness},
		{"cluster", "agreement of k-means clusters with classes", clusterProtocol, false, false, evalClusters},
	}
}

// probeNames lists the names of all probes.
func probeNames() (names []string) {
	for _, p := range Probes() {
		names = append(names, p.Name)
	}
	return names
}

// find returns the probe called name.
func find(name string) (Probe, error) {
	for _, p := range Probes() {
		if p.Name == name {
			return p, nil
		}
	}
	return Probe{}, fmt.Errorf("unknown probe %q: did you mean %q? (the probes are %s)", name,
		spelling.Nearest(name, probeNames()), strings.Join(probeNames(), ", "))
}

// KNN predicts the class of every test image from its nearest neighbours, for a grid of votes.
func KNN(ctx context.Context, r Request) (*Report, error) { return r.one(ctx, "knn") }

// Linear fits linear classifiers to the frozen features.
func Linear(ctx context.Context, r Request) (*Report, error) { return r.one(ctx, "linear") }

// KMeans clusters the features, and compares the clusters with the classes if there are labels.
func KMeans(ctx context.Context, r Request) (*Report, error) { return r.one(ctx, "cluster") }

// FewShot fits a linear classifier to few labelled images: 1, 5 and 10 of each class, and 1 and 10 % of all.
func FewShot(ctx context.Context, r Request) (*Report, error) { return r.one(ctx, "fewshot") }

// FineTune trains all weights further, in memory, from a linear classifier on the frozen features.
func FineTune(ctx context.Context, r Request) (*Report, error) { return r.one(ctx, "finetune") }

// Retrieval ranks images by their cosine to each test image, and says where those of its class come.
func Retrieval(ctx context.Context, r Request) (*Report, error) { return r.one(ctx, "retrieval") }

// Robustness tests classifiers that were fitted to clean images on images that are corrupted (package augment/corrupt).
func Robustness(ctx context.Context, r Request) (*Report, error) { return r.one(ctx, "robustness") }

// All runs the probes that [Request.Only] names, or every one, on features that are computed once. Probes that need
// labels are left out, with a note, if there are none.
func All(ctx context.Context, r Request) (Reports, error) {
	names := r.Only
	if len(names) == 0 {
		names = probeNames()
	}
	return r.evaluate(ctx, names, true)
}

// one runs one probe.
func (f *Request) one(ctx context.Context, name string) (*Report, error) {
	all, err := f.evaluate(ctx, []string{name}, false)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func knnProtocol(e *evaluating) string {
	return fmt.Sprintf("the k nearest images of the bank by cosine vote with weight exp(cosine/T); k %d and T %g (*) "+
		"are those of the run's own evaluations: the tested images choose nothing", e.Config.Probe.K,
		e.Config.Probe.Temperature)
}

func linearProtocol(e *evaluating) string {
	return fmt.Sprintf("classifiers on frozen, standardised features of the bank: ridge (lambda of %d), SGD (rate of "+
		"%d, 50 epochs), L-BFGS softmax regression (l2 penalty of %d), each setting chosen on a held-out fifth of "+
		"the bank",
		len(eval.Lambdas), len(eval.UsualSGD().Rates), len(eval.Penalties)) +
		e.overSeeds(1, "the held-out fifth and the order of SGD")
}

func clusterProtocol(e *evaluating) string {
	text := fmt.Sprintf("k-means on features of length 1, %d starts by k-means++, the one with the least inertia",
		kmeansRestarts)
	if e.Probes[0].Classes > 0 {
		text += "; ACC by the best matching of clusters to classes"
	}
	return text + e.overSeeds(1, "the starts")
}

func fewShotProtocol(e *evaluating) string {
	return "softmax regression by L-BFGS on the images drawn from the bank, l2 penalty 1/N for N images " +
		"(scikit-learn's C 1), features standardised over the whole bank; the setting is fixed" +
		e.overSeeds(fewShotDraws, "the draw of images")
}

func fineTuneProtocol(e *evaluating) string {
	return fmt.Sprintf("from an L-BFGS linear head on frozen features, all weights: %d epochs of AdamW, rate %g at "+
		"batch 256, batches of %d, times %g for each block further from the head, weight decay %g, cosine, a tenth "+
		"warm-up; random resized crops (area 0.35 to 1) and flips; no setting is chosen on images", e.epochs(),
		e.rate(), fineTuneBatch, e.decay(), fineTuneWeightDecay) + e.overSeeds(1, "the order and the views")
}

func retrievalProtocol(e *evaluating) string {
	over := "the other tested images (leave-one-out)"
	if e.Gallery == GalleryBank {
		over = "the bank"
	}
	return "each tested image ranks " + over + " by cosine; mAP is over the whole ranking, recall@k the share of " +
		"images with one of their class among the first k"
}

func robustnessProtocol(e *evaluating) string {
	return fmt.Sprintf("ridge (lambda chosen on a held-out fifth of the bank) and kNN (k %d, T %g) fitted to clean "+
		"images of the bank, tested on images corrupted in %d ways at %d strengths after resizing, with ImageNet-C's "+
		"parameters, CIFAR-10-C's up to %d px, seed %d; mCE is the mean over the ways of the errors' sum over that of "+
		"the network compared with", e.Config.Probe.K, e.Config.Probe.Temperature, len(e.kinds()), corrupt.Strengths,
		corrupt.SmallSide, e.Config.Seed)
}

// overSeeds says over how many seeds a number is a mean.
func (f *Request) overSeeds(usual int, what string) string {
	if n := f.seeds(usual); n > 1 {
		return fmt.Sprintf("; mean over %d seeds (%d to %d), which change %s", n, f.Seed, f.Seed+uint64(n)-1, what)
	}
	return fmt.Sprintf("; seed %d", f.Seed)
}
