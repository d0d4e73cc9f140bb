// SPDX-License-Identifier: Apache-2.0

package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// TestPCALikeGonum compares the projection and the variances with gonum's, up to the sign of an axis.
func TestPCALikeGonum(t *testing.T) {
	const n, dim = 2500, 7
	rows := stored(t, 1, dim, cloud(rand.New(rand.NewPCG(1, 10)), n, dim))
	got, err := PCA(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	x := mat.NewDense(n, dim, nil)
	for i := range n {
		for j, v := range row(t, rows, i) {
			x.Set(i, j, float64(v))
		}
	}
	var pc stat.PC
	if !pc.PrincipalComponents(x, nil) {
		t.Fatal("gonum found no components")
	}
	var axes mat.Dense
	pc.VectorsTo(&axes)
	variances, total := pc.VarsTo(nil), 0.0
	for _, v := range variances {
		total += v
	}
	for a := range 2 {
		if want := variances[a] / total; math.Abs(got.Explained[a]-want) > 1e-6 {
			t.Errorf("axis %d explains %g, want %g", a, got.Explained[a], want)
		}
		axis := mat.Col(nil, a, &axes)
		sign := 1.0
		if negative(axis) {
			sign = -1
		}
		mean := 0.0
		var want []float64
		for i := range n {
			v := sign * mat.Dot(mat.NewVecDense(dim, axis), x.RowView(i))
			want, mean = append(want, v), mean+v/n
		}
		for i := range want {
			if math.Abs(got.Points[i][a]-want[i]+mean) > 1e-5 {
				t.Fatalf("row %d, axis %d: %g, want %g", i, a, got.Points[i][a], want[i]-mean)
			}
		}
	}
}

// trustworthiness is the share of neighbours in the plane that are neighbours in truth, by Venna & Kaski (2001): 1 is
// best.
func trustworthiness(rows *Rows, points [][2]float64, k int) float64 {
	n := rows.n
	penalty := 0
	for i := range n {
		rank := make([]int, n) // of each row, by similarity to row i
		order := ordered(n, func(j int) float64 { return -cosine.Of(rows.at(i), rows.at(j)) }, i)
		for at, j := range order {
			rank[j] = at + 1
		}
		near := ordered(n, func(j int) float64 {
			return math.Hypot(points[i][0]-points[j][0], points[i][1]-points[j][1])
		}, i)
		for _, j := range near[:k] {
			penalty += max(0, rank[j]-k)
		}
	}
	return 1 - 2*float64(penalty)/float64(n*k*(2*n-3*k-1))
}

// ordered returns all numbers but i, the smallest key first.
func ordered(n int, key func(int) float64, i int) []int {
	var numbers []int
	for j := range n {
		if j != i {
			numbers = append(numbers, j)
		}
	}
	slices.SortStableFunc(numbers, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
	return numbers
}

// TestTSNE: neighbours in the map are neighbours in truth, more than with PCA, and the result is the same again.
func TestTSNE(t *testing.T) {
	const n, dim = 300, 12
	values := cloud(rand.New(rand.NewPCG(2, 10)), n, dim)
	rows := stored(t, 0, dim, values)
	plain, err := PCA(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	got, err := TSNE(t.Context(), stored(t, 1, dim, values), 20, nil)
	if err != nil {
		t.Fatal(err)
	}
	before, after := trustworthiness(rows, plain.Points, 10), trustworthiness(rows, got.Points, 10)
	t.Logf("trustworthiness: PCA %.3f, t-SNE %.3f; divergence %.3f", before, after, got.Divergence)
	if after < 0.95 || after < before {
		t.Errorf("trustworthiness of t-SNE is %.3f, that of PCA %.3f", after, before)
	}
	again, err := TSNE(t.Context(), rows, 20, nil)
	if err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("t-SNE gives another map for the same rows (%v)", err)
	}
}

func TestMapEdges(t *testing.T) {
	one := stored(t, 1, 1, []float32{1, -1, 1})
	got, err := PCA(t.Context(), one)
	if err != nil || got.Explained != [2]float64{1, 0} || got.Points[0][1] != 0 {
		t.Errorf("PCA of width 1: %v %v", got, err)
	}
	equal := stored(t, 0, 3, make([]float32, 3*30))
	if got, err = TSNE(t.Context(), equal, 5, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range got.Points {
		if math.IsNaN(p[0]) || math.IsInf(p[0], 0) || math.IsNaN(p[1]) || math.IsInf(p[1], 0) {
			t.Fatalf("t-SNE of equal rows: %v", p)
		}
	}
	for want, f := range map[string]func() error{
		"a map: there are no embeddings": func() error { _, err := PCA(t.Context(), stored(t, 0, 2, nil)); return err },
		"a perplexity of 10 for 30 rows": func() error {
			_, err := TSNE(t.Context(), equal, 10, nil)
			return err
		},
		"t-SNE of 10001 rows: want at most 10000": func() error {
			_, err := TSNE(t.Context(), stored(t, 0, 1, make([]float32, 10001)), 10, nil)
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func ExamplePCA() {
	rows, err := FromSlice(3, []float32{1, 0, 0, 1, 0.1, 0, -1, 0, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rows.Close()
	plane, err := PCA(context.Background(), rows)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("the first axis has %.0f %% of the variance\n", 100*plane.Explained[0])
	// Output: the first axis has 100 % of the variance
}

func ExampleTSNE() {
	var values []float32
	for i := range 30 { // two clusters
		values = append(values, float32(1-i%2), float32(i%2), 0.01*float32(i))
	}
	rows, err := FromSlice(3, values)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rows.Close()
	plane, err := TSNE(context.Background(), rows, 5, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(plane.Points), "points")
	// Output: 30 points
}
