// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/search"
)

// Table is a file of embeddings, which is searched exactly. It is a [Neighbours]. While it is searched, further queries
// gather, and go through the rows together: a search reads all rows, for one query as for a thousand.
type Table struct {
	dim   int
	card  embedding.Card
	rows  *search.Rows
	paths []string
	ctx   context.Context // ends with Close
	close context.CancelFunc

	mu      sync.Mutex
	waiting []*query
	turning bool           // a goroutine is searching
	turns   sync.WaitGroup // that goroutine
}

// query is a caller's vectors.
type query struct {
	ctx     context.Context
	vectors [][]float32
	k       int
	found   [][]Match  // once done says nil
	done    chan error // has room for the one answer
}

// mostQueries bounds the vectors of one search.
const mostQueries = 1024

// OpenTable reads the rows of a file of embeddings that have one, and the paths of their images: those of another layer
// than an encoder's features are refused. The rows go to a temporary file; the paths stay in memory.
func OpenTable(ctx context.Context, path string) (*Table, error) {
	f, err := embedding.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if layer := f.Card()[embedding.CardLayer]; layer != "" && layer != encoder.LayerBackbone {
		return nil, fmt.Errorf("%s has embeddings of the layer %s, and images are compared by those of the backbone: "+
			"embed them again without --layer", path, layer)
	}
	t := &Table{dim: f.Dim(), card: f.Card()}
	var vectors iter.Seq2[[]float32, error] = func(yield func([]float32, error) bool) {
		for block, err := range f.Blocks(ctx, 4096) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, i := range block.OK {
				t.paths = append(t.paths, block.Rows[i].Path)
			}
			if !yield(block.Vectors, nil) {
				return
			}
		}
	}
	if t.rows, err = search.Collect(ctx, t.dim, vectors); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if t.rows.Len() == 0 {
		err := fmt.Errorf("%s has no embeddings: none of its images could be read", path)
		return nil, errors.Join(err, t.rows.Close())
	}
	t.ctx, t.close = context.WithCancel(context.Background())
	return t, nil
}

// Len is the number of rows.
func (t *Table) Len() int { return t.rows.Len() }

// Dim is the number of values of a row.
func (t *Table) Dim() int { return t.dim }

// Close ends a search that runs, and gives the rows back.
func (t *Table) Close() error {
	t.close()
	t.turns.Wait()
	return t.rows.Close()
}

// Query returns the k most similar rows of each vector, the most similar first, or all rows if they are fewer. When ctx
// ends it returns ctx's error at once.
func (t *Table) Query(ctx context.Context, vectors [][]float32, k int) ([][]Match, error) {
	for _, v := range vectors {
		if len(v) != t.dim {
			return nil, fmt.Errorf("a vector has %d values and the table %d", len(v), t.dim)
		}
	}
	q := &query{ctx: ctx, vectors: vectors, k: k, done: make(chan error, 1)}
	t.mu.Lock()
	if t.ctx.Err() != nil {
		t.mu.Unlock()
		return nil, errors.New("the table is closed")
	}
	t.waiting = append(t.waiting, q)
	if !t.turning {
		t.turning = true
		t.turns.Go(t.turn)
	}
	t.mu.Unlock()
	select {
	case err := <-q.done:
		return q.found, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// turn searches until no query waits.
func (t *Table) turn() {
	for batch := t.take(); batch != nil; batch = t.take() {
		err := t.search(batch)
		for _, q := range batch {
			q.done <- err
		}
	}
}

// take removes the queries of the next search, or ends the turn with nil.
func (t *Table) take() (batch []*query) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for len(t.waiting) > 0 {
		q := t.waiting[0]
		if q.ctx.Err() == nil {
			if n += len(q.vectors); batch != nil && n > mostQueries {
				break
			}
			batch = append(batch, q)
		}
		t.waiting[0] = nil
		t.waiting = t.waiting[1:]
	}
	t.turning = batch != nil
	return batch
}

// search finds the rows of several callers at once.
func (t *Table) search(batch []*query) (err error) {
	defer crash.Recover(&err)
	var values []float32
	k := 0
	for _, q := range batch {
		k = max(k, q.k)
		for _, v := range q.vectors {
			values = append(values, v...)
		}
	}
	queries, err := search.FromSlice(t.dim, values)
	if err != nil {
		return err
	}
	matches, err := search.Nearest(t.ctx, t.rows, queries, k, nil)
	if err != nil {
		return err
	}
	for _, q := range batch {
		for range q.vectors {
			var one []Match
			for _, m := range matches[0][:min(q.k, len(matches[0]))] {
				one = append(one, Match{t.paths[m.Row], float32(m.Cosine)})
			}
			q.found, matches = append(q.found, one), matches[1:]
		}
	}
	return nil
}
