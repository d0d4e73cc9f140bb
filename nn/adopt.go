// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// counter ends the names of batch norm's counters, which play no part in a network. Files of other programs may lack
// them.
const counter = "num_batches_tracked"

// classifiers begin the names of layers that other programs' networks have after the features.
var classifiers = []string{"fc.", "head.", "heads.", "classifier."}

// copies are the words in the names of networks that follow another one in the same file: the momentum encoder of MoCo,
// the target of BYOL, the teacher of DINO.
var copies = []string{"encoder_k", "momentum", "target", "teacher", "ema"}

// Adopt is LoadLocal for weights that another program may have written. It accepts a prefix before all names, such as
// "module.encoder_q.", which it returns, a classifier after the features, which it ignores, and missing counters of
// batch norms. Of the networks under several prefixes it takes the only one that is no copy of another. An error leaves
// the subtree as it was.
func (p *Params) Adopt(states []State) (prefix string, err error) {
	found := p.prefixes(states)
	var fitting []string
	for _, prefix := range found {
		if p.fit(under(states, prefix), true) == nil {
			fitting = append(fitting, prefix)
		}
	}
	if len(fitting) > 1 && fitting[0] != "" {
		fitting = slices.DeleteFunc(fitting, func(prefix string) bool {
			return slices.ContainsFunc(copies, func(word string) bool { return strings.Contains(prefix, word) })
		})
	}
	switch {
	case len(fitting) == 1 || len(fitting) > 0 && fitting[0] == "":
		own := under(states, fitting[0])
		if err := Finite(own); err != nil {
			return "", err
		}
		p.set(own)
		return fitting[0], nil
	case len(fitting) > 1:
		return "", fmt.Errorf("the file holds several such networks, under the prefixes %s: keep the tensors of one",
			list(fitting))
	case len(found) > 0:
		return "", p.fit(under(states, found[0]), true)
	}
	return "", p.foreign(states)
}

// prefixes returns the prefixes under which the states have a tensor with the name of the subtree's first one and at
// least half of its other names, those with more of them first.
func (p *Params) prefixes(states []State) []string {
	names := map[string]bool{}
	for _, s := range states {
		names[s.Name] = true
	}
	own := p.All()
	if len(own) == 0 {
		return nil
	}
	matches := map[string]int{}
	first := p.Local(own[0])
	for _, s := range states {
		prefix, ok := strings.CutSuffix(s.Name, first)
		if !ok || prefix != "" && !strings.HasSuffix(prefix, ".") {
			continue
		}
		for _, n := range own {
			if names[prefix+p.Local(n)] {
				matches[prefix]++
			}
		}
	}
	maps.DeleteFunc(matches, func(_ string, n int) bool { return 2*n < len(own) })
	return slices.SortedFunc(maps.Keys(matches), func(a, b string) int {
		return cmp.Or(cmp.Compare(matches[b], matches[a]), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}

// under returns the states below a prefix, under their names there, without a classifier.
func under(states []State, prefix string) (own []State) {
	for _, s := range states {
		name, ok := strings.CutPrefix(s.Name, prefix)
		if !ok || slices.ContainsFunc(classifiers, func(c string) bool { return strings.HasPrefix(name, c) }) {
			continue
		}
		s.Name = name
		own = append(own, s)
	}
	return own
}

// foreign is the error for states without any of the subtree's names.
func (p *Params) foreign(states []State) error {
	if len(states) == 0 {
		return errors.New("the file holds no tensors")
	}
	var names []string
	for _, s := range states {
		names = append(names, s.Name)
	}
	const few = 4
	more := ""
	if len(names) > few {
		more = fmt.Sprintf(" and %d more", len(names)-few)
	}
	return fmt.Errorf("the file has tensors called %s%s, and not those of the network, such as %s, under any prefix",
		list(names[:min(few, len(names))]), more, printable.Short(p.Local(p.All()[0])))
}

func list(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, printable.Short(n))
	}
	return strings.Join(all, ", ")
}
