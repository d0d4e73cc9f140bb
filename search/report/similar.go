// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/search"
)

// A SimilarRequest asks for the images that are most like others.
type SimilarRequest struct {
	Source
	// Images are the queries: paths as the embeddings name them, or image files, which the encoder of Run embeds.
	Images []string
	K      int // images to find for each; 0 is 10
}

// The bounds of a SimilarRequest.
const (
	defaultSimilar = 10
	mostQueries    = 10_000
)

// A query is an image whose neighbours are wanted: a row of the table, or another image.
type query struct {
	name string
	row  int // -1 for another image
}

// Similar finds the images that are most similar to each query, by the cosine of their embeddings, with package search:
// exactly, or with an index whose recall it reports. A query that is one of the images is not found itself.
func Similar(ctx context.Context, q SimilarRequest) (*Report, error) {
	k := cmp.Or(q.K, defaultSimilar)
	switch {
	case len(q.Images) == 0:
		return nil, run.Invalid(errors.New("no image given: name images whose like are wanted"))
	case len(q.Images) > mostQueries:
		return nil, run.Invalid(fmt.Errorf("%d images: at most %d at a time", len(q.Images), mostQueries))
	case k < 1 || k >= search.MostNeighbours:
		return nil, run.Invalid(fmt.Errorf("%d images to find: want 1 to %d", k, search.MostNeighbours-1))
	}
	t, err := q.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := q.similar(ctx, t, k)
	return t.finish(r, err)
}

// finish hands the table's images to the report and closes the rest.
func (t *table) finish(r *Report, err error) (*Report, error) {
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	r.pictures, r.close = t.pictures, t.pictures.close
	return r, t.rows.Close()
}

func (q *SimilarRequest) similar(ctx context.Context, t *table, k int) (*Report, error) {
	r := t.report("similar")
	queries, rows, err := q.queries(ctx, t)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	x, probes, err := q.index(ctx, t, k, r)
	if err != nil {
		return nil, err
	}
	var found [][]search.Match
	if x != nil {
		defer x.Close()
		found, err = x.Nearest(ctx, rows, k+1, probes, q.progress("searching"))
	} else {
		found, err = search.Nearest(ctx, t.rows, rows, k+1, q.progress("searching"))
	}
	if err != nil {
		return nil, err
	}
	r.Columns = []string{"query", "rank", "cosine", "path"}
	for i, one := range queries {
		s := strip{title: "like " + one.name, cells: []picture{{one.name, "query"}}}
		rank := 0
		for _, m := range found[i] {
			if m.Row == one.row || rank == k {
				continue
			}
			rank++
			path := t.paths.at(m.Row)
			r.Lines = append(r.Lines, []any{one.name, rank, m.Cosine, path})
			s.cells = append(s.cells, picture{path, caption(fmt.Sprintf("%.3f ", m.Cosine), path)})
		}
		r.strips = append(r.strips, s)
	}
	return r, nil
}

// queries finds the rows of the queries, and embeds those that have none.
func (q *SimilarRequest) queries(ctx context.Context, t *table) ([]query, *search.Rows, error) {
	names := append([]string{}, q.Images...)
	for _, name := range q.Images { // as they are called within the data
		if within, err := filepath.Rel(t.pictures.data, name); err == nil && t.pictures.data != "" {
			names = append(names, filepath.ToSlash(within))
		}
	}
	rows := t.paths.find(names)
	var queries []query
	var others []string
	for _, name := range q.Images {
		one := query{name, -1}
		if row, ok := rows[name]; ok {
			one.row = row
		} else if within, err := filepath.Rel(t.pictures.data, name); err == nil && t.pictures.data != "" {
			if row, ok := rows[filepath.ToSlash(within)]; ok {
				one = query{t.paths.at(row), row}
			}
		}
		if one.row < 0 {
			others = append(others, name)
		}
		queries = append(queries, one)
	}
	embedded, err := q.embed(ctx, t, others)
	if err != nil {
		return nil, nil, err
	}
	var values []float32
	for _, one := range queries {
		row := []float32(nil)
		if one.row >= 0 {
			if row, err = t.rows.Read(one.row); err != nil {
				return nil, nil, err
			}
		} else {
			row, embedded = embedded[0], embedded[1:]
		}
		values = append(values, row...)
	}
	all, err := search.FromSlice(t.rows.Dim(), values)
	return queries, all, err
}

// embed returns the embeddings of image files.
func (q *SimilarRequest) embed(ctx context.Context, t *table, files []string) ([][]float32, error) {
	if len(files) == 0 {
		return nil, nil
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("%s is neither a path in %s nor an image file: give a path as %s has it",
				printable.Name(file), printable.Name(t.from), "the column path")
		}
	}
	if q.Run == "" {
		return nil, run.Invalid(fmt.Errorf("%s is no path in %s: to embed it, name the encoder of that file with --run",
			printable.Name(files[0]), printable.Name(t.from)))
	}
	e, err := q.encoder(t.card)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if made := t.card[embedding.CardWeights]; made != "" {
		if sum, err := e.WeightsSHA256(); err != nil {
			return nil, err
		} else if sum != made {
			return nil, fmt.Errorf("%s was made by an encoder with other weights than %s has: name that encoder, or "+
				"embed the images again", printable.Name(t.from), printable.Name(q.Run))
		}
	}
	var images []*augment.Image
	for _, file := range files {
		img, err := readImage(file, e.Decode)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", printable.Name(file), err)
		}
		images = append(images, img)
	}
	rows, err := e.Embed(ctx, images)
	if err == nil && len(rows[0]) != t.rows.Dim() {
		err = fmt.Errorf("%s has embeddings of width %d and the encoder of %s makes %d: name the encoder that made "+
			"them", printable.Name(t.from), t.rows.Dim(), printable.Name(q.Run), len(rows[0]))
	}
	return rows, err
}

// encoder opens the encoder of Run to embed images as those of a file with the card were.
func (q *SimilarRequest) encoder(card embedding.Card) (*encoder.Encoder, error) {
	var options []encoder.Option
	if layer := card[embedding.CardLayer]; layer != "" {
		options = append(options, encoder.Layer(layer))
	}
	if views, err := strconv.Atoi(card[embedding.CardViews]); err == nil {
		options = append(options, encoder.Views(views))
	}
	if card[embedding.CardMirrored] == "true" {
		options = append(options, encoder.Mirror())
	}
	return encoder.Open(q.Run, options...)
}
