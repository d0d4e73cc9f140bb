// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parallax-ssl/parallax/embedding"
)

// write writes a file of embeddings.
func write(t *testing.T, card embedding.Card, dim int, rows ...embedding.Row) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table.parquet")
	w, err := embedding.Create(path, embedding.Options{Dim: dim, Card: card})
	if err == nil {
		err = errors.Join(w.Write(rows...), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// random returns a table of n rows, among them one that failed.
func random(n, dim int) []embedding.Row {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]embedding.Row, n)
	for i := range rows {
		rows[i] = embedding.Row{Path: fmt.Sprint("image ", i), Status: embedding.OK, Vector: make([]float32, dim)}
		for j := range dim {
			rows[i].Vector[j] = float32(r.NormFloat64())
		}
	}
	rows[1] = embedding.Row{Path: "image 1", Status: embedding.Failed, Reason: "damaged"}
	return rows
}

// Callers that ask at the same time get the neighbours of their own vectors, as many as they asked for.
func TestTable(t *testing.T) {
	rows := random(300, features)
	table, err := OpenTable(context.Background(), write(t, nil, features, rows...))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if table.Len() != 299 || table.Dim() != features {
		t.Errorf("%d rows of %d values", table.Len(), table.Dim())
	}
	var callers sync.WaitGroup
	for c := range 30 {
		callers.Go(func() {
			for i := c; i < len(rows); i += 30 {
				other := (i + 7) % len(rows)
				if i == 1 || other == 1 {
					continue
				}
				k := 1 + i%5
				found, err := table.Query(context.Background(), [][]float32{rows[i].Vector, rows[other].Vector}, k)
				if err != nil || len(found) != 2 || len(found[0]) != k || found[0][0].Path != rows[i].Path ||
					found[1][0].Path != rows[other].Path || found[0][0].Similarity < 0.9999 {
					t.Errorf("row %d: %v (%v)", i, found, err)
				}
			}
		})
	}
	callers.Wait()
	found, err := table.Query(context.Background(), [][]float32{rows[0].Vector}, 1000)
	if err != nil || len(found[0]) != 299 {
		t.Errorf("more neighbours than rows: %v", err)
	}
	if _, err := table.Query(context.Background(), [][]float32{{1}}, 1); err == nil {
		t.Error("a vector of another width was searched")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := table.Query(ended, [][]float32{rows[0].Vector}, 1); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

// Queries that wait while another is searched are searched together.
func TestTableMerges(t *testing.T) {
	rows := random(50, features)
	table, err := OpenTable(context.Background(), write(t, nil, features, rows...))
	if err != nil {
		t.Fatal(err)
	}
	table.turning = true // as if another search ran
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			k := 1 + i%3
			if found, err := table.Query(context.Background(), [][]float32{rows[0].Vector}, k); err != nil ||
				len(found) != 1 || len(found[0]) != k {
				t.Errorf("%v (%v)", found, err)
			}
		})
	}
	for n := 0; n < 20; {
		table.mu.Lock()
		n = len(table.waiting)
		table.mu.Unlock()
	}
	batch := table.take()
	if len(batch) != 20 {
		t.Errorf("%d of 20 waiting queries were taken together", len(batch))
	}
	err = table.search(batch)
	for _, q := range batch {
		q.done <- err
	}
	callers.Wait()
	if table.take() != nil || table.turning {
		t.Error("the turn does not end")
	}
	if err := table.Close(); err != nil {
		t.Error(err)
	}
	if _, err := table.Query(context.Background(), [][]float32{rows[0].Vector}, 1); err == nil {
		t.Error("a closed table was searched")
	}
}

func TestTableErrors(t *testing.T) {
	row := embedding.Row{Path: "a", Status: embedding.OK, Vector: []float32{1, 2, 3}}
	for want, path := range map[string]string{
		"no such file":    filepath.Join(t.TempDir(), "none.parquet"),
		"layer projector": write(t, embedding.Card{embedding.CardLayer: "projector"}, 3, row),
		"by other weights": write(t, embedding.Card{embedding.CardWeights: "00"}, features,
			random(3, features)...),
		"3 values, and this":    write(t, nil, 3, row),
		"none of its images":    write(t, nil, features, embedding.Row{Path: "a", Status: embedding.Failed}),
		"opening the embedding": untrained(t),
	} {
		s, err := New(Options{Run: untrained(t), In: path})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", err, want)
		}
	}
}

// The service answers with the rows of a file.
func TestNeighboursOfFile(t *testing.T) {
	file := pngOf(t, 30, 30)
	s := open(t, nil)
	path := write(t, embedding.Card{embedding.CardLayer: "backbone"}, features,
		append(random(20, features), embedding.Row{Path: "a.png", Status: embedding.OK, Vector: direct(t, s, file)})...)
	with := open(t, func(o *Options) { o.In = path })
	status, text := ask(with, "POST", "/neighbours?k=3", "", file)
	if got := decoded[single](t, text).Neighbours; status != 200 || len(got) != 3 || got[0].Path != "a.png" {
		t.Errorf("%d %s", status, text)
	}
}
