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
)

// A DuplicatesRequest asks for near-duplicates.
type DuplicatesRequest struct {
	Source
	Threshold float64        // least cosine of similar images, -1 to 1; 0 is the default
	Linkage   search.Linkage // which similar images form a group; "" is complete
	Plain     bool           // compare the embeddings as they are, not whitened
}

// thresholds are those for which the number of pairs is estimated.
var thresholds = []float64{0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99}

const (
	pairSample   = 1000   // images that are compared with all, for the estimate
	mostMeasured = 20_000 // images whose size is looked up
)

// Duplicates finds groups of near-duplicates. Images of the same bytes, by their SHA-256, are in one group. Of each
// group it says which image to keep: the one of the most pixels, then of the most bytes, then of the first name, and
// how similar the least similar two are. It also estimates how many pairs other thresholds would give.
func Duplicates(ctx context.Context, q DuplicatesRequest) (*Report, error) {
	if q.Threshold == 0 {
		q.Threshold = map[bool]float64{false: DefaultThreshold, true: PlainThreshold}[q.Plain]
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

func (q *DuplicatesRequest) duplicates(ctx context.Context, t *table) (*Report, error) {
	r := t.report("duplicates")
	r.fact("threshold", strconv.FormatFloat(q.Threshold, 'g', -1, 64))
	r.fact("linkage", string(cmp.Or(q.Linkage, search.Complete)))
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
	asked := slices.Clone(thresholds)
	if !slices.Contains(asked, q.Threshold) {
		asked = append(asked, q.Threshold)
		slices.Sort(asked)
	}
	if pairs, err := search.EstimatePairs(ctx, t.rows, asked, pairSample, 1); err != nil {
		return nil, err
	} else if text := ""; t.rows.Len() > 1 {
		for i, p := range pairs {
			if i > 0 {
				text += ", "
			}
			text += fmt.Sprintf("%.0f at %g", p.Pairs, p.Threshold)
		}
		how := "estimated"
		if t.rows.Len() <= pairSample {
			how = "counted"
		}
		r.fact("pairs, "+how, text)
	}
	groups, err := search.Duplicates(ctx, t.rows, search.Similar{Threshold: q.Threshold, Linkage: q.Linkage,
		Same: t.hashes, Progress: q.progress("comparing pairs")})
	if err != nil {
		return nil, err
	}
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
	r.Columns = []string{"group", "images", "least", "keep", "copies", "width", "height", "bytes", "path"}
	for i, members := range measured {
		g := groups[i]
		s := strip{title: fmt.Sprintf("group %d: %d images, least cosine %.4f", i+1, len(members), g.Least)}
		for j, m := range members {
			keep, mark := "", ""
			if j == 0 {
				keep, mark = "keep", "keep "
			}
			r.Lines = append(r.Lines, []any{i + 1, len(members), g.Least, keep, m.copies, known(m.w), known(m.h),
				known(int(m.bytes)), m.path})
			s.cells = append(s.cells, picture{m.path, caption(mark, m.path)})
		}
		r.strips = append(r.strips, s)
	}
	return r, nil
}

// known is a positive number, or nil.
func known(n int) any {
	if n <= 0 {
		return nil
	}
	return n
}

// measure looks up the sizes of the groups' images and sorts each group, the image to keep first.
func (t *table) measure(ctx context.Context, groups []search.Group, r *Report) ([][]member, error) {
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
	looked, missing := 0, 0
	for _, members := range all {
		for i := range members {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			if looked == mostMeasured {
				break
			}
			looked++
			m := &members[i]
			if img, err := t.pictures.load(m.path); err != nil {
				missing++
			} else {
				m.w, m.h, m.bytes = img.W, img.H, t.pictures.size(m.path)
			}
		}
		slices.SortStableFunc(members, func(a, b member) int {
			return cmp.Or(cmp.Compare(b.w*b.h, a.w*a.h), cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.path, b.path))
		})
	}
	if missing > 0 {
		r.Notes = append(r.Notes, t.pictures.missing(missing, looked))
	}
	if looked < len(names) {
		r.note("only the first %d images were opened: of later groups the image to keep is chosen by its name", looked)
	}
	return all, nil
}
