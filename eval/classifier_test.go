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

// solve solves the linear equations a·x = b for several columns b by Gauss' elimination with pivots.
func solve(a, b [][]float64) [][]float64 {
	n := len(a)
	for at := range n {
		pivot := at
		for i := at; i < n; i++ {
			if math.Abs(a[i][at]) > math.Abs(a[pivot][at]) {
				pivot = i
			}
		}
		a[at], a[pivot], b[at], b[pivot] = a[pivot], a[at], b[pivot], b[at]
		for i := range n {
			if i == at {
				continue
			}
			f := a[i][at] / a[at][at]
			for j := range n {
				a[i][j] -= f * a[at][j]
			}
			for j := range b[i] {
				b[i][j] -= f * b[at][j]
			}
		}
	}
	for i := range n {
		for j := range b[i] {
			b[i][j] /= a[i][i]
		}
	}
	return b
}

// ridgeScores are the scores of rows under ridge regression on standardised features, by its normal equations as loops.
// The bias is one more feature, of ones, without regularisation.
func ridgeScores(x [][]float64, labels []int, classes int, lambda float64, at [][]float64) [][]float64 {
	n, d := float64(len(x)), len(x[0])
	mean, deviation := make([]float64, d), make([]float64, d)
	for j := range d {
		for i := range x {
			mean[j] += x[i][j] / n
		}
		for i := range x {
			deviation[j] += (x[i][j] - mean[j]) * (x[i][j] - mean[j]) / n
		}
		if deviation[j] = math.Sqrt(deviation[j]); deviation[j] < 1e-9 {
			deviation[j] = 1
		}
	}
	standard := func(row []float64) []float64 {
		out := make([]float64, d+1)
		for j := range d {
			out[j] = (row[j] - mean[j]) / deviation[j]
		}
		out[d] = 1
		return out
	}
	a, b := make([][]float64, d+1), make([][]float64, d+1)
	for j := range a {
		a[j], b[j] = make([]float64, d+1), make([]float64, classes)
		if j < d {
			a[j][j] = n * lambda
		}
	}
	for i := range x {
		s := standard(x[i])
		for j := range s {
			for k := range s {
				a[j][k] += s[j] * s[k]
			}
			b[j][labels[i]] += s[j]
		}
	}
	w := solve(a, b)
	scores := make([][]float64, len(at))
	for i := range at {
		s := standard(at[i])
		scores[i] = make([]float64, classes)
		for j := range s {
			for c := range classes {
				scores[i][c] += s[j] * w[j][c]
			}
		}
	}
	return scores
}

// scoresOf are a classifier's scores.
func scoresOf(c Classifier, x torch.Tensor) torch.Tensor {
	return torch.Linear(x.To(torch.F64).Sub(c.mean).Div(c.scale), c.weight, c.bias)
}

func rowsOf(x torch.Tensor) [][]float64 {
	flat, d := x.To(torch.F64).Float64s(), x.Size(1)
	var rows [][]float64
	for row := range slices.Chunk(flat, d) {
		rows = append(rows, row)
	}
	return rows
}

func TestRidgeSolvesTheNormalEquations(t *testing.T) {
	in(t, func() {
		r := rng()
		h, labels := blobs(r, 120, 7)
		// A constant feature, and one that is twice another: without λ there would be no solution.
		h = torch.Cat(1, h, torch.Full(3, torch.F32, 120, 1), h.Narrow(1, 0, 1).Scale(2))
		index, known := labelled(labels)
		x := rowsOf(h.IndexSelect(0, torch.FromInts(index, len(index))))
		at, _ := blobs(r, 20, 9)
		for _, lambda := range []float64{1e-3, 0.5, 10} {
			l := NewLabelled(h, labels, 4, rng()) // no row is of class 3
			if got := len(l.kept) + len(l.held); got != len(index) || len(l.held) != len(index)/5 {
				t.Errorf("%d rows are kept and %d held out of %d", len(l.kept), len(l.held), len(index))
			}
			fit := l.Ridge([]float64{lambda})
			want := ridgeScores(x, known, 4, lambda, rowsOf(at))
			for i, got := range rowsOf(scoresOf(fit.Classifier, at)) {
				for c := range got {
					if math.Abs(got[c]-want[i][c]) > 1e-9*(1+math.Abs(want[i][c])) {
						t.Errorf("λ %g: row %d, class %d: score %g, want %g", lambda, i, c, got[c], want[i][c])
					}
				}
			}
		}
	})
}

// Where rows are fewer than features the dual form is solved; the solution is the same.
func TestRidgeWithMoreFeaturesThanRows(t *testing.T) {
	in(t, func() {
		r := rng()
		h, labels := blobs(r, 24, 40)
		h = torch.Cat(1, h, torch.Full(3, torch.F32, 24, 1))
		index, known := labelled(labels)
		x, at := rowsOf(h.IndexSelect(0, torch.FromInts(index, len(index)))), h.Scale(1.5)
		for _, lambda := range []float64{1e-3, 0.5, 10} {
			fit := NewLabelled(h, labels, 4, rng()).Ridge([]float64{lambda})
			want := ridgeScores(x, known, 4, lambda, rowsOf(at))
			for i, got := range rowsOf(scoresOf(fit.Classifier, at)) {
				for c := range got {
					if math.Abs(got[c]-want[i][c]) > 1e-9*(1+math.Abs(want[i][c])) {
						t.Errorf("λ %g: row %d, class %d: score %g, want %g", lambda, i, c, got[c], want[i][c])
					}
				}
			}
		}
	})
}

// λ is chosen on the held-out rows, with a classifier that has not seen them.
func TestRidgeChoosesByWhatIsHeldOut(t *testing.T) {
	in(t, func() {
		r := rng()
		v, labels := gaussian(r, 150*60), someLabels(r, 150, 3)
		for i := range labels { // weak class signals in noise
			for j := range 6 {
				if max(0, labels[i]) == j%3 {
					v[i*60+j]++
				}
			}
		}
		l := NewLabelled(torch.FromFloat32(v, 150, 60), labels, 3, r)
		fit := l.Ridge(Lambdas)
		x, y := l.rows(l.kept)
		held, right := l.rows(l.held)
		best, chosen := -1.0, 0.0
		for i, lambda := range Lambdas {
			hits := 0
			for row, scores := range ridgeScores(rowsOf(x), y, 3, lambda, rowsOf(held)) {
				if slices.Index(scores, slices.Max(scores)) == right[row] {
					hits++
				}
			}
			accuracy := float64(hits) / float64(len(right))
			if math.Abs(accuracy-fit.HeldOut[i]) > 1e-12 {
				t.Errorf("λ %g is right for %g of those held out, want %g", lambda, fit.HeldOut[i], accuracy)
			}
			if accuracy >= best {
				best, chosen = accuracy, lambda
			}
		}
		if fit.Chosen != chosen {
			t.Errorf("λ %g was chosen, want %g", fit.Chosen, chosen)
		}
		if slices.Equal(fit.HeldOut, slices.Repeat(fit.HeldOut[:1], len(Lambdas))) {
			t.Error("this test wants data for which λ matters")
		}
	})
}

// The best softmax regression is where the gradient is 0: the mean of (softmax - target)·x, by loops.
func TestSoftmaxReachesTheOptimum(t *testing.T) {
	in(t, func() {
		r := rng()
		h, labels := blobs(r, 200, 5)
		for i := range labels { // mixed classes: the optimum is finite
			if labels[i] >= 0 && r.IntN(3) == 0 {
				labels[i] = r.IntN(3)
			}
		}
		l := NewLabelled(h, labels, 3, rng())
		fit := l.Softmax(SGD{Rates: []float64{0.5}, Epochs: 400, Batch: 1000}, rng())
		index := slices.Concat(l.kept, l.held)
		x, y := l.rows(index)
		p := rowsOf(scoresOf(fit.Classifier, x).Softmax(1))
		standard := rowsOf(x.Sub(fit.mean).Div(fit.scale))
		for c := range 3 {
			for j := range 6 {
				g := 0.0
				for i := range p {
					v := p[i][c]
					if y[i] == c {
						v--
					}
					if j < 5 {
						v *= standard[i][j]
					}
					g += v / float64(len(p))
				}
				if math.Abs(g) > 1e-4 {
					t.Errorf("class %d, feature %d: the gradient is %g, want 0", c, j, g)
				}
			}
		}
	})
}

func TestSoftmaxTriesRatesSideBySide(t *testing.T) {
	in(t, func() {
		h, labels := blobs(rng(), 150, 6)
		o := SGD{Rates: []float64{1e-5, 0.1}, Epochs: 5, Batch: 32}
		l := NewLabelled(h, labels, 3, rng())
		both := l.descend(l.kept, o, o.Rates, rand.New(rand.NewPCG(1, 1)))
		for i, rate := range o.Rates {
			alone := l.descend(l.kept, o, []float64{rate}, rand.New(rand.NewPCG(1, 1)))[0]
			if d := differ(alone.weight.To(torch.F32).Float32s(), both[i].weight.To(torch.F32).Float32s()); d > 1e-5 {
				t.Errorf("rate %g beside another one ends %g away from where it ends alone", rate, d)
			}
		}
		fit := l.Softmax(o, rand.New(rand.NewPCG(1, 1)))
		if fit.Chosen != 0.1 || fit.HeldOut[1] < 0.9 {
			t.Errorf("rate %g was chosen, held out %v", fit.Chosen, fit.HeldOut)
		}
		again := NewLabelled(h, labels, 3, rng()).Softmax(o, rand.New(rand.NewPCG(1, 1)))
		if !reflect.DeepEqual(again.weight.Float64s(), fit.weight.Float64s()) ||
			!reflect.DeepEqual(again.HeldOut, fit.HeldOut) {
			t.Error("equal seeds give different classifiers")
		}
		// It is tested on other rows than it was fitted to.
		at, of := blobs(rand.New(rand.NewPCG(8, 8)), 150, 6)
		right, known := 0, 0
		for i, rank := range fit.Ranks(at, of) {
			if (rank < 0) != (of[i] < 0) {
				t.Errorf("label %d has rank %d", of[i], rank)
			}
			if of[i] >= 0 {
				known++
				if rank == 0 {
					right++
				}
			}
		}
		if accuracy := float64(right) / float64(known); accuracy < 0.9 {
			t.Errorf("on other rows it is right for %.2f", accuracy)
		}
	})
}

func TestRanks(t *testing.T) {
	in(t, func() {
		one := torch.Ones(torch.F64, 1)
		c := Classifier{mean: torch.Zeros(torch.F64, 1), scale: one,
			weight: torch.FromFloat64([]float64{1, -1, 0, 0}, 4, 1), bias: torch.Zeros(torch.F64, 4)}
		// Scores of x = 2 are 2, -2, 0, 0, and of x = 0 all equal.
		h := torch.FromFloat32([]float32{2, 2, 2, 2, 0, 0, 5}, 7, 1)
		if got, want := c.Ranks(h, []int{0, 1, 2, 3, 0, 3, -1}), []int{0, 3, 1, 2, 0, 3, -1}; !slices.Equal(got, want) {
			t.Errorf("ranks %v, want %v", got, want)
		}
		fails(t, "width 2 for a classifier of width 1", func() { c.Ranks(torch.Zeros(torch.F32, 1, 2), []int{0}) })
		fails(t, "not finite", func() { c.Ranks(torch.Full(math.NaN(), torch.F32, 1, 1), []int{0}) })
		fails(t, "1 rows have a label", func() { NewLabelled(h, []int{-1, -1, -1, -1, -1, -1, 2}, 3, rng()) })
		fails(t, "not finite", func() {
			NewLabelled(torch.Full(math.Inf(1), torch.F32, 3, 1), []int{0, 1, 0}, 2, rng())
		})
		fails(t, "0 rates", func() {
			NewLabelled(h, []int{0, 1, 0, 1, 0, 1, 0}, 2, rng()).
				Softmax(SGD{Epochs: 1, Batch: 1}, rng())
		})
	})
}
