// SPDX-License-Identifier: Apache-2.0

package features

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"testing"

	"github.com/parallax-ssl/parallax/internal/tsne"
)

// clouds makes a sample of n images in k clouds, whose labels are the clouds. Those of other seeds are other points of
// the same clouds; shift moves every point by so much.
func clouds(seed uint64, n, k, width int, shift float64) *Sample {
	centre, r := rand.New(rand.NewPCG(9, 9)), rand.New(rand.NewPCG(seed, 1))
	centres := make([]float64, k*width)
	for i := range centres {
		centres[i] = 2 * centre.NormFloat64()
	}
	s := &Sample{Width: width}
	for i := range n {
		s.Images = append(s.Images, Image{Index: i, Label: i % k})
		for j := range width {
			s.Rows = append(s.Rows, float32(centres[i%k*width+j]+r.NormFloat64()))
		}
	}
	r = rand.New(rand.NewPCG(seed, 2))
	for i := range s.Rows {
		s.Rows[i] += float32(shift * r.NormFloat64())
	}
	if err := s.Normalise(); err != nil {
		panic(err)
	}
	return s
}

// Neighbours are those of a search of all rows, in float64, and the same for all rows at once as for one.
func TestNearest(t *testing.T) {
	s := clouds(1, 120, 4, 24, 0)
	copy(s.Row(7), s.Row(3)) // equal rows, in the order of their numbers
	clear(s.Row(9))          // no direction: as similar to all
	all, err := s.Neighbours(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Images {
		var want []Match
		for j := range s.Images {
			if j != i {
				want = append(want, Match{j, product(s.Row(i), s.Row(j))})
			}
		}
		sort.SliceStable(want, func(a, b int) bool { return want[a].Cosine > want[b].Cosine+1e-12 })
		got := s.Nearest(i, 10)
		for k, m := range got {
			if m.Row != want[k].Row || math.Abs(m.Cosine-want[k].Cosine) > 1e-12 {
				t.Fatalf("image %d: neighbour %d is %+v, want %+v", i, k, m, want[k])
			}
		}
		if !slices.Equal(got, all[i]) {
			t.Fatalf("image %d has the neighbours %v, among those of all %v", i, got, all[i])
		}
	}
	if got := s.Nearest(0, 500); len(got) != 119 {
		t.Errorf("%d neighbours of 120 rows", len(got))
	}
	if got := s.Nearest(3, 1); got[0].Row != 7 || math.Abs(got[0].Cosine-1) > 1e-6 {
		t.Errorf("the neighbour of a row with a copy is %+v", got)
	}
}

func TestApartAndDisagree(t *testing.T) {
	s := &Sample{Images: []Image{{Label: 0}, {Label: 0}, {Label: 1}, {Label: -1}}}
	near := [][]Match{{{1, 1}, {2, 0.5}}, {{2, 0}, {3, 0}}, {{3, -1}}, {{0, 0.5}}}
	if got := Apart(near); !reflect.DeepEqual(got, []float64{0.25, 1, 2, 0.5}) {
		t.Errorf("apart: %v", got)
	}
	got := s.Disagree(near)
	if got[0] != 0.5 || got[1] != 1 || !math.IsNaN(got[2]) || !math.IsNaN(got[3]) {
		t.Errorf("disagree: %v", got)
	}
}

// The clusters of clouds that are far apart are the clouds, the larger ones first.
func TestClusters(t *testing.T) {
	s := clouds(1, 200, 4, 16, 0)
	s.Images, s.Rows = s.Images[:190], s.Rows[:190*16] // sizes of 48, 48, 47, 47
	got, err := s.Clusters(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	for i, image := range s.Images {
		if got[i] != got[image.Label] {
			t.Fatalf("image %d of cloud %d is in cluster %d, the cloud's first in %d", i, image.Label, got[i],
				got[image.Label])
		}
	}
	sizes := make([]int, 4)
	for _, c := range got {
		sizes[c]++
	}
	if !slices.Equal(sizes, []int{48, 48, 47, 47}) {
		t.Errorf("the sizes are %v", sizes)
	}
	again, err := s.Clusters(t.Context(), 4)
	if err != nil || !slices.Equal(got, again) {
		t.Errorf("the second time the clusters are others (%v)", err)
	}
	few := &Sample{Images: s.Images[:3], Rows: make([]float32, 3*16), Width: 16}
	if got, err := few.Clusters(t.Context(), 10); err != nil || len(got) != 3 {
		t.Errorf("of three rows of zeros: %v (%v)", got, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range map[string]func() error{
		"clusters":   func() error { _, err := s.Clusters(ended, 4); return err },
		"neighbours": func() error { _, err := s.Neighbours(ended, 4); return err },
		"plane":      func() error { _, err := s.Plane(ended); return err },
		"layout": func() error {
			_, err := s.lay(ended, make([][2]float64, len(s.Images)), tsne.Again)
			return err
		},
	} {
		if err := f(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s after the end of the context: %v", name, err)
		}
	}
}
