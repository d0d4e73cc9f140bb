// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/parallax-ssl/parallax/search"
)

// The least cosines of near-duplicates unless set otherwise.
const (
	DefaultThreshold = 0.8  // of whitened embeddings
	PlainThreshold   = 0.95 // of embeddings as they are
	PixelThreshold   = 0.9  // of signatures: pixels.Signature
)

// A DuplicatesRequest asks for near-duplicates.
type DuplicatesRequest struct {
	Source
	By             string         // ByBoth, ByEmbeddings or ByPixels; "" is both
	Threshold      float64        // least cosine of embeddings of similar images, -1 to 1; 0 is the default
	PixelThreshold float64        // least cosine of signatures of copies, -1 to 1; 0 is the default
	Linkage        search.Linkage // which similar images form a group; "" is complete
	Plain          bool           // compare the embeddings as they are, not whitened
}

// The cosines for which the number of pairs is estimated.
var (
	thresholds      = []float64{0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99}
	pixelThresholds = []float64{0.8, 0.85, 0.9, 0.95, 0.98}
)

const pairSample = 1000 // images that are compared with all, for the estimate

// Duplicates finds groups of near-duplicates. Images of the same bytes, by their SHA-256, are in one group. So are
// copies by their pixels, which include resized, re-encoded and mirrored ones: each group of them is then one image,
// the first, for the comparison of embeddings. Of each group it says which image to keep: the one of the most pixels,
// then of the most bytes, then of the first name; how similar the least similar two are, by what joined them; and
// whether all of it was joined by bytes, by pixels, or some by embeddings. It also estimates how many pairs other
// thresholds would give.
func Duplicates(ctx context.Context, q DuplicatesRequest) (*Report, error) {
	if q.Threshold == 0 {
		q.Threshold = map[bool]float64{false: DefaultThreshold, true: PlainThreshold}[q.Plain]
	}
	q.PixelThreshold = cmp.Or(q.PixelThreshold, PixelThreshold)
	q.By = cmp.Or(q.By, ByBoth)
	if err := checkBy(q.By); err != nil {
		return nil, err
	}
	t, err := q.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := q.duplicates(ctx, t)
	return t.finish(r, err)
}

// A member is an image of a group.
type member struct {
	row    int
	path   string
	w, h   int   // in pixels; 0 if the image cannot be read
	bytes  int64 // of its file; -1 if it is no file of its own
	copies int   // images of the group with the same bytes, itself included
}

// A joined group also says what joined it: bytes, pixels or embeddings.
type joined struct {
	search.Group
	by string
}

func (q *DuplicatesRequest) duplicates(ctx context.Context, t *table) (*Report, error) {
	r := t.report("duplicates")
	r.fact("compared by", q.By)
	r.fact("linkage", string(cmp.Or(q.Linkage, search.Complete)))
	var copies []search.Group
	if q.By != ByEmbeddings {
		var err error
		r.fact("threshold of pixels", strconv.FormatFloat(q.PixelThreshold, 'g', -1, 64))
		if copies, err = q.copies(ctx, t, r); err != nil {
			return nil, err
		}
	}
	found := copies
	if q.By != ByPixels {
		var err error
		if found, err = q.similar(ctx, t, t.alike(copies), r); err != nil {
			return nil, err
		}
	}
	groups := t.joined(found, copies)
	images := 0
	for _, g := range groups {
		images += len(g.Rows)
	}
	r.fact("groups", strconv.Itoa(len(groups)))
	r.fact("images in groups", strconv.Itoa(images))
	r.fact("images to remove", strconv.Itoa(images-len(groups)))
	measured, err := t.measure(ctx, groups, r)
	if err != nil {
		return nil, err
	}
	r.Columns = []string{"group", "images", "least", "by", "keep", "copies", "width", "height", "bytes", "path"}
	for i, members := range measured {
		g := groups[i]
		s := strip{title: fmt.Sprintf("group %d: %d images, least cosine %.4f", i+1, len(members), g.Least)}
		for j, m := range members {
			keep, mark := "", ""
			if j == 0 {
				keep, mark = "keep", "keep "
			}
			r.Lines = append(r.Lines, []any{i + 1, len(members), g.Least, g.by, keep, m.copies, known(m.w), known(m.h),
				known(int(m.bytes)), m.path})
			s.cells = append(s.cells, picture{m.path, caption(mark, m.path)})
		}
		r.strips = append(r.strips, s)
	}
	return r, nil
}

// similar finds groups of rows with like embeddings. Rows of the same number are one.
func (q *DuplicatesRequest) similar(ctx context.Context, t *table, same []int32, r *Report) ([]search.Group, error) {
	r.fact("threshold", strconv.FormatFloat(q.Threshold, 'g', -1, 64))
	r.fact("embeddings", map[bool]string{false: "whitened", true: "plain"}[q.Plain])
	if !q.Plain {
		white, err := search.Whiten(ctx, t.rows)
		if err != nil {
			return nil, err
		}
		if err := t.rows.Close(); err != nil {
			return nil, errors.Join(err, white.Close())
		}
		t.rows = white
	}
	if err := r.pairs(ctx, "pairs", t.rows, thresholds, q.Threshold); err != nil {
		return nil, err
	}
	return search.Duplicates(ctx, t.rows, search.Similar{Threshold: q.Threshold, Linkage: q.Linkage, Same: same,
		Progress: q.progress("comparing pairs")})
}

// pairs adds how many pairs some thresholds, and the one that was asked for, give.
func (r *Report) pairs(ctx context.Context, name string, rows *search.Rows, cosines []float64, asked float64) error {
	if !slices.Contains(cosines, asked) {
		cosines = append(slices.Clone(cosines), asked)
		slices.Sort(cosines)
	}
	pairs, err := search.EstimatePairs(ctx, rows, cosines, pairSample, 1)
	if err != nil || rows.Len() < 2 {
		return err
	}
	text := ""
	for i, p := range pairs {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.0f at %g", p.Pairs, p.Threshold)
	}
	how := "estimated"
	if rows.Len() <= pairSample {
		how = "counted"
	}
	r.fact(name+", "+how, text)
	return nil
}

// joined says what joined each group, and its least cosine by that: of embeddings, and of the copies by pixels in it.
func (t *table) joined(groups, copies []search.Group) []joined {
	of := map[int]int{} // the group of copies of a row, from 1 on
	for i, c := range copies {
		for _, row := range c.Rows {
			of[row] = i + 1
		}
	}
	all := make([]joined, len(groups))
	for i, g := range groups {
		first := g.Rows[0]
		bytes, pixels := true, true
		for _, row := range g.Rows {
			bytes = bytes && t.hashes[row] >= 0 && t.hashes[row] == t.hashes[first]
			pixels = pixels && of[row] > 0 && of[row] == of[first]
			if of[row] > 0 {
				g.Least = min(g.Least, copies[of[row]-1].Least)
			}
		}
		all[i] = joined{g, ByEmbeddings}
		switch {
		case bytes:
			all[i].by = "bytes"
		case pixels:
			all[i].by = ByPixels
		}
	}
	return all
}

// known is a positive number, or nil.
func known(n int) any {
	if n <= 0 {
		return nil
	}
	return n
}

// measure looks up the sizes of the groups' images and sorts each group, the image to keep first.
func (t *table) measure(ctx context.Context, groups []joined, r *Report) ([][]member, error) {
	all := make([][]member, len(groups))
	var names []string
	for i, g := range groups {
		contents := map[int32]int{}
		for _, row := range g.Rows {
			contents[t.hashes[row]]++
		}
		for _, row := range g.Rows {
			m := member{row: row, path: t.paths.at(row), bytes: -1, copies: contents[t.hashes[row]]}
			if t.hashes[row] < 0 {
				m.copies = 1
			}
			all[i] = append(all[i], m)
			names = append(names, m.path)
		}
	}
	if err := t.pictures.prepare(ctx, names); err != nil {
		return nil, err
	}
	missing := 0
	for _, members := range all {
		for i := range members {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			m := &members[i]
			var err error
			if m.w, m.h, m.bytes, err = t.pictures.dimensions(m.path); err != nil {
				missing++
			}
		}
		slices.SortStableFunc(members, func(a, b member) int {
			return cmp.Or(cmp.Compare(b.w*b.h, a.w*a.h), cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.path, b.path))
		})
	}
	if missing > 0 && missing < t.rows.Len() {
		r.Notes = append(r.Notes, t.pictures.missing(missing, len(names)))
	}
	return all, nil
}
