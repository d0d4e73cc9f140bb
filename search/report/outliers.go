// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/search"
)

// An OutliersRequest asks for the images that are least like others.
type OutliersRequest struct {
	Source
	K     int // neighbours; 0 is 20
	Limit int // outliers to report; 0 is 20
}

const (
	defaultNeighbours = 20
	defaultOutliers   = 20
)

// Outliers finds the images that are least like others, by the local outlier factor of their embeddings:
// [search.Outliers]. Images of the same bytes count as one.
func Outliers(ctx context.Context, q OutliersRequest) (*Report, error) {
	k, limit := cmp.Or(q.K, defaultNeighbours), cmp.Or(q.Limit, defaultOutliers)
	if k < 1 || k > search.MostNeighbours {
		return nil, run.Invalid(fmt.Errorf("%d neighbours: want 1 to %d", k, search.MostNeighbours))
	}
	if limit < 1 {
		return nil, run.Invalid(fmt.Errorf("%d outliers to report: want at least 1", limit))
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
	r.fact("neighbours", strconv.Itoa(k))
	if err := t.unique(ctx, r); err != nil {
		return nil, err
	}
	x, probes, err := q.index(ctx, t, k, r)
	if err != nil {
		return nil, err
	}
	if x != nil {
		defer x.Close()
	}
	found, err := search.Outliers(ctx, t.rows, k, x, probes, q.progress("searching"))
	if err != nil {
		return nil, err
	}
	r.Columns = []string{"rank", "factor", "distance", "nearest", "path", "nearest path"}
	s := strip{title: "least like others"}
	for i, o := range found[:min(limit, len(found))] {
		path, near, cosine := t.paths.at(o.Row), any(nil), any(nil)
		if o.Neighbour.Row >= 0 {
			near, cosine = t.paths.at(o.Neighbour.Row), o.Neighbour.Cosine
		}
		r.Lines = append(r.Lines, []any{i + 1, o.Factor, o.Distance, cosine, path, near})
		if len(s.cells) == mostStrip {
			r.strips, s = append(r.strips, s), strip{title: fmt.Sprintf("least like others, %d and on", i+1)}
		}
		s.cells = append(s.cells, picture{path, caption(fmt.Sprintf("%.2f ", o.Factor), path)})
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
