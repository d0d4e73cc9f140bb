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

// Sets opens and reads the images that encoders are evaluated on.
type Sets struct {
	Config  *config.Config
	Probes  []*Probe
	Sources []*dataset.Source // behind the probes; the queries of a split follow their bank

	ctx    context.Context
	sample *dataset.Loader // what the guard watches; nil without a guard
}

// NewSets returns no probes yet; images are read until ctx ends.
func NewSets(ctx context.Context, c *config.Config) *Sets { return &Sets{ctx: ctx, Config: c} }

// Probe is a set of images on which an encoder is evaluated: a bank of neighbours and queries.
type Probe struct {
	Name    string
	Bank    *dataset.Loader
	Queries *dataset.Loader
	Some    *dataset.Loader // images of the bank, labelled or not
	Classes int             // 0 without labels

	pairs *dataset.Loader // two views of some of the queries
	own   bool            // it is of the training data: the linear probe knows its classes
}

// Add makes a probe of the images in bank, which was opened at path, and closes it in the end.
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
		p.Name = "./" + path // the name alone is that of the guard's sample
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

// selectQueries takes the split of a bank's data whose images are classified. A file of labels may be for the training images
// alone: when it labels none of the others, their folders do, if those are named like the file's classes.
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
		return queries, nil // images without folders of classes, which is no mistake
	}
	return named, nil
}

// Plain loads images without augmentation.
func (s *Sets) Plain(d dataset.Dataset) *dataset.Loader {
	c := s.Config
	return &dataset.Loader{
		Data: d, Recipes: []augment.Recipe{augment.EvalRecipe(c.Data.Size)}, Normalize: c.Data.Normalize(),
		Batch: probeBatch, Workers: c.Train.Workers, Seed: c.Seed, Limit: c.Probe.Limit, Keep: probeKept,
	}
}

// Batches are one view of a loader's images as package eval wants them.
func (s *Sets) Batches(l *dataset.Loader, view int) iter.Seq2[eval.Batch, error] {
	return func(yield func(eval.Batch, error) bool) {
		for b, err := range l.Sequential(s.ctx) {
			if err != nil {
				yield(eval.Batch{}, err)
				return
			}
			v := b.Views[view]
			goOn := yield(eval.Batch{Pixels: v.Data, Shape: [4]int{v.N, v.C, v.H, v.W}, Labels: b.Labels}, nil)
			b.Release()
			if !goOn {
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

// part is some of the images of a data set.
type part struct {
	dataset.Dataset
	rows []int
}

func (p part) Len() int                            { return len(p.rows) }
func (p part) Image(i int) (*augment.Image, error) { return p.Dataset.Image(p.rows[i]) }
func (p part) Label(i int) int                     { return p.Dataset.Label(p.rows[i]) }

// labelled is the images that have a label, and whether they are some: neither none nor all.
func labelled(d dataset.Dataset) (images dataset.Dataset, some bool) {
	p := part{Dataset: d}
	for i := range d.Len() {
		if d.Label(i) >= 0 {
			p.rows = append(p.rows, i)
		}
	}
	return p, len(p.rows) > 0 && len(p.rows) < d.Len()
}

// hold splits data without a test split: every fifth image is a query.
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

// First ends a sequence after n values.
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
