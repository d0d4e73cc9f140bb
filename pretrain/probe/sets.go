// SPDX-License-Identifier: Apache-2.0

package probe

import (
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

	ctx    context.Context
	sample *dataset.Loader // the guard's sample; nil without a guard
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

	pairs *dataset.Loader // two views of some of the queries; nil for a method with one view
	own   bool            // the images are the training data, whose classes the linear probe knows
}

// Add makes a probe of the images in bank, which was opened at path. [Sets.Close] closes bank.
func (s *Sets) Add(path string, bank *dataset.Source) error {
	c := s.Config
	own, labels := path == c.Data.Path, ""
	if own {
		labels = c.Data.Labels
	}
	s.Sources = append(s.Sources, bank)
	var bankData, queryData dataset.Dataset
	for _, split := range []string{dataset.SplitTest, dataset.SplitVal} {
		if bank.HasSplit(split) && bank.Split != split && queryData == nil {
			queries, err := selectQueries(bank, split, labels)
			if err != nil {
				return fmt.Errorf("split %s of %s: %w", split, path, err)
			}
			s.Sources = append(s.Sources, queries)
			bankData, queryData = bank, queries
		}
	}
	if queryData == nil {
		bankData, queryData = hold(bank)
	}
	p := &Probe{Name: path, own: own, Classes: len(bank.Classes)}
	if path == run.GuardProbe {
		p.Name = "./" + path // the bare name is the name of the guard's sample
	}
	p.Some, p.Queries = s.Plain(bankData), s.Plain(queryData)
	p.Bank = p.Some
	if images, some := labelled(bankData); some {
		p.Bank = s.Plain(images)
	}
	if len(c.Augment) > 1 {
		p.pairs = s.Plain(queryData)
		p.pairs.Recipes, p.pairs.Limit = c.Augment[:2], min(alignmentPairs, queryData.Len())
	}
	if s.sample == nil && c.Train.OnCollapse != config.Off {
		s.sample = s.Plain(bankData)
		s.sample.Limit = min(watched, bankData.Len())
	}
	s.Probes = append(s.Probes, p)
	return nil
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
	return &dataset.Loader{
		Data: d, Recipes: []augment.Recipe{augment.EvalRecipe(c.Data.Size)}, Normalize: c.Data.Normalize(),
		Batch: probeBatch, Workers: c.Train.Workers, Seed: c.Seed, Limit: c.Probe.Limit, Keep: probeKept,
	}
}

// Batches yields one view of a loader's images in the form that package eval takes.
func (s *Sets) Batches(l *dataset.Loader, view int) iter.Seq2[eval.Batch, error] {
	return func(yield func(eval.Batch, error) bool) {
		for b, err := range l.Sequential(s.ctx) {
			if err != nil {
				yield(eval.Batch{}, err)
				return
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

// part is a subset of the images of a data set.
type part struct {
	dataset.Dataset
	rows []int
}

func (p part) Len() int                                   { return len(p.rows) }
func (p part) Image(i int) (*augment.Image, error)        { return p.Dataset.Image(p.rows[i]) }
func (p part) Hold(i int) (*augment.Image, func(), error) { return dataset.Hold(p.Dataset, p.rows[i]) }
func (p part) Label(i int) int                            { return p.Dataset.Label(p.rows[i]) }

// labelled returns the images that have a label. some reports whether they are some of the images: neither none nor
// all.
func labelled(d dataset.Dataset) (images dataset.Dataset, some bool) {
	p := part{Dataset: d}
	for i := range d.Len() {
		if d.Label(i) >= 0 {
			p.rows = append(p.rows, i)
		}
	}
	return p, len(p.rows) > 0 && len(p.rows) < d.Len()
}

// hold splits data without a test split: every fifth image is a query, the rest are the bank.
func hold(d dataset.Dataset) (bank, queries dataset.Dataset) {
	b, q := part{Dataset: d}, part{Dataset: d}
	for i := range d.Len() {
		if i%HoldOut == HoldOut-1 {
			q.rows = append(q.rows, i)
		} else {
			b.rows = append(b.rows, i)
		}
	}
	if len(q.rows) == 0 {
		return b, b
	}
	return b, q
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
