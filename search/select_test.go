// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// naiveDiverse is greedy k-centre by definition, of rows in memory, from at least one labelled row.
func naiveDiverse(rows *Rows, n int, labelled []int) (choices []Choice) {
	chosen := append([]int{}, labelled...)
	for range n {
		best := Choice{Row: -1, Cosine: math.Inf(1)}
	candidates:
		for i := range rows.n {
			nearest := math.Inf(-1)
			for _, c := range chosen {
				if c == i {
					continue candidates
				}
				nearest = max(nearest, cosine.Of(rows.at(i), rows.at(c)))
			}
			if nearest < best.Cosine {
				best = Choice{Row: i, Cosine: nearest}
			}
		}
		chosen = append(chosen, best.Row)
		choices = append(choices, best)
	}
	return choices
}

// FuzzDiverse compares the subset with that by definition.
func FuzzDiverse(f *testing.F) {
	for _, seed := range []uint64{1, 2, 3} {
		f.Add(seed, uint16(200), uint8(5), uint8(30), uint8(3))
		f.Add(seed, uint16(90), uint8(2), uint8(200), uint8(0))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, dim, want, given uint8) {
		r := rand.New(rand.NewPCG(seed, 8))
		count, d := 2+int(n)%300, 1+int(dim)%20
		labels := int(given) % count
		choose := int(want) % (count - labels + 1)
		values := cloud(r, count, d)
		rows := stored(t, seed, d, values)
		labelled := r.Perm(count)[:labels]
		got, err := Diverse(t.Context(), rows, choose, labelled, nil)
		if err != nil {
			t.Fatal(err)
		}
		rest := got
		if labels == 0 && choose > 0 {
			labelled, rest, choose = []int{got[0].Row}, got[1:], choose-1
		}
		naive := naiveDiverse(stored(t, 0, d, values), choose, labelled)
		if len(naive)+len(rest) > 0 && !reflect.DeepEqual(rest, naive) {
			t.Fatalf("%d of %d rows, %d labelled: got\n%v, want\n%v", choose, count, labels, rest, naive)
		}
	})
}

// TestTypical: one row comes of each cluster, not of one with labels while others have none, and it is near the middle.
func TestTypical(t *testing.T) {
	const dim, clusters = 16, 6
	r := rand.New(rand.NewPCG(1, 9))
	var values []float32
	var of []int
	for c := range clusters {
		for range 60 - 5*c {
			of = append(of, c)
			for j := range dim {
				x := 0.1 * r.NormFloat64()
				if j == c {
					x++
				}
				values = append(values, float32(x))
			}
		}
	}
	rows := stored(t, 1, dim, values)
	for _, labelled := range [][]int{nil, {0, 61}} {
		got, err := Typical(t.Context(), rows, clusters-len(labelled), labelled, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, row := range labelled {
			seen[of[row]] = true
		}
		for _, c := range got {
			if seen[of[c.Row]] {
				t.Errorf("labelled %v: row %d is a second of its cluster: %v", labelled, c.Row, got)
			}
			seen[of[c.Row]] = true
			middle := row(t, rows, c.Row)[of[c.Row]]
			if middle < 0.9 || c.Cosine < 0.8 {
				t.Errorf("row %d is not typical: %g, %g", c.Row, middle, c.Cosine)
			}
		}
	}
	all, err := Typical(t.Context(), rows, rows.n, nil, 1, nil)
	seen := map[int]bool{}
	for _, c := range all {
		seen[c.Row] = true
	}
	if err != nil || len(seen) != rows.n {
		t.Errorf("%d different rows of %d, %v", len(seen), rows.n, err)
	}
	again, err := Typical(t.Context(), rows, rows.n, nil, 1, nil)
	if err != nil || !reflect.DeepEqual(all, again) {
		t.Errorf("equal seeds give other subsets (%v)", err)
	}
}

func TestSelectRefuse(t *testing.T) {
	rows := stored(t, 0, 2, make([]float32, 8))
	for want, f := range map[string]func() error{
		"cannot select 4 rows: 3 are not labelled yet": func() error {
			_, err := Diverse(t.Context(), rows, 4, []int{0, 0}, nil)
			return err
		},
		"there is no labelled row 4 of 4": func() error {
			_, err := Typical(t.Context(), rows, 1, []int{4}, 1, nil)
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func ExampleDiverse() {
	rows, err := FromSlice(2, []float32{1, 0, 1, 0.1, 0, 1, -1, 0, 1, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rows.Close()
	choices, err := Diverse(context.Background(), rows, 2, []int{0}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range choices {
		fmt.Printf("row %d, cosine %.2f to the nearest before\n", c.Row, c.Cosine)
	}
	// Output:
	// row 3, cosine -1.00 to the nearest before
	// row 2, cosine 0.00 to the nearest before
}

func ExampleTypical() {
	rows, err := FromSlice(2, []float32{1, -0.1, 1, 0, 1, 0.1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rows.Close()
	choices, err := Typical(context.Background(), rows, 1, nil, 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("row %d\n", choices[0].Row)
	// Output: row 1
}
