// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// naiveComplete is complete linkage by definition: merge the two clusters whose least similar rows are the most
// similar.
func naiveComplete(rows *Rows, members []int32, threshold float64) [][]int32 {
	var clusters [][]int32
	for _, i := range members {
		clusters = append(clusters, []int32{i})
	}
	for {
		best, a, b := math.Inf(-1), 0, 0
		for i := range clusters {
			for j := range i {
				least := math.Inf(1)
				for _, x := range clusters[i] {
					for _, y := range clusters[j] {
						least = min(least, cosine.Of(rows.at(int(x)), rows.at(int(y))))
					}
				}
				if least > best {
					best, a, b = least, i, j
				}
			}
		}
		if best < threshold {
			return clusters
		}
		clusters[b] = append(clusters[b], clusters[a]...)
		clusters = slices.Delete(clusters, a, a+1)
	}
}

// naiveGroups is Duplicates by definition, of rows in memory without known contents.
func naiveGroups(rows *Rows, threshold float64, linkage Linkage) [][]int {
	f := newForest(rows.n)
	for i := range rows.n {
		for j := range i {
			if cosine.Of(rows.at(i), rows.at(j)) >= threshold {
				f.join(int32(i), int32(j))
			}
		}
	}
	var groups [][]int
	for _, component := range f.groups() {
		parts := [][]int32{component}
		if linkage == Complete {
			parts = naiveComplete(rows, component, threshold)
		}
		for _, part := range parts {
			if len(part) > 1 {
				var group []int
				for _, i := range part {
					group = append(group, int(i))
				}
				slices.Sort(group)
				groups = append(groups, group)
			}
		}
	}
	slices.SortFunc(groups, slices.Compare)
	return groups
}

func members(groups []Group) [][]int {
	var all [][]int
	for _, g := range groups {
		all = append(all, g.Rows)
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

// FuzzDuplicates compares the groups with those by definition, and with those of the same rows in another order.
func FuzzDuplicates(f *testing.F) {
	for _, seed := range []uint64{1, 2, 3, 4, 5} {
		f.Add(seed, uint16(150), uint8(6), float64(0.9))
		f.Add(seed, uint16(120), uint8(3), float64(0.97))
	}
	f.Add(uint64(6), uint16(100), uint8(20), float64(-1))
	f.Add(uint64(7), uint16(60), uint8(20), float64(1))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, dim uint8, threshold float64) {
		r := rand.New(rand.NewPCG(seed, 2))
		count, d := 1+int(n)%200, 2+int(dim)%30
		if !(threshold >= -1 && threshold <= 1) {
			t.Skip()
		}
		values := cloud(r, count, d)
		rows, inMemory := stored(t, seed, d, values), stored(t, 0, d, values)
		order := r.Perm(count)
		var moved []float32
		for _, i := range order {
			moved = append(moved, values[i*d:(i+1)*d]...)
		}
		other := stored(t, seed/2, d, moved)
		for _, linkage := range Linkages {
			got, err := Duplicates(t.Context(), rows, Similar{Threshold: threshold, Linkage: linkage})
			if err != nil {
				t.Fatal(err)
			}
			if want := naiveGroups(inMemory, threshold, linkage); !reflect.DeepEqual(members(got), want) {
				t.Fatalf("%s at %g: got %v, want %v", linkage, threshold, members(got), want)
			}
			for _, g := range got {
				least := math.Inf(1)
				for i, x := range g.Rows {
					for _, y := range g.Rows[:i] {
						least = min(least, cosine.Of(inMemory.at(x), inMemory.at(y)))
					}
				}
				if g.Least != least || linkage == Complete && least < threshold {
					t.Fatalf("%s: the group %v has the least cosine %g, said %g", linkage, g.Rows, least, g.Least)
				}
			}
			again, err := Duplicates(t.Context(), other, Similar{Threshold: threshold, Linkage: linkage})
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range again {
				for i, row := range g.Rows {
					g.Rows[i] = order[row]
				}
				slices.Sort(g.Rows)
			}
			if !reflect.DeepEqual(members(again), members(got)) {
				t.Fatalf("%s: another order of the rows gives other groups", linkage)
			}
		}
	})
}

// TestLargeComponents cuts components that are too large for complete linkage; every pair still has the threshold, and
// nothing is lost. Another part compares the least similarity of a large group with a plain loop.
func TestLargeComponents(t *testing.T) {
	const dim = 4
	rows := stored(t, 0, dim, cloud(rand.New(rand.NewPCG(3, 3)), 400, dim))
	all := make([]int32, rows.n)
	for i := range all {
		all[i] = int32(i)
	}
	for _, most := range []int{1, 7, 50} {
		parts, err := completeWithin(t.Context(), rows, all, 0.6, 0.6, most)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(slices.Values(slices.Concat(parts...))); !slices.Equal(got, all) {
			t.Errorf("at most %d: %d of %d rows are left", most, len(got), rows.n)
		}
		for _, part := range parts {
			if least, err := leastCosine(t.Context(), rows, part); err != nil || least < 0.6 || len(part) > most {
				t.Errorf("at most %d: a part of %d has the least cosine %g (%v)", most, len(part), least, err)
			}
		}
	}
	want := math.Inf(1)
	for i := range all {
		for j := range i {
			want = min(want, cosine.Of(rows.at(i), rows.at(j)))
		}
	}
	if got, err := leastCosine(t.Context(), rows, all); err != nil || got != want {
		t.Errorf("the least cosine is %g (%v), want %g", got, err, want)
	}
}

// TestSameContent: rows of the same content are together even if their embeddings are not.
func TestSameContent(t *testing.T) {
	rows := stored(t, 1, 2, []float32{1, 0, 0, 1, 1, 0.01, -1, 0, -1, 1})
	for _, linkage := range Linkages {
		got, err := Duplicates(t.Context(), rows, Similar{Threshold: 0.99, Linkage: linkage,
			Same: []int32{7, 7, -1, -1, -1}})
		least := cosine.Of(row(t, rows, 0), row(t, rows, 2))
		if want := []Group{{[]int{0, 1, 2}, least}}; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v %v, want %v", linkage, got, err, want)
		}
	}
	got, err := Duplicates(t.Context(), rows, Similar{Threshold: 1, Same: []int32{-1, 3, -1, 3, 3}})
	if want := []Group{{[]int{1, 3, 4}, 1}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v %v, want %v", got, err, want)
	}
}

func TestEstimatePairs(t *testing.T) {
	const n, dim = 1500, 5
	rows := stored(t, 1, dim, cloud(rand.New(rand.NewPCG(4, 4)), n, dim))
	cosines := []float64{0.5, 0.9, 0.99}
	counts := make([]float64, 3)
	inMemory, err := rows.subset(t.Context(), drawn(n, n, rand.New(rand.NewPCG(1, 1))), true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		for j := range i {
			for at, c := range cosines {
				if cosine.Of(inMemory.at(i), inMemory.at(j)) >= c {
					counts[at]++
				}
			}
		}
	}
	for _, sample := range []int{n, 300} {
		got, err := EstimatePairs(t.Context(), rows, cosines, sample, 1)
		if err != nil {
			t.Fatal(err)
		}
		within := map[int]float64{n: 1e-3, 300: 0.15}[sample]
		for i, p := range got {
			if p.Threshold != cosines[i] || math.Abs(p.Pairs-counts[i]) > within*counts[i] {
				t.Errorf("sample %d, %g: %.0f pairs, want %.0f", sample, p.Threshold, p.Pairs, counts[i])
			}
		}
	}
}

func TestDuplicatesRefuse(t *testing.T) {
	rows := stored(t, 0, 2, make([]float32, 8))
	for want, s := range map[string]Similar{
		"a threshold of 2: want a cosine": {Threshold: 2},
		"a threshold of NaN":              {Threshold: math.NaN()},
		`unknown linkage "single"`:        {Linkage: "single"},
		"1 contents for 4 rows":           {Same: []int32{1}},
	} {
		if _, err := Duplicates(t.Context(), rows, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func ExampleDuplicates() {
	rows, err := FromSlice(2, []float32{1, 0, 0, 1, 1, 0.1, -1, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rows.Close()
	groups, err := Duplicates(context.Background(), rows, Similar{Threshold: 0.95})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range groups {
		fmt.Printf("rows %v, least cosine %.3f\n", g.Rows, g.Least)
	}
	// Output: rows [0 2], least cosine 0.995
}
