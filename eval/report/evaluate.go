// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// The outputs of an encoder that can be evaluated.
const (
	OfBackbone  = "backbone"  // features h
	OfEmbedding = "embedding" // z, the projector's output
)

// FewestResamples give an interval whose bounds are more than the extremes.
const FewestResamples = 100

// mostResamples take minutes.
const mostResamples = 10_000_000

// Request says what to evaluate, and how. [Defaults] has the usual values.
type Request struct {
	Run        string // a run's directory, or an encoder.safetensors
	Checkpoint string // of a run: "last", "best" (by its own evaluations), or a step
	Data       string // images; "" for the run's own
	Labels     string // "none", "folders" or a CSV file; "" for the data's own
	Split      string // "train", "val", "test", "all" or "none"; "" for train if there are splits
	Of         string // OfBackbone or OfEmbedding
	Device     string // "" for the run's
	Clusters   int    // of k-means; 0 for as many as there are classes
	Limit      int    // largest number of images of each split; 0 for all
	Resamples  int    // bootstrap resamples for an interval
	Threads    int    // of the engine; 0 for one per core
	Workers    int    // threads that read images; 0 for one per core
	Seed       uint64 // of the resamples, the held-out images and k-means
	Untrained  bool   // evaluate the network before training, too
	// Progress, if not nil, is called while features are computed: done of `of` images of a split have gone through a
	// network. done is of when the split is finished.
	Progress func(network, split string, done, of int)
}

// Defaults returns the usual settings for evaluating a run.
func Defaults(run string) Request {
	return Request{Run: run, Checkpoint: "last", Of: OfBackbone, Resamples: 1000, Seed: 1, Untrained: true}
}

// KNN predicts the class of every test image from its nearest neighbours, for a grid of votes.
func KNN(ctx context.Context, r Request) (*Report, error) { return r.evaluate(ctx, "knn", evalKNN) }

// Linear fits linear classifiers to the frozen features.
func Linear(ctx context.Context, r Request) (*Report, error) {
	return r.evaluate(ctx, "linear", evalLinear)
}

// KMeans clusters the features, and compares the clusters with the classes if there are labels.
func KMeans(ctx context.Context, r Request) (*Report, error) {
	return r.evaluate(ctx, "cluster", evalClusters)
}

// check returns what is wrong with the request.
func (f *Request) check() error {
	switch {
	case f.Run == "":
		return errors.New("no run given: name the directory of a run, or an encoder.safetensors")
	case f.Of != OfBackbone && f.Of != OfEmbedding:
		return fmt.Errorf("output %q: it must be %s or %s", f.Of, OfBackbone, OfEmbedding)
	case f.Resamples < FewestResamples:
		return fmt.Errorf("%d bootstrap resamples: an interval needs %d or more", f.Resamples, FewestResamples)
	case f.Clusters < 0:
		return fmt.Errorf("%d clusters: want a number, or 0 for as many as classes", f.Clusters)
	}
	for _, n := range []struct {
		name  string
		value int
		most  int
	}{
		{"limit", f.Limit, math.MaxInt}, {"threads", f.Threads, config.MaxThreads},
		{"workers", f.Workers, config.MaxThreads}, {"bootstrap", f.Resamples, mostResamples},
	} {
		if n.value < 0 {
			return fmt.Errorf("%s is %d: want 0 or more", n.name, n.value)
		}
		if n.value > n.most {
			return fmt.Errorf("%s is %d: want %d or less", n.name, n.value, n.most)
		}
	}
	return nil
}

// evaluating is a running evaluation.
type evaluating struct {
	*Request
	*probe.Sets
	subject  *subject
	report   *Report
	networks []*embedded

	inBank, asked probe.Pixels // of the images to learn from and of those tested
}

// embedded is one network's features of the images.
type embedded struct {
	name         string
	bank, tested eval.Features
}

// rows returns the features to evaluate.
func (f *Request) rows(of eval.Features) torch.Tensor {
	if f.Of == OfEmbedding {
		return of.Z
	}
	return of.H
}

// evaluate opens the subject and measures it.
func (f *Request) evaluate(
	ctx context.Context, kind string, measure func(*evaluating) error,
) (report *Report, err error) {
	if err := f.check(); err != nil {
		return nil, run.Invalid(err)
	}
	s, err := openSubject(f)
	if err != nil {
		return nil, err
	}
	if err := torch.Use(s.config.Train.Device); err != nil {
		return nil, run.Invalid(err)
	}
	e := &evaluating{Request: f, Sets: probe.NewSets(ctx, s.config), subject: s}
	defer func() { err = errors.Join(err, e.Close()) }()
	source, err := s.images()
	if err == nil {
		err = e.Add(s.config.Data.Path, source)
	}
	if err != nil {
		err = fmt.Errorf("opening a probe: %w", err)
		if f.Data == "" && !s.file {
			err = fmt.Errorf("%w (if the run's images have moved, give their new place as the data)", err)
		}
		return nil, err
	}
	e.report = e.begin(kind)
	bank, tested, err := e.images(kind)
	if err != nil {
		return nil, err
	}
	err = torch.Scope(func() error {
		torch.SetThreads(s.config.Train.Threads)
		for _, trained := range []bool{true, false} {
			if !trained && !f.Untrained {
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
		return nil, fmt.Errorf("evaluating %s: %w", f.Run, err)
	}
	return e.report, nil
}

// images returns the images to fit to and those to test on; both are one loader if they are the same.
func (e *evaluating) images(kind string) (bank, tested *dataset.Loader, err error) {
	p, source := e.Probes[0], e.Sources[0]
	split := len(e.Sources) > 1
	e.report.Bank.Split, e.report.Tested.Split = p.Rest, p.Drawn
	if kind == "cluster" {
		if p.Classes == 0 && e.Clusters == 0 {
			return nil, nil, run.Invalid(fmt.Errorf("%s has no labels to count the clusters by: give their number, "+
				"or labels: a CSV file with the columns path,label, or a folder for each class", p.Name))
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
		return nil, nil, fmt.Errorf("%s has no labels to compare with: give labels, a CSV file with the columns "+
			"path,label, or a folder for each class (k-means works without labels)", p.Name)
	case p.Unmeasured() != "":
		return nil, nil, e.unmeasured(p.Unmeasured())
	}
	return p.Bank, p.Queries, nil
}

// unmeasured returns the error of an evaluation that has no accuracy to measure.
func (e *evaluating) unmeasured(why string) error {
	return fmt.Errorf("no accuracy can be measured on %s: %s; give images and labels of two classes or more, with two "+
		"images or more in each", e.Probes[0].Name, why)
}

// free frees the features.
func (n *embedded) free() {
	n.bank.Free()
	if n.tested.H != n.bank.H {
		n.tested.Free()
	}
}

// answerable returns the labels of the tested images that an accuracy counts. It adds to the report what they are, what
// is had by chance, and which images are left out.
func (e *evaluating) answerable() ([]int, error) {
	n, names := e.networks[0], e.Probes[0].Names
	p := eval.NewProtocol(n.bank.Labels, n.tested.Labels)
	if p.Queries == 0 {
		return nil, e.unmeasured("of the images that can be read, those tested have no label or one that those to " +
			"learn from lack")
	}
	r := e.report
	r.Chance = &Chance{Majority: p.Majority, Uniform: p.Uniform, Classes: p.Classes}
	r.LeftOut = p.LeftOut
	for _, class := range p.Lacking {
		r.Lacking = append(r.Lacking, names[class])
	}
	labels := eval.Answerable(n.bank.Labels, n.tested.Labels)
	r.Overlap = probe.Overlap(&e.inBank, &e.asked, labels)
	for _, note := range []string{
		probe.Chance(p), probe.LeftOut(p, names), probe.OverlapNote(r.Overlap, p.Queries),
	} {
		if note != "" {
			r.Notes = append(r.Notes, note)
		}
	}
	return labels, nil
}
