// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// A Change is one value that differs between two configs, as the file writes it; "" where one has no such value.
type Change struct{ Path, Old, New string }

// String is "optim.rate: 0.3 -> 0.1".
func (c Change) String() string {
	shown := func(s string) string {
		if s == "" {
			return "(none)"
		}
		return s
	}
	return fmt.Sprintf("%s: %s -> %s", c.Path, shown(c.Old), shown(c.New))
}

// Diff lists what differs, in the order of the file; what only b has comes last.
func Diff(a, b *Config) ([]Change, error) {
	old, err := tree(a)
	if err != nil {
		return nil, err
	}
	now, err := tree(b)
	if err != nil {
		return nil, err
	}
	was, is := old.flat(), now.flat()
	var changes []Change
	for _, c := range was {
		if i := slices.IndexFunc(is, func(o Change) bool { return o.Path == c.Path }); i < 0 {
			changes = append(changes, c)
		} else if is[i].Old != c.Old {
			changes = append(changes, Change{c.Path, c.Old, is[i].Old})
		}
	}
	for _, c := range is {
		if !slices.ContainsFunc(was, func(o Change) bool { return o.Path == c.Path }) {
			changes = append(changes, Change{c.Path, "", c.Old})
		}
	}
	return changes, nil
}

// flat is every value beneath n as the Old of a Change, and of every view the order of its ops.
func (n *node) flat() []Change {
	if n.kind == leaf {
		return []Change{{Path: n.path, Old: text(n.value)}}
	}
	var all []Change
	if n.kind == recipe {
		all = append(all, Change{Path: n.path, Old: "[" + strings.Join(n.keys(), ", ") + "]"})
	}
	for _, k := range n.kids {
		all = append(all, k.flat()...)
	}
	return all
}

// mayChange are the values, or with a dot at the end the sections, that a resume may change: the length of the run, and
// what is watched and kept, none of which enters a weight before the step it takes effect.
var mayChange = []string{
	"train.epochs", "train.max_steps", "train.workers", "train.eval_every", "train.eval_early", "train.save_every", "train.log_every", "train.keep", "train.on_collapse", "probe.",
}

// Refused is what a resume of a run with config a under config b would have to refuse: the changes other than of the
// run's length, its workers, and how often and on what it is watched. The data may have moved when the fingerprint
// says that it is the same.
func Refused(a, b *Config) ([]Change, error) {
	changes, err := Diff(a, b)
	if err != nil {
		return nil, err
	}
	sameData := a.Data.Fingerprint != "" && a.Data.Fingerprint == b.Data.Fingerprint
	var refused []Change
	for _, c := range changes {
		free := sameData && c.Path == "data.path"
		for _, m := range mayChange {
			free = free || c.Path == m || strings.HasSuffix(m, ".") && strings.HasPrefix(c.Path, m)
		}
		if !free {
			refused = append(refused, c)
		}
	}
	return refused, nil
}
