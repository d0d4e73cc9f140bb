// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
)

// classes is a data set of which only the labels matter.
type classes []int

func (c classes) Len() int                          { return len(c) }
func (c classes) Image(int) (*augment.Image, error) { return nil, nil }
func (c classes) Label(i int) int                   { return c[i] }

// count counts the labels of a data set.
func count(d dataset.Dataset) map[int]int {
	n := map[int]int{}
	for i := range d.Len() {
		n[d.Label(i)]++
	}
	return n
}

// Whatever the order of the images, every class has a fifth of its images among the queries, and the bank has the rest.
func TestQueriesAreAFifthOfEachClass(t *testing.T) {
	repeated := func(n int, label func(i int) int) classes {
		c := make(classes, n)
		for i := range c {
			c[i] = label(i)
		}
		return c
	}
	orders := map[string]classes{
		"sorted":           repeated(200, func(i int) int { return i / 20 }),
		"sorted, unequal":  repeated(300, func(i int) int { return min(9, i/(5+i/10)) }),
		"some with labels": repeated(100, func(i int) int { return i%4 - 1 }),
		"none":             repeated(50, func(int) int { return -1 }),
		"one class":        repeated(50, func(int) int { return 0 }),
		"a rare class":     repeated(101, func(i int) int { return i / 100 }),
		"pairs":            repeated(60, func(i int) int { return i / 2 }),
		"a few and single": append(repeated(20, func(i int) int { return i / 10 }), 2, 3, 4),
	}
	for period := 2; period <= 12; period++ {
		orders[fmt.Sprintf("period %d", period)] = repeated(240, func(i int) int { return i % period })
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		orders[fmt.Sprintf("permutation %d", len(orders))] = repeated(200, func(int) int { return r.IntN(7) })
	}
	for name, d := range orders {
		bank, queries := hold(d, config.ByClass)
		all := slices.Sorted(slices.Values(slices.Concat(bank.rows, queries.rows)))
		if len(slices.Compact(all)) != d.Len() || bank.Len()+queries.Len() != d.Len() {
			t.Errorf("%s: %d in the bank and %d queries of %d images", name, bank.Len(), queries.Len(), d.Len())
		}
		asked := count(queries)
		for class, n := range count(d) {
			want := max(1, (n+2)/5)
			switch {
			case class < 0:
				want = n / 5
			case n == 1:
				want = 0
			}
			if asked[class] != want {
				t.Errorf("%s: %d of %d images of class %d are queries, want %d", name, asked[class], n, class, want)
			}
		}
		again, _ := hold(d, config.ByClass)
		if !slices.Equal(bank.rows, again.rows) {
			t.Errorf("%s: two draws differ", name)
		}
	}
	// Within a class, too, the draw has no period: positions of queries modulo 5 are of all kinds.
	_, queries := hold(orders["none"], config.ByClass)
	places := map[int]bool{}
	for _, row := range queries.rows {
		places[row%5] = true
	}
	if len(places) < 3 {
		t.Errorf("the queries %v have a period", queries.rows)
	}
}

// Data that allow no fair draw.
func TestQueriesOfFewImages(t *testing.T) {
	for name, c := range map[string]struct {
		labels        classes
		bank, queries int
		hidden        bool
	}{
		"one image a class":         {classes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 8, 2, false},
		"three images":              {classes{0, 1, 2}, 3, 3, true},
		"three without labels":      {classes{-1, -1, -1}, 3, 3, true},
		"two of a class":            {classes{0, 0}, 1, 1, false},
		"two classes of two images": {classes{0, 1, 0, 1}, 2, 2, false},
	} {
		bank, queries := hold(c.labels, config.ByClass)
		if bank.Len() != c.bank || queries.Len() != c.queries || (queries.Label(0) < 0) != c.hidden {
			t.Errorf("%s: %d in the bank and %d queries (%v)", name, bank.Len(), queries.Len(), count(queries))
		}
	}
}

// Runs from before probe.queries keep every fifth image.
func TestEveryFifthIsAsBefore(t *testing.T) {
	bank, queries := hold(make(classes, 12), config.EveryFifth)
	if !slices.Equal(queries.rows, []int{4, 9}) || !slices.Equal(bank.rows, []int{0, 1, 2, 3, 5, 6, 7, 8, 10, 11}) {
		t.Errorf("bank %v, queries %v", bank.rows, queries.rows)
	}
}

// A limit keeps the shares of the classes, and every class as long as there is room.
func TestALimitKeepsTheClasses(t *testing.T) {
	d := make(classes, 0, 115)
	for class, n := range []int{70, 30, 10, 4, 1} {
		for range n {
			d = append(d, class)
		}
	}
	for limit, want := range map[int]map[int]int{
		0:   {0: 70, 1: 30, 2: 10, 3: 4, 4: 1},
		200: {0: 70, 1: 30, 2: 10, 3: 4, 4: 1},
		5:   {0: 1, 1: 1, 2: 1, 3: 1, 4: 1},
	} {
		if got := count(limited(d, limit)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("a limit of %d: %v, want %v", limit, got, want)
		}
	}
	got := count(limited(d, 23)) // a fifth
	if got[0] < 12 || got[0] > 15 || got[1] < 5 || got[1] > 7 || got[4] != 1 {
		t.Errorf("a limit of 23: %v", got)
	}
	if n := limited(d, 3).Len(); n != 3 {
		t.Errorf("a limit of 3: %d images", n)
	}
}
