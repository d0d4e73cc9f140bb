// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

func TestKMeansFindsSeparatedBlobs(t *testing.T) {
	in(t, func() {
		r := rng()
		const k, each, d = 6, 40, 5
		labels := make([]int, k*each)
		v := gaussian(r, k*each*d)
		for i := range labels {
			labels[i] = i % k
			for j := range d {
				v[i*d+j] = v[i*d+j]*0.5 + 1000 // far from the origin
			}
			v[i*d+labels[i]%d] += float32(30 * (1 + labels[i]/d))
		}
		rows := torch.FromFloat32(v, k*each, d)
		found := KMeans(rows, k, 5, rng())
		clusters, inertia := found.Assign(rows)
		scores, err := ScoreClusters(clusters, labels)
		if err != nil || scores != (ClusterScores{1, 1, 1}) {
			t.Errorf("scores %+v (%v), want 1", scores, err)
		}
		// The inertia and the centroids, by loops.
		want, centroids := 0.0, rowsOf(found.rows.Add(found.mean))
		means, sizes := make([][]float64, k), make([]float64, k)
		for i, row := range rowsOf(rows) {
			c := clusters[i]
			if means[c] == nil {
				means[c] = make([]float64, d)
			}
			for j := range row {
				means[c][j] += row[j] / each
			}
			sizes[c]++
		}
		for i, row := range rowsOf(rows) {
			for j := range row {
				want += (row[j] - means[clusters[i]][j]) * (row[j] - means[clusters[i]][j])
			}
		}
		if math.Abs(inertia/want-1) > 1e-4 {
			t.Errorf("inertia %g, want %g", inertia, want)
		}
		for c := range means {
			for j := range means[c] {
				if math.Abs(centroids[c][j]-means[c][j]) > 1e-3 {
					t.Errorf("centroid %d is %v, want %v", c, centroids[c], means[c])
				}
			}
		}
		if s := Silhouette(rows, clusters, 1000, rng()); s < 0.9 {
			t.Errorf("the silhouette is %g, want nearly 1", s)
		}
		again, _ := KMeans(rows, k, 5, rng()).Assign(rows)
		if !slices.Equal(again, clusters) {
			t.Error("equal seeds give different clusters")
		}
	})
}

// k-means++ begins with distant rows, however few they are.
func TestPlusPlusDrawsFarRows(t *testing.T) {
	in(t, func() {
		v := make([]float32, 300)
		for i := range v {
			v[i] = float32(i) / 1000
		}
		v[17], v[18], v[250] = 1000, 1000, -500
		rows := torch.FromFloat32(v, 300, 1)
		for seed := range uint64(20) {
			drawn := plusPlus(rows, 3, rand.New(rand.NewPCG(seed, 0))).Float32s()
			if slices.Sort(drawn); drawn[0] != -500 || drawn[2] != 1000 || drawn[1] < 0 || drawn[1] > 1 {
				t.Errorf("seed %d draws %v, want -500, one of many near 0, and 1000", seed, drawn)
			}
		}
	})
}

// With enough restarts the inertia is the smallest of all groupings, found by trying them.
func TestKMeansFindsTheBestGroupingOfFewRows(t *testing.T) {
	in(t, func() {
		r := rng()
		for range 10 {
			rows := torch.FromFloat32(gaussian(r, 18), 9, 2)
			_, got := KMeans(rows, 3, 30, r).Assign(rows)
			if want := best(rowsOf(rows), make([]int, 9), 0, 3); math.Abs(got-want) > 1e-4*want {
				t.Errorf("inertia %g, want %g", got, want)
			}
		}
	})
}

// best tries every grouping of the rows from row at on.
func best(x [][]float64, group []int, at, k int) float64 {
	if at < len(x) {
		least := math.Inf(1)
		for group[at] = range k {
			least = min(least, best(x, group, at+1, k))
		}
		return least
	}
	sum := 0.0
	for c := range k {
		n, mx, my, squares := 0.0, 0.0, 0.0, 0.0
		for i := range x {
			if group[i] == c {
				n++
				mx, my, squares = mx+x[i][0], my+x[i][1], squares+x[i][0]*x[i][0]+x[i][1]*x[i][1]
			}
		}
		if n > 0 {
			sum += squares - (mx*mx+my*my)/n
		}
	}
	return sum
}

// Points occur many times, so that centroids coincide and clusters lose their rows.
func TestKMeansOfRepeatedRows(t *testing.T) {
	in(t, func() {
		rows := torch.FromFloat32([]float32{0, 0, 0, 0, 0, 0, 1, 5}, 8, 1)
		for seed := range uint64(20) {
			clusters, inertia := KMeans(rows, 3, 1, rand.New(rand.NewPCG(seed, 0))).Assign(rows)
			if inertia != 0 {
				t.Errorf("seed %d: clusters %v, inertia %g, want 0", seed, clusters, inertia)
			}
			if _, inertia := KMeans(rows, 8, 1, rand.New(rand.NewPCG(seed, 0))).Assign(rows); inertia != 0 {
				t.Errorf("seed %d: 8 clusters of 8 rows have inertia %g", seed, inertia)
			}
		}
		fails(t, "9 clusters", func() { KMeans(rows, 9, 1, rng()) })
		fails(t, "0 clusters", func() { KMeans(rows, 0, 1, rng()) })
		fails(t, "not finite", func() { KMeans(torch.Full(math.NaN(), torch.F32, 3, 2), 2, 1, rng()) })
		fails(t, "width 1", func() { KMeans(rows, 2, 1, rng()).Assign(torch.Zeros(torch.F32, 2, 3)) })
	})
}

func TestSilhouette(t *testing.T) {
	in(t, func() {
		rows := torch.FromFloat32([]float32{0, 1, 4, 10}, 4, 1)
		// Row 0: a 1, b the smaller of 4 and 10; row 1: a 1, b 3; rows 2 and 3 are alone.
		if got, want := Silhouette(rows, []int{5, 5, 7, 9}, 100, rng()), (0.75+2./3)/4; math.Abs(got-want) > 1e-12 {
			t.Errorf("silhouette %g, want %g", got, want)
		}
		// Rows 0 and 3 against 1 and 2: a 10, b 2.5; a 3, b 5; a 3, b 5; a 10, b 7.5.
		want := (-0.75 + 0.4 + 0.4 - 0.25) / 4
		if got := Silhouette(rows, []int{0, 1, 1, 0}, 100, rng()); math.Abs(got-want) > 1e-12 {
			t.Errorf("silhouette %g, want %g", got, want)
		}
		if got := Silhouette(rows, []int{1, 1, 1, 1}, 100, rng()); !math.IsNaN(got) {
			t.Errorf("of one cluster it is %g, want NaN", got)
		}
		h, labels := blobs(rng(), 400, 6)
		for i := range labels {
			labels[i] = max(0, labels[i])
		}
		all, some := Silhouette(h, labels, 400, rng()), Silhouette(h, labels, 200, rng())
		if all == some || math.Abs(all-some) > 0.05 {
			t.Errorf("of all rows %g, of half of them %g", all, some)
		}
	})
}

// Every setting of a grid gives the same predictions as KNN alone.
func TestKNNGridIsKNN(t *testing.T) {
	in(t, func() {
		r := rng()
		h, labels := blobs(r, 90, 6)
		q, _ := blobs(r, 40, 6)
		var votes []Vote
		for _, k := range []int{1, 7, 7, 500, 2} {
			for _, temperature := range []float64{0.07, 1, math.Inf(1)} {
				votes = append(votes, Vote{k, temperature})
			}
		}
		grid := KNNGrid(h, labels, q, votes, 3)
		for i, v := range votes {
			alone, _ := KNN(h, labels, q, nil, v.K, v.Temperature, 3)
			if !reflect.DeepEqual(grid[i], alone) {
				t.Errorf("k %d, temperature %g: %v, want %v", v.K, v.Temperature, grid[i], alone)
			}
		}
		// An infinite temperature is a majority vote: two distant neighbours outvote the nearest.
		bank := torch.FromFloat32([]float32{1, 0, 0.8, 0.6, 0.6, 0.8}, 3, 2)
		near := torch.FromFloat32([]float32{1, 0}, 1, 2)
		got := KNNGrid(bank, []int{0, 1, 1}, near, []Vote{{3, 0.05}, {3, math.Inf(1)}}, 2)
		if !reflect.DeepEqual(got, [][]int{{0}, {1}}) {
			t.Errorf("weighted and majority predict %v, want 0 and 1", got)
		}
	})
}

// A margin is 1 at a centroid, 0 half-way between two, and 1 - a/b elsewhere, by hand.
func TestMargins(t *testing.T) {
	in(t, func() {
		rows := torch.FromFloat64([]float64{0, 0, 0.2, 0, -0.2, 0, 9.8, 3, 10.2, 3, 10, 3}, 6, 2)
		c := KMeans(rows, 2, 3, rand.New(rand.NewPCG(1, 1))) // centroids at (0, 0) and (10, 3)
		far := math.Hypot(10, 3)
		for i, want := range []float64{1, 0, 1 - 1/math.Hypot(9, 3)} {
			at := torch.FromFloat64([][]float64{{0, 0}, {5, 1.5}, {1, 0}}[i], 1, 2)
			if got := c.Margins(at)[0]; math.Abs(got-want) > 1e-3 {
				t.Errorf("row %d: margin %v, want %v (%v between the centroids)", i, got, want, far)
			}
		}
		margins := c.Margins(rows)
		clusters, _ := c.Assign(rows)
		if len(margins) != 6 || clusters[0] == clusters[5] || margins[1] > margins[0] {
			t.Errorf("margins %v of clusters %v", margins, clusters)
		}
	})
}
