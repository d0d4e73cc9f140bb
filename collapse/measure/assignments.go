// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/torch"
)

// assignedRows is the number of rows of probabilities that are held at a time: 64 rows of DINO's 65,536 outputs take 32
// MiB.
const assignedRows = 64

// Assignments describes the assignments of the rows of z (n x d): assign returns n x K rows of probabilities for them.
// It is called for a few rows at a time, to save memory. If assign is nil, the rows of z are the probabilities.
func Assignments(z torch.Tensor, assign func(z torch.Tensor) torch.Tensor) collapse.Assignments {
	a := collapse.Assignments{Rows: z.Size(0)}
	used := map[int]bool{}
	var mean []float64 // p̄
	rowBlocks(a.Rows, assignedRows, func(from, rows int) {
		p := z.Narrow(0, from, rows)
		if assign != nil {
			p = assign(p)
		}
		p = distributions("Assignments", p)
		if a.Clusters = p.Size(1); mean == nil {
			mean = make([]float64, a.Clusters)
		}
		for k, sum := range p.Sum(0).Float64s() {
			mean[k] += sum / float64(a.Rows)
		}
		a.Individual += entropies(p).Sum().Item() / float64(a.Rows)
		for _, k := range p.ArgMax(1).Ints() {
			used[k] = true
		}
	})
	for _, p := range mean {
		if p > 0 {
			a.Marginal -= p * math.Log(p)
		}
	}
	a.Perplexity, a.TopShare, a.Used = math.Exp(a.Marginal), slices.Max(mean), len(used)
	a.Information = math.Max(0, a.Marginal-a.Individual)
	return a
}

// rowBlocks calls f for n rows in order, block rows at a time, each time in a scope of its own and without history.
func rowBlocks(n, block int, f func(from, rows int)) {
	for from := 0; from < n; from += block {
		torch.Nested(func() { torch.NoGrad(func() { f(from, min(block, n-from)) }) })
	}
}

// entropies returns the entropy of every row.
func entropies(p torch.Tensor) torch.Tensor { return p.Mul(logarithm(p)).Sum(1).Neg() }

// logarithm returns ln p. It clamps p below the smallest value of a float32 softmax, so that 0 ln 0 is 0.
func logarithm(p torch.Tensor) torch.Tensor { return p.Clamp(1e-38, 1).Log() }

// rowSlack is how far the sum of a row of probabilities may be from 1. In half precision it is not exactly 1.
const rowSlack = 0.02

// distributions returns p as float64 rows that sum to 1.
func distributions(op string, p torch.Tensor) torch.Tensor {
	p = rows(op, p)
	sum := p.Sum(1).Unsqueeze(1)
	if lowest, off := -p.Neg().Max().Item(), sum.Shift(-1).Abs().Max().Item(); lowest < 0 || off > rowSlack {
		torch.Fail(op, "rows that are not probabilities: the smallest element is %.3g, and the sum of a row differs "+
			"from 1 by %.3g; pass the softmax of logits", lowest, off)
	}
	return p.Div(sum)
}
