// SPDX-License-Identifier: Apache-2.0

package search

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestOutliersLikeScikitLearn compares the factors with those of scikit-learn: testdata/make_lof.py.
func TestOutliersLikeScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/lof.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Dim   int
		Rows  []float32
		Cases []struct {
			K       int
			Factors []float64
		}
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	rows := stored(t, 1, want.Dim, want.Rows)
	for _, c := range want.Cases {
		got, err := Outliers(t.Context(), rows, c.K, nil, 0, nil)
		if err != nil || len(got) != len(c.Factors) {
			t.Fatalf("%d outliers, %v", len(got), err)
		}
		for i, o := range got {
			if math.Abs(o.Factor-c.Factors[o.Row]) > 1e-3*c.Factors[o.Row] {
				t.Errorf("k %d, row %d: factor %g, scikit-learn has %g", c.K, o.Row, o.Factor, c.Factors[o.Row])
			}
			if i > 0 && o.Factor > got[i-1].Factor {
				t.Errorf("k %d: not sorted", c.K)
			}
		}
	}
}

// TestOutliersFinds an odd row among clusters, exactly and by an index, beside some copies.
func TestOutliersFinds(t *testing.T) {
	const n, dim = 600, 8
	r := rand.New(rand.NewPCG(1, 7))
	values := cloud(r, n, dim)
	for j := range dim { // the odd row
		values[(n-1)*dim+j] = float32(r.NormFloat64())
	}
	for i := range 15 { // copies, fewer than neighbours
		copy(values[i*dim:(i+1)*dim], values[:dim])
	}
	rows := stored(t, 1, dim, values)
	index, err := NewIndex(t.Context(), rows, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	exact, err := Outliers(t.Context(), rows, 20, nil, 0, nil)
	if err != nil || exact[0].Row != n-1 {
		t.Errorf("the first outlier is row %d (%v), want %d", exact[0].Row, err, n-1)
	}
	all, err := Outliers(t.Context(), rows, 20, index, index.Lists(), nil)
	if err != nil || !reflect.DeepEqual(all, exact) {
		t.Errorf("with all lists of the index: %v", err)
	}
	few, err := Outliers(t.Context(), rows, 20, index, 1, nil)
	if err != nil || len(few) != n {
		t.Errorf("with one list: %d rows, %v", len(few), err)
	}
	for _, o := range few {
		if math.IsNaN(o.Factor) || math.IsNaN(o.Distance) {
			t.Errorf("row %d: %v", o.Row, o)
		}
	}
	if _, err := Outliers(t.Context(), rows, n, nil, 0, nil); err == nil ||
		!strings.Contains(err.Error(), "want fewer neighbours than rows") {
		t.Error(err)
	}
}

func ExampleOutliers() {
	rows, err := FromSlice(2, []float32{1, 0, 1, 0.1, 1, 0.2, 1, 0.3, -1, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rows.Close()
	outliers, err := Outliers(context.Background(), rows, 2, nil, 0, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("row %d, factor %.1f\n", outliers[0].Row, outliers[0].Factor)
	// Output: row 4, factor 12.0
}
