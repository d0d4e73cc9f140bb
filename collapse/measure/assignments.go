// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/torch"
)

// assignedRows is how many rows of probabilities there are at a time: with DINO's 65,536 outputs 64 are 32 MiB.
const assignedRows = 64

// Assignments describes what assign makes of the rows of z (n x d), n x K rows of probabilities, with memory for few of
// them. Without assign (nil) the rows of z are the probabilities.
func Assignments(z torch.Tensor, assign func(z torch.Tensor) torch.Tensor) collapse.Assignments {
	a := collapse.Assignments{Rows: z.Size(0)}
	used := map[int]bool{}
	var mean []float64 // p̄
	part := func(from int) {
		p := z.Narrow(0, from, min(assignedRows, a.Rows-from))
		if assign != nil {
			p = assign(p)
		}
		p = distributions("MeasureAssignments", p)
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
	}
	for from := 0; from < a.Rows; from += assignedRows {
		if err := torch.Scope(func() error { torch.NoGrad(func() { part(from) }); return nil }); err != nil {
			torch.Fail("MeasureAssignments", "%v", err)
		}
	}
	for _, p := range mean {
		if p > 0 {
			a.Marginal -= p * math.Log(p)
		}
	}
	a.Perplexity, a.TopShare, a.Used = math.Exp(a.Marginal), slices.Max(mean), len(used)
	a.Information = math.Max(0, a.Marginal-a.Individual)
	return a
}

// entropies returns the entropy of every row.
func entropies(p torch.Tensor) torch.Tensor { return p.Mul(logarithm(p)).Sum(1).Neg() }

// logarithm is ln p, of a p held above what a float32 softmax can hold, so that 0 ln 0 is 0.
func logarithm(p torch.Tensor) torch.Tensor { return p.Clamp(1e-38, 1).Log() }

// rowSlack is how far a row of probabilities may be from a sum of 1; those of half precision are.
const rowSlack = 0.02

// distributions returns p as float64 rows that sum to 1.
func distributions(op string, p torch.Tensor) torch.Tensor {
	p = rows(op, p)
	sum := p.Sum(1).Unsqueeze(1)
	if lowest, off := -p.Neg().Max().Item(), sum.Shift(-1).Abs().Max().Item(); lowest < 0 || off > rowSlack {
		torch.Fail(op, "rows that are not probabilities: the smallest element is %.3g and a row's sum is off 1 by %.3g; give the softmax of logits", lowest, off)
	}
	return p.Div(sum)
}
