// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"fmt"

	"github.com/parallax-ssl/parallax/internal/tsne"
)

// MostTSNE bounds the rows of [TSNE], whose time grows with their square.
const MostTSNE = 10_000

// TSNE lays rows out so that neighbours stay neighbours: t-SNE (van der Maaten & Hinton 2008) on Euclidean distances of
// rows of length 1. Similarities are of the nearest 3·perplexity rows (van der Maaten 2014, section 4.1); the repulsion
// of all pairs is exact. It starts at [PCA], so it draws nothing at random: the result depends on the rows alone.
// perplexity, usually 30, is the effective number of neighbours, at least 2 and less than a third of the rows.
// Distances between clusters, and their sizes, mean little. It takes 2 ns a pair and step on one core, over 1000 steps,
// on all cores; progress counts steps.
func TSNE(ctx context.Context, rows *Rows, perplexity float64, progress Progress) (*Plane, error) {
	if rows.n > MostTSNE {
		return nil, fmt.Errorf("t-SNE of %d rows: want at most %d, for example a sample", rows.n, MostTSNE)
	}
	if !(perplexity >= 2 && perplexity < float64(rows.n)/3) {
		return nil, fmt.Errorf("a perplexity of %g for %d rows: want at least 2 and less than a third of the rows",
			perplexity, rows.n)
	}
	start, err := PCA(ctx, rows)
	if err != nil {
		return nil, err
	}
	matches, err := Neighbours(ctx, rows, int(3*perplexity), nil)
	if err != nil {
		return nil, err
	}
	near := make([][]tsne.Match, len(matches))
	for i, row := range matches {
		for _, m := range row {
			near[i] = append(near[i], tsne.Match(m))
		}
	}
	t := tsne.New(near, perplexity, start.Points, tsne.Whole, 0)
	for step := range tsne.Whole.Steps {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		t.Step()
		progress.report(int64(step+1), int64(tsne.Whole.Steps))
	}
	return &Plane{Points: t.Points(), Divergence: t.Divergence()}, nil
}
