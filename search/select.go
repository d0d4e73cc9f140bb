// SPDX-License-Identifier: Apache-2.0

package search

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/internal/cosine"
)

// A Choice is a row that was selected, in the order of selection.
type Choice struct {
	Row int
	// Cosine is, in a diverse subset, the similarity to the nearest row that was labelled or selected before (for the
	// first of all, to the mean); in a typical one, the mean similarity to the nearest rows of the row's cluster.
	Cosine float64
	// Cluster is the row's cluster in a typical subset, largest cluster 0.
	Cluster int
}

// Diverse selects n rows that cover all rows: greedy k-centre (Gonzalez 1985; for labelling: Sener & Savarese 2018,
// arXiv:1708.00489, algorithm 1). Each row selected is the one that is least similar to those labelled and those
// selected before it; of equal ones the one with the smaller number. Without labelled rows the first is the row that is
// most similar to the mean. The greatest distance of a row to the subset is at most twice the least possible one.
//
// Similarities are computed only where they can matter: a row's similarity to the subset can only grow, so an old value
// that is large enough spares the new one. Memory is 16 bytes a row, and the labelled and selected rows.
func Diverse(ctx context.Context, rows *Rows, n int, labelled []int, progress Progress) ([]Choice, error) {
	taken, err := checkSelect(rows, n, labelled)
	if err != nil || n == 0 {
		return nil, err
	}
	c := &covering{rows: rows}
	var choices []Choice
	choose := func(row int32, similarity float64) error {
		values, err := rows.Read(int(row))
		c.centres = append(c.centres, values)
		taken[row] = true
		choices = append(choices, Choice{Row: int(row), Cosine: similarity})
		progress.report(int64(len(choices)), int64(n))
		return err
	}
	seen := &Rows{}
	if len(labelled) > 0 {
		numbers := make([]int32, len(labelled))
		for i, row := range labelled {
			numbers[i] = int32(row)
		}
		if seen, err = rows.subset(ctx, numbers, false); err != nil {
			return nil, err
		}
		defer seen.Close()
	} else {
		middle, similarity, err := rows.middle(ctx)
		if err != nil {
			return nil, err
		}
		if err := choose(middle, similarity); err != nil {
			return nil, err
		}
		seen = &Rows{n: 1, d: rows.d, memory: c.centres[0]}
		c.centres = nil
	}
	if err := c.fill(ctx, seen, taken); err != nil {
		return nil, err
	}
	for len(choices) < n {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		row, similarity, err := c.least()
		if err != nil {
			return nil, err
		}
		if err := choose(row, similarity); err != nil {
			return nil, err
		}
	}
	return choices, nil
}

// checkSelect returns which rows are labelled.
func checkSelect(rows *Rows, n int, labelled []int) ([]bool, error) {
	taken, free := make([]bool, rows.n), rows.n
	for _, row := range labelled {
		if row < 0 || row >= rows.n {
			return nil, fmt.Errorf("there is no labelled row %d of %d", row, rows.n)
		}
		if !taken[row] {
			taken[row], free = true, free-1
		}
	}
	if n < 0 || n > free {
		return nil, fmt.Errorf("cannot select %d rows: %d are not labelled yet", n, free)
	}
	return taken, nil
}

// middle returns the row that is most similar to the mean of all rows, and the similarity.
func (r *Rows) middle(ctx context.Context) (int32, float64, error) {
	sum := make([]float64, r.d)
	if err := r.blocks(ctx, 0, r.n, rowBlock, func(b *block) error {
		for i := range b.n {
			for j, v := range b.row(i, r.d) {
				sum[j] += float64(v)
			}
		}
		return nil
	}); err != nil {
		return 0, 0, err
	}
	mean := make([]float32, r.d)
	for j, v := range sum {
		mean[j] = float32(v / float64(r.n))
	}
	query, err := FromSlice(r.d, mean)
	if err != nil {
		return 0, 0, err
	}
	matches, err := Nearest(ctx, r, query, 1, nil)
	if err != nil {
		return 0, 0, err
	}
	return int32(matches[0][0].Row), matches[0][0].Cosine, nil
}

// A covering is the rows that are not selected, the one that is least similar to the selected ones first. A row's
// similarity may be out of date: it is to the first of the centres only, and the true one is at least as large.
type covering struct {
	rows    *Rows
	centres [][]float32
	queue   []uncovered
}

type uncovered struct {
	cosine   float64
	row      int32
	compared int32 // with so many centres
}

// fill puts in the queue all rows that are not taken, with their similarity to the nearest of seen.
func (c *covering) fill(ctx context.Context, seen *Rows, taken []bool) error {
	c.queue = make([]uncovered, 0, c.rows.n)
	err := nearest(ctx, seen, c.rows, 1, false, nil, func(from int, matches [][]Match) {
		for i, m := range matches {
			if !taken[from+i] {
				c.queue = append(c.queue, uncovered{m[0].Cosine, int32(from + i), 0})
			}
		}
	})
	heap.Init(c)
	return err
}

// least takes the row that is least similar to all centres out of the queue.
func (c *covering) least() (int32, float64, error) {
	row := make([]float32, c.rows.d)
	for len(c.queue) > 0 {
		top := &c.queue[0]
		if int(top.compared) == len(c.centres) {
			found := heap.Pop(c).(uncovered)
			return found.row, found.cosine, nil
		}
		if err := c.rows.read(row, int(top.row)); err != nil {
			return 0, 0, err
		}
		for _, centre := range c.centres[top.compared:] {
			top.cosine = max(top.cosine, cosine.Of(row, centre))
		}
		top.compared = int32(len(c.centres))
		heap.Fix(c, 0)
	}
	return 0, 0, errors.New("no row is left to select")
}

// Len, Less, Swap, Push and Pop are those of container/heap.
func (c *covering) Len() int { return len(c.queue) }

func (c *covering) Less(i, j int) bool {
	a, b := c.queue[i], c.queue[j]
	return a.cosine < b.cosine || a.cosine == b.cosine && a.row < b.row
}

func (c *covering) Swap(i, j int) { c.queue[i], c.queue[j] = c.queue[j], c.queue[i] }

func (c *covering) Push(x any) { c.queue = append(c.queue, x.(uncovered)) }

func (c *covering) Pop() any {
	last := c.queue[len(c.queue)-1]
	c.queue = c.queue[:len(c.queue)-1]
	return last
}

// The settings of TypiClust, as published.
const (
	typicalNeighbours = 20
	mostTypical       = 500 // clusters
	leastTypical      = 5   // rows of a cluster from which one is selected
)

// Typical selects n rows that stand for many others, the better choice when few can be labelled: TypiClust (Hacohen et
// al. 2022, arXiv:2202.02794, algorithm 1). Rows are clustered by spherical k-means, into as many clusters as rows are
// labelled and to be selected, at most 500. Each row selected is the most typical of the largest among the clusters
// with the fewest labelled and selected rows, where typicality is the mean similarity to its 20 nearest rows in the
// cluster. Clusters of fewer than 5 rows come last. Equal seeds give equal subsets for an equal number of threads. It
// copies the rows to another temporary file. Memory is 40 bytes a row, and that of k-means.
func Typical(ctx context.Context, rows *Rows, n int, labelled []int, seed uint64, progress Progress) ([]Choice, error) {
	taken, err := checkSelect(rows, n, labelled)
	if err != nil || n == 0 {
		return nil, err
	}
	given := 0
	for _, is := range taken {
		if is {
			given++
		}
	}
	k := min(n+given, mostTypical, rows.n)
	c, err := rows.centroids(ctx, k, 256, rand.New(rand.NewPCG(seed, 0x7717)))
	if err != nil {
		return nil, err
	}
	of, err := rows.nearestOf(ctx, c)
	if err != nil {
		return nil, err
	}
	clusters := make([]*cluster, k)
	for i := range clusters {
		clusters[i] = &cluster{}
	}
	for row, list := range of {
		clusters[list].rows = append(clusters[list].rows, int32(row))
		if taken[row] {
			clusters[list].covered++
		}
	}
	slices.SortStableFunc(clusters, func(a, b *cluster) int { return cmp.Compare(len(b.rows), len(a.rows)) })
	var choices []Choice
	for len(choices) < n {
		at := -1
		for i, c := range clusters {
			if c.spent(taken) {
				continue
			}
			if at < 0 || cmp.Or(cmp.Compare(c.small(), clusters[at].small()),
				cmp.Compare(c.covered, clusters[at].covered)) < 0 {
				at = i
			}
		}
		row, similarity, err := clusters[at].mostTypical(ctx, rows, taken)
		if err != nil {
			return nil, err
		}
		taken[row] = true
		clusters[at].covered++
		choices = append(choices, Choice{int(row), similarity, at})
		progress.report(int64(len(choices)), int64(n))
	}
	return choices, nil
}

// A cluster of rows, from which the most typical are selected.
type cluster struct {
	rows     []int32
	covered  int       // labelled and selected rows
	typical  []float64 // of each row, once it is needed
	selected int       // rows before this one in rows, sorted by typicality, are taken
}

func (c *cluster) small() int {
	if len(c.rows) < leastTypical {
		return 1
	}
	return 0
}

// spent reports whether all rows of the cluster are taken.
func (c *cluster) spent(taken []bool) bool {
	if c.typical == nil {
		return !slices.ContainsFunc(c.rows, func(i int32) bool { return !taken[i] })
	}
	for c.selected < len(c.rows) && taken[c.rows[c.selected]] {
		c.selected++
	}
	return c.selected == len(c.rows)
}

// mostTypical returns the most typical row that is not taken, and its typicality; there is one.
func (c *cluster) mostTypical(ctx context.Context, rows *Rows, taken []bool) (int32, float64, error) {
	if c.typical == nil {
		if err := c.rank(ctx, rows); err != nil {
			return 0, 0, err
		}
	}
	c.spent(taken)
	return c.rows[c.selected], c.typical[c.selected], nil
}

// rank sorts the cluster's rows by typicality, the most typical first.
func (c *cluster) rank(ctx context.Context, rows *Rows) error {
	part, err := rows.subset(ctx, c.rows, false)
	if err != nil {
		return err
	}
	defer part.Close()
	type ranked struct {
		row     int32
		typical float64
	}
	order := make([]ranked, 0, len(c.rows))
	err = nearest(ctx, part, part, typicalNeighbours, true, nil, func(from int, matches [][]Match) {
		for i, near := range matches {
			sum := 0.0
			for _, m := range near {
				sum += m.Cosine
			}
			order = append(order, ranked{c.rows[from+i], sum / math.Max(1, float64(len(near)))})
		}
	})
	slices.SortFunc(order, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.typical, a.typical), cmp.Compare(a.row, b.row))
	})
	c.typical = make([]float64, len(order))
	for i, r := range order {
		c.rows[i], c.typical[i] = r.row, r.typical
	}
	return err
}
