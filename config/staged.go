// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/parallax-ssl/parallax/augment"
)

// Staged returns the recipes of the views in a stage, from 0, given those of full-size views.
func (c *Config) Staged(stage int, full []augment.Recipe) []augment.Recipe {
	size, strength := c.Data.Size, 1.
	if s := c.Stages.Sizes; stage < len(s) {
		size = s[stage]
	}
	if s := c.Stages.Strength; stage < len(s) {
		strength = s[stage]
	}
	recipes := make([]augment.Recipe, len(full))
	for v, r := range full {
		recipes[v] = r.Staged(c.Data.Size, size, strength)
	}
	return recipes
}

// At returns the stage of a step, from 0, of a run of so many steps.
func (s *Stages) At(step, steps int) int {
	ends := s.Ends
	if len(ends) == 0 {
		ends = s.EndsOf(steps)
	}
	stage := 0
	for stage < len(ends) && stage < s.Number()-1 && step >= ends[stage] {
		stage++
	}
	return stage
}

// Recipes returns what the section augment of a config file says: a recipe for each view. The method need not be known,
// and other sections are not looked at. file is the file's name in errors.
func Recipes(data []byte, file string) ([]augment.Recipe, error) {
	top, err := parse(data, file)
	if err != nil {
		return nil, err
	}
	if top == nil {
		return nil, fmt.Errorf("%s is empty", file)
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value != "augment" {
			continue
		}
		section, err := yaml.Marshal(map[string]*yaml.Node{"augment": top.Content[i+1]})
		if err != nil {
			return nil, err
		}
		c := Default()
		l, err := New(&c)
		if err != nil {
			return nil, err
		}
		if err := l.Merge(section, file); err != nil {
			return nil, err
		}
		for v, r := range l.Augment {
			if err := r.Validate(); err != nil {
				return nil, fmt.Errorf("augment.%d: %w", v, err)
			}
		}
		return l.Augment, nil
	}
	return nil, fmt.Errorf("%s has no section augment", file)
}
