// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/augment/corrupt"
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
	Run        string // a run's directory, an encoder.safetensors, or a checkpoint of another program
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
	// Against names what is evaluated beside it: runs' directories, encoders' files, Untrained, Pixels or Colours.
	Against []string
	// Seeds is over how many seeds, from Seed on, a number is a mean; 0 for 5 of few-shot and 1 of others.
	Seeds   int
	Only    []string // of All: names of Probes; none for all
	Gallery string   // of Retrieval: what is ranked, GalleryTested or GalleryBank; "" for GalleryTested
	// Corruptions are those of Robustness, by the names of package corrupt's kinds; none for the paper's 15.
	Corruptions []string
	Epochs      int     // of FineTune; 0 for FineTuneEpochs
	Rate        float64 // of FineTune: the learning rate at batch 256; 0 for FineTuneRate
	Decay       float64 // of FineTune: factor of the rate from block to block, from the head on; 0 for FineTuneDecay
	Cache       string  // folder in which features are kept for another evaluation; "" for none
	// Progress, if not nil, is called while features are computed: done of `of` images of a split have gone through a
	// network. done is of when the split is finished.
	Progress func(network, split string, done, of int)
}

// Defaults returns the usual settings for evaluating a run.
func Defaults(run string) Request {
	return Request{Run: run, Checkpoint: "last", Of: OfBackbone, Resamples: 1000, Seed: 1, Untrained: true}
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
	case f.Gallery != "" && f.Gallery != GalleryTested && f.Gallery != GalleryBank:
		return fmt.Errorf("gallery %q: it must be %s or %s", f.Gallery, GalleryTested, GalleryBank)
	case !(f.Rate >= 0 && f.Rate <= mostRate):
		return fmt.Errorf("the learning rate is %g: want 0 to %g", f.Rate, mostRate)
	case !(f.Decay >= 0 && f.Decay <= 1):
		return fmt.Errorf("the layers' decay is %g: want 0 to 1", f.Decay)
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
		{"seeds", f.Seeds, mostSeeds}, {"epochs", f.Epochs, mostEpochs}, {"against", len(f.Against), mostAgainst},
	} {
		if n.value < 0 {
			return fmt.Errorf("%s is %d: want 0 or more", n.name, n.value)
		}
		if n.value > n.most {
			return fmt.Errorf("%s is %d: want %d or less", n.name, n.value, n.most)
		}
	}
	for _, kind := range f.Corruptions {
		if err := (corrupt.Corruption{Kind: corrupt.Kind(kind), Strength: 1}).Validate(); err != nil {
			return fmt.Errorf("corruption: %w", err)
		}
	}
	return nil
}

// The largest values of a request.
const (
	mostSeeds   = 1000
	mostEpochs  = 1000
	mostAgainst = 16
	mostRate    = 10.0
)

// seeds is over how many seeds a probe's numbers are means.
func (f *Request) seeds(usual int) int { return cmp.Or(f.Seeds, usual) }

// evaluating is a running evaluation.
type evaluating struct {
	*Request
	*probe.Sets
	ctx      context.Context
	subject  *subject
	uncached error // why features could not be kept

	report   *Report     // of the running probe
	compared []*embedded // the networks' features for it
}

// evaluate opens the subject and measures it by the named probes. If those without labels may be skipped, the reports
// are of the others.
func (f *Request) evaluate(ctx context.Context, names []string, skip bool) (reports Reports, err error) {
	if err := f.check(); err != nil {
		return nil, run.Invalid(err)
	}
	var probes []Probe
	for _, name := range names {
		p, err := find(name)
		if err != nil {
			return nil, run.Invalid(err)
		}
		probes = append(probes, p)
	}
	s, err := openSubject(f)
	if err != nil {
		return nil, err
	}
	if err := torch.Use(s.config.Train.Device); err != nil {
		return nil, run.Invalid(err)
	}
	e := &evaluating{Request: f, Sets: probe.NewSets(ctx, s.config), ctx: ctx, subject: s}
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
	var left []string // notes on probes that are left out
	if labelled := func(p Probe) bool { return p.labels }; skip && e.Probes[0].Classes == 0 &&
		slices.ContainsFunc(probes, labelled) {
		probes = slices.DeleteFunc(probes, labelled)
		left = append(left, "the images have no labels: the probes that need them are left out")
		if len(probes) == 0 || f.Clusters == 0 {
			return nil, fmt.Errorf("%s has no labels: give labels, a CSV file with the columns path,label, or a "+
				"folder for each class; or the number of clusters, to run k-means alone", e.Probes[0].Name)
		}
	}
	if d := s.config.Data; d.Kept() {
		count := len(probes)
		probes = slices.DeleteFunc(probes, func(p Probe) bool { return p.rgb })
		if why := fmt.Sprintf("robustness corrupts 8-bit RGB, and the images have %v", d.Format()); len(probes) == 0 {
			return nil, run.Invalid(errors.New(why + ": evaluate by another probe"))
		} else if len(probes) < count {
			left = append(left, why+": it is left out")
		}
	}
	all, err := e.networks()
	if err != nil {
		return nil, err
	}
	err = torch.Scope(func() error {
		torch.SetThreads(s.config.Train.Threads)
		for _, n := range all {
			defer n.free()
		}
		for _, p := range probes {
			if err := e.measure(p, all); err != nil {
				return err
			}
			reports = append(reports, e.report)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("evaluating %s: %w", f.Run, err)
	}
	reports[0].Notes = append(reports[0].Notes, left...)
	if e.uncached != nil {
		note := fmt.Sprintf("features could not be kept in the cache: %v", e.uncached)
		reports[0].Notes = append(reports[0].Notes, note)
	}
	return reports, nil
}

// measure runs one probe on all networks.
func (e *evaluating) measure(p Probe, all []*network) error {
	e.report = e.begin(p)
	bank, tested, err := e.images(p.Name)
	if err != nil {
		return err
	}
	e.compared = nil
	for _, n := range all {
		of := &embedded{network: n}
		if of.bank, err = n.embed(e, e.report.Bank.Split, bank); err != nil {
			return err
		}
		if of.tested, err = n.embed(e, e.report.Tested.Split, tested); err != nil {
			return err
		}
		if first := append(e.compared, of)[0]; !slices.Equal(first.bank.labels, of.bank.labels) ||
			!slices.Equal(first.tested.labels, of.tested.labels) {
			return errOtherImages
		}
		e.compared = append(e.compared, of)
	}
	e.report.describe(e, bank, tested)
	return p.measure(e)
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
	case kind == "retrieval" && e.Gallery != GalleryBank:
		e.report.Bank.Split = e.report.Tested.Split
		return p.Queries, p.Queries, nil
	}
	return p.Bank, p.Queries, nil
}

// unmeasured returns the error of an evaluation that has no accuracy to measure.
func (e *evaluating) unmeasured(why string) error {
	return fmt.Errorf("no accuracy can be measured on %s: %s; give images and labels of two classes or more, with two "+
		"images or more in each", e.Probes[0].Name, why)
}

// answerable returns the labels of the tested images that an accuracy counts. It adds to the report what they are, what
// is had by chance, and which images are left out.
func (e *evaluating) answerable() ([]int, error) {
	n, names := e.compared[0], e.Probes[0].Names
	p := eval.NewProtocol(n.bank.labels, n.tested.labels)
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
	labels := eval.Answerable(n.bank.labels, n.tested.labels)
	if n.bank != n.tested {
		r.Overlap = probe.Overlap(&n.bank.pixels, &n.tested.pixels, labels)
	}
	for _, note := range []string{
		probe.Chance(p), probe.LeftOut(p, names), probe.OverlapNote(r.Overlap, p.Queries),
	} {
		if note != "" {
			r.Notes = append(r.Notes, note)
		}
	}
	return labels, nil
}
