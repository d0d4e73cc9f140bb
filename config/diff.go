// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// A Change is a value that differs between two configs. Old and New are written as in the file; "" means that a config
// has no such value.
type Change struct{ Path, Old, New string }

// String returns for example "optim.rate: 0.3 -> 0.1".
func (c Change) String() string {
	shown := func(s string) string {
		if s == "" {
			return "(none)"
		}
		return s
	}
	return fmt.Sprintf("%s: %s -> %s", c.Path, shown(c.Old), shown(c.New))
}

// Diff lists the differences in the order of the file. Values that only b has come last.
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

// flat returns every value beneath n as the Old of a Change, and for every view the order of its ops.
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

// mayChange are the values that a resume may change, or sections if a dot ends the name. They change the length of the
// run and what is evaluated, logged and kept. None of them affects a weight before the step from which it holds.
var mayChange = []string{
	"train.epochs", "train.max_steps", "train.workers", "train.memory", "train.eval_every", "train.eval_early",
	"train.save_every", "train.log_every", "train.keep", "train.on_collapse", "probe.", "data.max_unreadable",
	"data.cache",
	"stages.ends", "stages.planned",
}

// free reports whether a resume of a run with config c may change the value of a path.
func (c *Config) free(path string) bool {
	if path == "train.threads" {
		return c.Train.Scheme == Views // no sum depends on it
	}
	return slices.ContainsFunc(mayChange, func(m string) bool {
		return path == m || strings.HasSuffix(m, ".") && strings.HasPrefix(path, m)
	})
}

// byProcesses reports whether a value may change with the number of processes: sums depend on that already.
func byProcesses(path string) bool {
	return path == processesPath || path == "train.threads" || path == "train.scheme"
}

const processesPath = "train.processes"

// Refused lists the changes that a resume of a run with config a under config b must refuse. A resume may change the
// length of the run, the number of workers, that of threads if each computes whole views, what is kept, and how often
// and on what the run is evaluated. It may change the number of processes, and with it that of threads and the scheme.
// It may change the path and the split of the data if the fingerprint shows the same data.
func Refused(a, b *Config) ([]Change, error) {
	changes, err := Diff(a, b)
	if err != nil {
		return nil, err
	}
	sameData := a.Data.Fingerprint != "" && a.Data.Fingerprint == b.Data.Fingerprint
	shared := a.Train.Processes != b.Train.Processes
	return slices.DeleteFunc(changes, func(c Change) bool {
		return a.free(c.Path) && b.free(c.Path) || sameData && place(c.Path) || shared && byProcesses(c.Path)
	}), nil
}
