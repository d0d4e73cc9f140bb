// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/search"
)

// An OutliersRequest asks for the images that are least like others.
type OutliersRequest struct {
	Source
	By    string // ByBoth, ByEmbeddings or ByPixels; "" is both
	K     int    // neighbours; 0 is 20
	Limit int    // outliers to report; 0 is 20
}

const (
	defaultNeighbours = 20
	defaultOutliers   = 20
)

// Outliers finds the images that are least like others. By embeddings the score is their local outlier factor:
// [search.Outliers]. By pixels it is the deviation of their spectra: [search.Deviations] of [pixels.Spectrum]. By both
// it is the product, so that neither has to be scaled. Images of the same bytes count as one.
func Outliers(ctx context.Context, q OutliersRequest) (*Report, error) {
	k, limit := cmp.Or(q.K, defaultNeighbours), cmp.Or(q.Limit, defaultOutliers)
	if k < 1 || k > search.MostNeighbours {
		return nil, run.Invalid(fmt.Errorf("%d neighbours: want 1 to %d", k, search.MostNeighbours))
	}
	if limit < 1 {
		return nil, run.Invalid(fmt.Errorf("%d outliers to report: want at least 1", limit))
	}
	q.By = cmp.Or(q.By, ByBoth)
	if err := checkBy(q.By); err != nil {
		return nil, err
	}
	t, err := q.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := q.outliers(ctx, t, k, limit)
	return t.finish(r, err)
}

func (q *OutliersRequest) outliers(ctx context.Context, t *table, k, limit int) (*Report, error) {
	r := t.report("outliers")
	r.fact("compared by", q.By)
	if err := t.unique(ctx, r); err != nil {
		return nil, err
	}
	var deviations []float64
	if q.By != ByEmbeddings {
		var err error
		if deviations, err = q.deviations(ctx, t, r); err != nil {
			return nil, err
		}
	}
	found := make([]search.Outlier, t.rows.Len())
	if q.By == ByPixels {
		for i := range found {
			found[i] = search.Outlier{Row: i, Neighbour: search.Match{Row: -1}}
		}
	} else {
		r.fact("neighbours", strconv.Itoa(k))
		x, probes, err := q.index(ctx, t, k, r)
		if err != nil {
			return nil, err
		}
		if x != nil {
			defer x.Close()
		}
		if found, err = search.Outliers(ctx, t.rows, k, x, probes, q.progress("searching")); err != nil {
			return nil, err
		}
	}
	score := func(o search.Outlier) float64 {
		switch {
		case q.By == ByPixels:
			return deviations[o.Row]
		case deviations == nil:
			return o.Factor
		}
		return o.Factor * deviations[o.Row]
	}
	slices.SortStableFunc(found, func(a, b search.Outlier) int { return cmp.Compare(score(b), score(a)) })
	r.Columns = []string{"rank", "score", "factor", "deviation", "distance", "nearest", "path", "nearest path"}
	s := strip{title: "least like others"}
	for i, o := range found[:min(limit, len(found))] {
		path := t.paths.at(o.Row)
		line := []any{i + 1, score(o), nil, nil, nil, nil, path, nil}
		if q.By != ByPixels {
			line[2], line[4] = o.Factor, o.Distance
		}
		if deviations != nil {
			line[3] = deviations[o.Row]
		}
		if o.Neighbour.Row >= 0 {
			line[5], line[7] = o.Neighbour.Cosine, t.paths.at(o.Neighbour.Row)
		}
		r.Lines = append(r.Lines, line)
		if len(s.cells) == mostStrip {
			r.strips, s = append(r.strips, s), strip{title: fmt.Sprintf("least like others, %d and on", i+1)}
		}
		s.cells = append(s.cells, picture{path, caption(fmt.Sprintf("%.2f ", score(o)), path)})
	}
	r.strips = append(r.strips, s)
	return r, nil
}

// unique leaves out of the table all but the first of images with the same bytes.
func (t *table) unique(ctx context.Context, r *Report) error {
	seen := map[int32]bool{}
	var first []int
	for i, hash := range t.hashes {
		if hash < 0 || !seen[hash] {
			first = append(first, i)
		}
		seen[hash] = true
	}
	if len(first) == t.rows.Len() {
		return nil
	}
	r.note("images of the same bytes as another one, left out: %d", t.rows.Len()-len(first))
	rows, err := t.rows.Subset(ctx, first)
	if err != nil {
		return err
	}
	old := t.rows
	u := *t
	u.rows, u.paths, u.hashes, u.labels = rows, texts{}, nil, nil
	for _, i := range first {
		u.paths.add(t.paths.at(i))
		u.hashes, u.labels = append(u.hashes, t.hashes[i]), append(u.labels, t.labels[i])
	}
	*t = u
	return old.Close()
}
