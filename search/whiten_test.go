// SPDX-License-Identifier: Apache-2.0

package search

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// TestWhitenLikeScikitLearn compares cosines of whitened rows with those by scikit-learn's Ledoit-Wolf covariance:
// testdata/make_lof.py.
func TestWhitenLikeScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/lof.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Dim     int
		Rows    []float32
		Cosines []float64 // of the first row with all
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{0, 1} {
		white, err := Whiten(t.Context(), stored(t, seed, want.Dim, want.Rows))
		if err != nil {
			t.Fatal(err)
		}
		defer white.Close()
		first := row(t, white, 0)
		for i, c := range want.Cosines {
			if got := cosine.Of(first, row(t, white, i)); math.Abs(got-c) > 1e-4 {
				t.Errorf("rows 0 and %d: cosine %g, scikit-learn has %g", i, got, c)
			}
		}
		if len(want.Cosines) != white.Len() {
			t.Errorf("%d rows, want %d", white.Len(), len(want.Cosines))
		}
	}
}

// TestWhitenEdges: equal rows stay as they are, and few rows of many dimensions stay finite.
func TestWhitenEdges(t *testing.T) {
	equal := stored(t, 0, 3, []float32{0, 3, 4, 0, 3, 4})
	white, err := Whiten(t.Context(), equal)
	if err != nil {
		t.Fatal(err)
	}
	defer white.Close()
	if got := row(t, white, 1); !slices.Equal(got, []float32{0, 0.6, 0.8}) {
		t.Errorf("equal rows became %v", got)
	}
	few, err := Whiten(t.Context(), stored(t, 1, 64, cloud(rand.New(rand.NewPCG(1, 11)), 5, 64)))
	if err != nil {
		t.Fatal(err)
	}
	defer few.Close()
	for i := range few.Len() {
		if c := cosine.Of(row(t, few, i), row(t, few, i)); math.Abs(c-1) > 1e-5 {
			t.Errorf("row %d has the length %g", i, c)
		}
	}
	if _, err := Whiten(t.Context(), stored(t, 0, 2, nil)); err == nil {
		t.Error("no rows are whitened")
	}
}
