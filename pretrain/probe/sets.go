// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/run"
)

// Sets opens and reads the images on which encoders are evaluated.
type Sets struct {
	Config  *config.Config
	Probes  []*Probe
	Sources []*dataset.Source // the probes' images; the queries of a split follow their bank
	Ahead   int               // of the probes' loaders, as in [dataset.Loader]
	Keep    int               // likewise; 0 is Kept

	ctx    context.Context
	sample *dataset.Loader // some images of the first bank; the guard watches them if there is one
	kept   *dataset.Loader // some queries, whose features are kept and whose views are compared; nil for none
}

// NewSets returns Sets without probes. Images are read until ctx ends.
func NewSets(ctx context.Context, c *config.Config) *Sets { return &Sets{ctx: ctx, Config: c} }

// Probe is a set of images on which an encoder is evaluated: a bank of neighbours and queries.
type Probe struct {
	Name    string
	Bank    *dataset.Loader
	Queries *dataset.Loader
	Some    *dataset.Loader // all images of the bank, labelled or not
	Classes int             // 0 without labels
	Drawn   string          // how the queries were chosen
	Rest    string          // which images the bank has

	Names    []string      // of the classes
	Protocol eval.Protocol // by the labels, before an image is read

	path  string          // where the images are, as it was given
	pairs *dataset.Loader // two views of some of the queries; nil for a method with one view
	own   bool            // the images are the training data, whose classes the linear probe knows
	held  part            // the queries, if they were held out of the bank's images

	seen    bool // the images were read once
	overlap int  // queries whose pixels are also those of an image in the bank, known once the images were read
}

// Add makes a probe of the images in bank, which was opened at path. [Sets.Close] closes bank.
func (s *Sets) Add(path string, bank *dataset.Source) error {
	c := s.Config
	s.Sources = append(s.Sources, bank)
	p := &Probe{Name: path, path: path, own: path == c.Data.Path, Classes: len(bank.Classes), Names: bank.Classes}
	if path == run.GuardProbe {
		p.Name = "./" + path // the bare name is the name of the guard's sample
	}
	bankData, queryData, err := s.divide(p, path, bank)
	if err != nil {
		return err
	}
	load := s.Plain
	if p.held.Dataset != nil && c.Probe.Queries == config.ByClass {
		load = func(d dataset.Dataset) *dataset.Loader { return s.Plain(limited(d, c.Probe.Limit)) }
	}
	p.Some, p.Queries = load(bankData), load(queryData)
	p.Bank = p.Some
	if images, some := labelled(bankData); some {
		p.Bank = load(images)
	}
	if len(c.Augment) > 1 {
		p.pairs = s.Plain(p.Queries.Data)
		p.pairs.Recipes, p.pairs.Limit = c.Augment[:2], min(alignmentPairs, p.Queries.Data.Len())
	}
	if s.sample == nil {
		s.sample = s.Plain(bankData)
		s.sample.Limit = min(watched, bankData.Len())
	}
	p.Protocol = eval.NewProtocol(labels(p.Bank), labels(p.Queries))
	s.Probes = append(s.Probes, p)
	return nil
}

// divide divides a probe's images into the bank and the queries: those of the split test or val, or else images that
// are held out. A split that is a part of the bank holds nothing out.
func (s *Sets) divide(p *Probe, path string, bank *dataset.Source) (rest, queries dataset.Dataset, err error) {
	c := s.Config
	mode, byClass := "", c.Probe.Queries == config.ByClass
	if p.own {
		mode = c.Data.Labels
	}
	whole := bank.Split == "" || bank.Split == dataset.SplitAll
	for _, split := range []string{dataset.SplitTest, dataset.SplitVal} {
		if !bank.HasSplit(split) || bank.Split == split || byClass && whole {
			continue
		}
		queries, err := selectQueries(bank, split, mode)
		if err != nil {
			return nil, nil, fmt.Errorf("split %s of %s: %w", split, path, err)
		}
		s.Sources = append(s.Sources, queries)
		p.Drawn, p.Rest = split, bank.Split
		return bank, queries, nil
	}
	p.Drawn, p.Rest = "every fifth image", "four of five images"
	if byClass {
		p.Drawn, p.Rest = fmt.Sprintf("a fifth, drawn at random with seed %d", QuerySeed), "the others"
		if p.Classes > 0 {
			p.Drawn = fmt.Sprintf("a fifth of each class, drawn at random with seed %d", QuerySeed)
		}
	}
	rest, p.held = hold(bank, c.Probe.Queries)
	return rest, p.held, nil
}

// labels returns the labels of the images that a loader's pass visits.
func labels(l *dataset.Loader) []int {
	images := l.Visits()
	all := make([]int, len(images))
	for i, image := range images {
		all[i] = l.Data.Label(image)
	}
	return all
}

// selectQueries opens the split of a bank's data that holds the queries. A label file may cover the training images
// alone. If it labels no query, the queries take their labels from their folders, provided that the folders have the
// names of the file's classes.
func selectQueries(bank *dataset.Source, split, labels string) (*dataset.Source, error) {
	queries, err := bank.Select(split, labels)
	if err != nil || len(bank.Classes) == 0 {
		return queries, err
	}
	for i := range queries.Len() {
		if queries.Label(i) >= 0 {
			return queries, nil
		}
	}
	named, err := bank.Select(split, "folders")
	if err != nil || !slices.Equal(named.Classes, bank.Classes) {
		return queries, nil // images without class folders are no mistake
	}
	return named, nil
}

// Plain returns a loader of images without augmentation.
func (s *Sets) Plain(d dataset.Dataset) *dataset.Loader {
	c := s.Config
	q, _ := dataset.NewQuarantine(d.Len(), "") // of one without a list there is no error
	q.Allow(c.Data.MaxUnreadable)
	return &dataset.Loader{
		Quarantine: q,
		Data:       d, Recipes: []augment.Recipe{augment.EvalRecipe(c.Data.Size)}, Normalize: c.Data.Normalize(),
		Batch: Batch, Workers: c.Train.Workers, Seed: c.Seed, Limit: c.Probe.Limit, Ahead: s.Ahead,
		Keep: cmp.Or(s.Keep, Kept),
	}
}

// Bound gives Ahead and Keep to the loaders that there are.
func (s *Sets) Bound() {
	for l := range s.loaders() {
		l.Ahead, l.Keep = s.Ahead, cmp.Or(s.Keep, Kept)
	}
}

// Rows returns how many images the loaders of all probes have, and the most that one has.
func (s *Sets) Rows() (all, largest int) {
	for l := range s.loaders() {
		n := l.Data.Len()
		if l.Limit > 0 {
			n = min(n, l.Limit)
		}
		all, largest = all+n, max(largest, n)
	}
	return all, largest
}

func (s *Sets) loaders() iter.Seq[*dataset.Loader] {
	return func(yield func(*dataset.Loader) bool) {
		all := []*dataset.Loader{s.sample, s.kept}
		for _, p := range s.Probes {
			all = append(all, p.Bank, p.Queries, p.pairs)
			if p.Some != p.Bank {
				all = append(all, p.Some)
			}
		}
		for _, l := range all {
			if l != nil && !yield(l) {
				return
			}
		}
	}
}

// Batches yields one view of a loader's images in the form that package eval takes.
func (s *Sets) Batches(l *dataset.Loader, view int) iter.Seq2[eval.Batch, error] {
	return s.batches(l, view, nil)
}

// batches is Batches that appends the number of each image to images, unless that is nil.
func (s *Sets) batches(l *dataset.Loader, view int, images *[]int) iter.Seq2[eval.Batch, error] {
	return func(yield func(eval.Batch, error) bool) {
		defer l.Trim() // the next evaluation is far
		for b, err := range l.Sequential(s.ctx) {
			if err != nil {
				yield(eval.Batch{}, err)
				return
			}
			if images != nil {
				*images = append(*images, b.Index...)
			}
			v := b.Views[view]
			more := yield(eval.Batch{Pixels: v.Data, Shape: [4]int{v.N, v.C, v.H, v.W}, Labels: b.Labels}, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
}

// Autocast reports whether encoders compute in bfloat16.
func (s *Sets) Autocast() bool { return s.Config.Train.Precision == config.BF16 }

// Close closes the images.
func (s *Sets) Close() error {
	var err error
	for _, source := range s.Sources {
		err = errors.Join(err, source.Close())
	}
	return err
}

// First yields the first n values of a sequence.
func First[T any](n int, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := n
		for v, err := range seq {
			if !yield(v, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}
