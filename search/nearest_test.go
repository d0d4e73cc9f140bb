// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/internal/cosine"
	"github.com/parallax-ssl/parallax/torch"
)

// cloud draws rows around a few centres. Some are copies of others, so that there are ties.
func cloud(r *rand.Rand, n, dim int) []float32 {
	centres := make([]float64, 5*dim)
	for i := range centres {
		centres[i] = r.NormFloat64()
	}
	values := make([]float32, n*dim)
	for i := range n {
		row := values[i*dim : (i+1)*dim]
		if i > 0 && r.IntN(8) == 0 {
			from := r.IntN(i)
			copy(row, values[from*dim:(from+1)*dim])
			continue
		}
		c := r.IntN(5)
		for j := range row {
			row[j] = float32(centres[c*dim+j] + 0.3*r.NormFloat64())
		}
	}
	return values
}

// stored returns rows in memory or, if the number is odd, in a file, from blocks of several sizes.
func stored(t testing.TB, seed uint64, dim int, values []float32) *Rows {
	t.Helper()
	var rows *Rows
	var err error
	if seed%2 == 0 {
		rows, err = FromSlice(dim, values)
	} else {
		rows, err = Collect(t.Context(), dim, pieces(dim, values, 7))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Close() })
	return rows
}

func pieces(dim int, values []float32, rows int) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		for part := range slices.Chunk(values, rows*dim) {
			if !yield(part, nil) {
				return
			}
		}
	}
}

// brute is Nearest in a plain loop.
func brute(t testing.TB, rows, queries *Rows, k int, others bool) [][]Match {
	t.Helper()
	result := make([][]Match, queries.Len())
	for i := range result {
		q := row(t, queries, i)
		result[i] = []Match{}
		for j := range rows.Len() {
			if !others || i != j {
				result[i] = append(result[i], Match{j, cosine.Of(q, row(t, rows, j))})
			}
		}
		slices.SortFunc(result[i], compare)
		result[i] = result[i][:min(k, len(result[i]))]
	}
	return result
}

func row(t testing.TB, rows *Rows, i int) []float32 {
	t.Helper()
	values, err := rows.Read(i)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// FuzzNearest compares the search with a plain loop: the same rows and the same bits.
func FuzzNearest(f *testing.F) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		f.Add(seed, uint16(300), uint16(20), uint8(7), uint8(4))
	}
	f.Add(uint64(5), uint16(1), uint16(1), uint8(1), uint8(0))
	f.Add(uint64(6), uint16(2500), uint16(3), uint8(2), uint8(30))
	f.Add(uint64(7), uint16(2049), uint16(1030), uint8(3), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, n, m uint16, dim, k uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		rows, queries, d, best := 1+int(n)%3000, 1+int(m)%1200, 1+int(dim)%40, 1+int(k)%50
		bank := stored(t, seed, d, cloud(r, rows, d))
		asked := stored(t, seed/2, d, cloud(r, queries, d))
		got, err := Nearest(t.Context(), bank, asked, best, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := brute(t, bank, asked, best, false); !reflect.DeepEqual(got, want) {
			t.Fatalf("Nearest of %d rows, %d queries, width %d, k %d differs", rows, queries, d, best)
		}
		if got, err = Neighbours(t.Context(), asked, best, nil); err != nil {
			t.Fatal(err)
		}
		if want := brute(t, asked, asked, best, true); !reflect.DeepEqual(got, want) {
			t.Fatalf("Neighbours of %d rows, width %d, k %d differ", queries, d, best)
		}
	})
}

// TestNearly compares similarities that differ by less than the rounding of float32 products.
func TestNearly(t *testing.T) {
	const n, dim = 5000, 600
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, n*dim)
	for i := range values {
		values[i] = 1 + 1e-4*float32(r.NormFloat64()) // cosines of 1 - 1e-8
	}
	rows := stored(t, 1, dim, values)
	queries := stored(t, 0, dim, values[:3*dim])
	got, err := Nearest(t.Context(), rows, queries, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := brute(t, rows, queries, 10, false); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v, want\n%v", got, want)
	}
}

func TestRowsRefuse(t *testing.T) {
	nan := float32(math.NaN())
	ctx := t.Context()
	stopped, stop := context.WithCancel(ctx)
	stop()
	failing := func(yield func([]float32, error) bool) { yield(nil, errors.New("no such file")) }
	three := stored(t, 0, 3, make([]float32, 9))
	for want, f := range map[string]func() error{
		"row 1: the embedding holds a value that is not finite": func() error {
			_, err := Collect(ctx, 2, pieces(2, []float32{1, 2, nan, 3}, 1))
			return err
		},
		"row 0: the embedding holds a value that is not finite": func() error {
			_, err := FromSlice(1, []float32{nan})
			return err
		},
		"embeddings are 0 wide: want 1 to 65536": func() error { _, err := FromSlice(0, nil); return err },
		"3 values are no rows of width 2": func() error {
			_, err := FromSlice(2, []float32{1, 2, 3})
			return err
		},
		"no such file": func() error { _, err := Collect(ctx, 2, failing); return err },
		"context canceled": func() error {
			_, err := Nearest(stopped, three, three, 1, nil)
			return err
		},
		"0 neighbours: want 1 to 10000": func() error { _, err := Nearest(ctx, three, three, 0, nil); return err },
		"the queries are 2 wide and the rows 3": func() error {
			_, err := Nearest(ctx, three, stored(t, 0, 2, make([]float32, 2)), 1, nil)
			return err
		},
		"there is no row 3 of 3": func() error { _, err := three.Read(3); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestZeros: a row of zeros has the similarity 0 to everything, itself included.
func TestZeros(t *testing.T) {
	rows := stored(t, 1, 2, []float32{0, 0, 1, 0, -1, 0})
	got, err := Nearest(t.Context(), rows, rows, 3, nil)
	want := [][]Match{{{0, 0}, {1, 0}, {2, 0}}, {{1, 1}, {0, 0}, {2, -1}}, {{2, 1}, {0, 0}, {1, -1}}}
	for i := range got {
		for j := range got[i] {
			got[i][j].Cosine += 0 // -0 is 0
		}
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v %v, want %v", got, err, want)
	}
}

func ExampleNearest() {
	rows, err := FromSlice(2, []float32{3, 0, 1, 1, 0, 2, -1, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rows.Close()
	query, err := FromSlice(2, []float32{5, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	matches, err := Nearest(context.Background(), rows, query, 2, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range matches[0] {
		fmt.Printf("row %d, cosine %.3f\n", m.Row, m.Cosine)
	}
	// Output:
	// row 0, cosine 1.000
	// row 1, cosine 0.707
}

// Others use libtorch's thread between the blocks of a search, as an embedding must while a service searches.
func TestOthersGetIn(t *testing.T) {
	const blocks = 100
	rows := stored(t, 0, 2, make([]float32, 2*blocks*rowBlock))
	queries := stored(t, 0, 2, []float32{1, 0})
	var begun sync.Once
	var others sync.WaitGroup
	var in atomic.Bool // the other one had its turn
	early := false     // before the last block
	_, err := Nearest(t.Context(), rows, queries, 1, func(done, of int64) {
		begun.Do(func() {
			others.Go(func() {
				if err := torch.Scope(func() error { in.Store(true); return nil }); err != nil {
					t.Error(err)
				}
			})
		})
		if early = early || done < of && in.Load(); !early {
			time.Sleep(5 * time.Millisecond) // it needs time to come to the door
		}
	})
	others.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if !early {
		t.Error("the whole search was one turn")
	}
}
