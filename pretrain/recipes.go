// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
)

// Recipes returns the recipes of the method called name for the images, one per view, with the settings applied, and
// the side of a view in pixels. If size is 0, the side follows from the images.
func Recipes(s *dataset.Source, name string, size int, settings []Setting) ([]augment.Recipe, int, error) {
	entry, err := method.Find(name)
	if err != nil {
		return nil, 0, run.Invalid(err)
	}
	if size == 0 {
		if size, err = s.ViewSize(); err != nil {
			return nil, 0, err
		}
	}
	m := entry.New()
	c := config.Default()
	c.Method = config.MethodConfig{Name: name, Fields: m}
	c.Data.Size = size
	l, err := config.New(&c)
	if err != nil {
		return nil, 0, err
	}
	if err := views(l, m, settings); err != nil {
		return nil, 0, run.Invalid(err)
	}
	if s.Kept() {
		for i, r := range l.Augment {
			l.Augment[i], _ = augment.PerChannel(r)
		}
	}
	for _, set := range settings {
		if err := l.Set(set.Path, set.Value, set.Source); err != nil {
			return nil, 0, run.Invalid(err)
		}
	}
	for i, r := range l.Augment {
		if err := r.Validate(); err != nil {
			return nil, 0, run.Invalid(fmt.Errorf("augment.%d: %w", i, err))
		}
	}
	return l.Augment, size, nil
}
