// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/search"
)

// The methods of a map.
const (
	PCA  = "pca"
	TSNE = "tsne"
)

// Methods are all of them.
var Methods = []string{PCA, TSNE}

// A MapRequest asks for a picture of the images in two dimensions.
type MapRequest struct {
	Source
	Method     string  // "" is PCA
	Perplexity float64 // of t-SNE; 0 is 30, or less for few images
	Limit      int     // images on the map, drawn at random if there are more; 0 is all, or 2000 for t-SNE
	Seed       uint64  // of the drawing
}

const (
	defaultPerplexity = 30
	defaultMapped     = 2000
)

// Map lays the images out in two dimensions: [search.PCA] or [search.TSNE].
func Map(ctx context.Context, q MapRequest) (*Report, error) {
	q.Method = cmp.Or(q.Method, PCA)
	if !slices.Contains(Methods, q.Method) {
		return nil, run.Invalid(fmt.Errorf("unknown method %q: want %s", q.Method, strings.Join(Methods, " or ")))
	}
	if q.Limit < 0 || q.Method == TSNE && q.Limit > search.MostTSNE {
		return nil, run.Invalid(fmt.Errorf("a map of %d images: want at least 1, and at most %d for t-SNE", q.Limit,
			search.MostTSNE))
	}
	t, err := q.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := q.mapped(ctx, t)
	return t.finish(r, err)
}

func (q *MapRequest) mapped(ctx context.Context, t *table) (*Report, error) {
	r := t.report("map")
	r.fact("method", q.Method)
	limit := q.Limit
	if limit == 0 && q.Method == TSNE {
		limit = defaultMapped
	}
	shown := make([]int, t.rows.Len())
	for i := range shown {
		shown[i] = i
	}
	rows := t.rows
	if limit > 0 && limit < len(shown) {
		shown = rand.New(rand.NewPCG(q.Seed, 0x3a9)).Perm(len(shown))[:limit]
		slices.Sort(shown)
		r.note("%d of %d images, drawn at random, are on the map", limit, t.rows.Len())
		var err error
		if rows, err = t.rows.Subset(ctx, shown); err != nil {
			return nil, err
		}
		defer rows.Close()
	}
	plane, err := q.plane(ctx, rows, r)
	if err != nil {
		return nil, err
	}
	r.Columns = []string{"x", "y", "label", "path"}
	p := &plot{points: plane.Points, classes: t.classes, paths: func(i int) string { return t.paths.at(shown[i]) }}
	for i, row := range shown {
		p.labels = append(p.labels, t.labels[row])
		label := ""
		if of := t.labels[row]; of >= 0 {
			label = t.classes[of]
		}
		r.Lines = append(r.Lines, []any{plane.Points[i][0], plane.Points[i][1], label, t.paths.at(row)})
	}
	r.plot = p
	return r, nil
}

func (q *MapRequest) plane(ctx context.Context, rows *search.Rows, r *Report) (*search.Plane, error) {
	if q.Method == PCA {
		plane, err := search.PCA(ctx, rows)
		if err == nil {
			r.fact("variance explained", fmt.Sprintf("%.1f %% and %.1f %%", 100*plane.Explained[0],
				100*plane.Explained[1]))
		}
		return plane, err
	}
	perplexity := q.Perplexity
	if perplexity == 0 {
		perplexity = min(defaultPerplexity, max(2, float64(rows.Len())/4))
	}
	plane, err := search.TSNE(ctx, rows, perplexity, q.progress("t-SNE, steps"))
	if err == nil {
		r.fact("perplexity", strconv.FormatFloat(perplexity, 'g', -1, 64))
		r.fact("divergence", fmt.Sprintf("%.3f", plane.Divergence))
	}
	return plane, err
}
