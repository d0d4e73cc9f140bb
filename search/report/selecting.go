// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/search"
)

// The strategies of a selection.
const (
	DiverseImages = "diverse" // cover all images: search.Diverse
	TypicalImages = "typical" // stand for many others: search.Typical
)

// Strategies are all of them.
var Strategies = []string{DiverseImages, TypicalImages}

// A SelectRequest asks for images that are worth labelling.
type SelectRequest struct {
	Source
	N        int    // images to select
	Strategy string // "" is diverse
	Labelled string // a file of the paths of images that are labelled already, one a line; "" for none
	Seed     uint64 // of the clusters of typical images
}

// Select selects images to label: such that all images have a selected or labelled one that is like them (diverse), or
// such as stand for many others (typical).
func Select(ctx context.Context, q SelectRequest) (*Report, error) {
	q.Strategy = cmp.Or(q.Strategy, DiverseImages)
	if q.N < 1 {
		return nil, run.Invalid(fmt.Errorf("%d images to select: want at least 1", q.N))
	}
	if !slices.Contains(Strategies, q.Strategy) {
		return nil, run.Invalid(fmt.Errorf("unknown strategy %q: want %s", q.Strategy,
			strings.Join(Strategies, " or ")))
	}
	names, err := readNames(q.Labelled)
	if err != nil {
		return nil, err
	}
	t, err := q.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := q.selected(ctx, t, names)
	return t.finish(r, err)
}

func (q *SelectRequest) selected(ctx context.Context, t *table, names []string) (*Report, error) {
	r := t.report("select")
	r.fact("strategy", q.Strategy)
	var labelled []int
	if q.Labelled != "" {
		rows := t.paths.find(names)
		for _, row := range rows {
			labelled = append(labelled, row)
		}
		slices.Sort(labelled)
		r.fact("labelled", fmt.Sprintf("%d images of %s", len(labelled), q.Labelled))
		for _, name := range names {
			if _, ok := rows[name]; !ok {
				r.note("%s has paths that the embeddings lack, %s the first: they are left out", q.Labelled,
					printable.Name(name))
				break
			}
		}
	}
	var choices []search.Choice
	var err error
	column := "nearest"
	if q.Strategy == TypicalImages {
		column = "typicality"
		choices, err = search.Typical(ctx, t.rows, q.N, labelled, q.Seed, q.progress("selecting"))
	} else {
		choices, err = search.Diverse(ctx, t.rows, q.N, labelled, q.progress("selecting"))
	}
	if err != nil {
		return nil, err
	}
	r.Columns = []string{"rank", column, "path"}
	var s strip
	for i, c := range choices {
		path := t.paths.at(c.Row)
		r.Lines = append(r.Lines, []any{i + 1, c.Cosine, path})
		if i%mostStrip == 0 {
			if i > 0 {
				r.strips = append(r.strips, s)
			}
			s = strip{title: fmt.Sprintf("selected, %d to %d", i+1, min(i+mostStrip, len(choices)))}
		}
		s.cells = append(s.cells, picture{path, caption(fmt.Sprintf("%d ", i+1), path)})
	}
	r.strips = append(r.strips, s)
	return r, nil
}

// mostNames bounds the bytes of a file of paths.
const mostNames = 1 << 30

// readNames reads a file of paths, one a line.
func readNames(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the labelled images: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > mostNames {
		return nil, errors.Join(err, fmt.Errorf("%s has more than %d bytes: it should be paths, one a line",
			printable.Name(path), mostNames))
	}
	var names []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name := strings.TrimSuffix(lines.Text(), "\r"); name != "" {
			names = append(names, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the labelled images %s: %w: it should be paths, one a line",
			printable.Name(path), err)
	}
	return names, nil
}
