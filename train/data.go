// SPDX-License-Identifier: Apache-2.0

package train

import (
	"context"
	"fmt"
	"iter"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/dataset"
)

// prepareData prepares what a method needs beyond views of each image: pairs of images, or labelled batches.
func (t *Trainer) prepareData() error {
	if p, ok := parallax.As[parallax.Pairer](t.Method); ok {
		t.Loader.Pair = p.Pair
	}
	s, ok := parallax.As[parallax.Supporter](t.Method)
	if !ok {
		return nil
	}
	t.spec = s.Support()
	if t.spec.Views < 1 || t.spec.Views > len(t.Loader.Recipes) {
		return fmt.Errorf("%s asks for %d views of labelled images: there are recipes for %d",
			t.Config.Method.Name, t.spec.Views, len(t.Loader.Recipes))
	}
	var err error
	t.supports, err = dataset.NewBalanced(&dataset.Loader{
		Data: t.Loader.Data, Recipes: t.Loader.Recipes[:t.spec.Views], Normalize: t.Loader.Normalize,
		Workers: t.Loader.Workers, Seed: t.Loader.Seed, Share: t.share(),
	}, t.spec.Classes, t.spec.PerClass)
	if err != nil {
		return fmt.Errorf("%s trains on labels: %w", t.Config.Method.Name, err)
	}
	return nil
}

// openSupports begins to read labelled batches, from the current step's on, until stop is called. The end of ctx does
// not end the reading, because a step that has begun is finished.
func (t *Trainer) openSupports(ctx context.Context) (stop func()) {
	if t.supports == nil {
		t.support = func() (*dataset.Batch, error) { return nil, nil }
		return func() {}
	}
	t.supports.Use(t.Loader.Quarantine)
	next, stop := iter.Pull2(t.supports.From(context.WithoutCancel(ctx), t.step*t.Config.Train.Accumulate))
	t.support = func() (*dataset.Batch, error) {
		batch, err, _ := next()
		if err == nil {
			t.clock.waits += batch.Wait
		}
		return batch, err
	}
	return stop
}

// labelled converts a labelled batch to the form that a Step has.
func (t *Trainer) labelled(b *dataset.Batch) *parallax.Support {
	s := &parallax.Support{Views: tensors(b), Classes: t.supports.Classes()}
	for row := range t.supports.Classes() * t.spec.PerClass { // of all processes
		s.Labels = append(s.Labels, row/t.spec.PerClass)
	}
	b.Release()
	return s
}
