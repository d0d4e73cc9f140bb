// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
)

// table returns a comparison of all methods.
func (g *generator) table() (string, error) {
	var b strings.Builder
	b.WriteString(row("method", "date", "how is collapse prevented?", "negatives", "predictor", "moving target",
		"stop-gradient", "clusters", "statistics", "memory", "labels") + rule(11))
	for _, e := range method.All {
		f, err := g.facts(e)
		if err != nil {
			return "", fmt.Errorf("%s: %w", e.Name, err)
		}
		labels := false
		switch e.New().(type) {
		case parallax.Supervised, parallax.Supporter:
			labels = true
		}
		cells := []string{fmt.Sprintf("[%s](%s.md)", e.Title, e.Name), e.Date, e.Collapse}
		for _, has := range []bool{
			slices.Contains(e.Uses, method.Negatives), f.has("predictor"), f.follows(), f.held > 0,
			slices.Contains(e.Uses, method.Clusters), slices.Contains(e.Uses, method.Statistics), f.remembers(), labels,
		} {
			cells = append(cells, yes(has, "yes", ""))
		}
		b.WriteString(row(cells...))
	}
	b.WriteString(`
Each method has its paper's settings. *Negatives*: other images are pushed away because they are other images. *Moving
target*: a second network follows the first without a gradient. *Stop-gradient*: some inputs of the loss get no
gradient, either the target's output or the method's own. *Clusters*: images are distributed over groups, prototypes or
classes. *Statistics*: the loss uses the variance, covariance, whitening or distribution of a batch's embeddings.
*Memory*: state of earlier batches is kept, such as a queue, a centre or a bank. Predictor, target, stop-gradient and
memory are observed in a training step of the code; negatives, clusters and statistics are declared in each method's
entry.
`)
	return b.String(), nil
}

// has reports whether a method has a part with parameters.
func (f *facts) has(name string) bool {
	return slices.ContainsFunc(f.parts, func(p part) bool { return p.name == name && !p.buffer })
}

// follows reports whether parameters without a gradient move.
func (f *facts) follows() bool {
	return slices.ContainsFunc(f.parts, func(p part) bool { return !p.buffer && !p.gradient && len(p.moved) > 0 })
}

// remembers reports whether the method has state besides the networks.
func (f *facts) remembers() bool {
	return slices.ContainsFunc(f.parts, func(p part) bool { return p.buffer })
}
