// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// Assignments describes how n images are assigned to K clusters, prototypes or teacher outputs: rows p_i of probabilities,
// whose mean over images is p̄. Entropies are in nats. Two ways to collapse look the same to a loss: all images in one cluster
// (Marginal near 0), and every image in all clusters alike (Individual near ln K). Information is 0 in both.
type Assignments struct {
	Rows     int `json:"rows"`     // n
	Clusters int `json:"clusters"` // K

	Marginal    float64 `json:"marginal_entropy"`   // H(p̄), 0 to ln K
	Perplexity  float64 `json:"perplexity"`         // exp H(p̄), 1 to K: how many clusters are in use, as it were
	Individual  float64 `json:"individual_entropy"` // the mean of H(p_i): 0 when assignments are hard, ln K when they say nothing
	Information float64 `json:"mutual_information"` // I(image; cluster), the mean of KL(p_i‖p̄), which is Marginal - Individual
	TopShare    float64 `json:"top_share"`          // the largest p̄_k, 1/K to 1
	Used        int     `json:"used"`               // clusters that are the largest p_i of some image
}

// Dead is the share of clusters that no image has as its largest. It says little early: a healthy run uses few at first.
func (a Assignments) Dead() float64 { return 1 - float64(a.Used)/float64(a.Clusters) }

// assignedRows is how many rows of probabilities there are at a time: with DINO's 65,536 outputs 64 are 32 MiB.
const assignedRows = 64

// MeasureAssignments describes what assign makes of the rows of z (n x d), n x K rows of probabilities, with memory for few of
// them. Without assign (nil) the rows of z are the probabilities.
func MeasureAssignments(z torch.Tensor, assign func(z torch.Tensor) torch.Tensor) Assignments {
	a := Assignments{Rows: z.Size(0)}
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

// TeacherDivergence returns the mean of KL(p_i of the teacher ‖ p_i of the student), both n x K rows of probabilities, in
// nats: DINO's loss less the teacher's entropy. 0 for outputs that are the same for every image (Caron et al. 2021,
// arXiv:2104.14294, figure 7). A probability of 0 counts as 1e-38 in the logarithm.
func TeacherDivergence(teacher, student torch.Tensor) float64 {
	divergence := 0.0
	torch.NoGrad(func() {
		t, s := distributions("TeacherDivergence", teacher), distributions("TeacherDivergence", student)
		if t.Size(0) != s.Size(0) || t.Size(1) != s.Size(1) {
			torch.Fail("TeacherDivergence", "outputs of shapes %v and %v are not of the same images and clusters", t.Shape(), s.Shape())
		}
		divergence = math.Max(0, t.Mul(logarithm(t).Sub(logarithm(s))).Sum(1).Mean().Item())
	})
	return divergence
}

// CodeError returns how far codes (n x K, rows of probabilities) are from an equal share for every cluster, the l1 norm of
// what the clusters get less n/K, divided by n: 0 to 2. After Sinkhorn-Knopp it says how far the iterations came, whatever
// the network does.
func CodeError(codes torch.Tensor) float64 {
	off := 0.0
	torch.NoGrad(func() {
		q := distributions("CodeError", codes)
		off = q.Mean(0).Shift(-1 / float64(q.Size(1))).Abs().Sum().Item()
	})
	return off
}

// BatchEntropyBias returns by how many nats the entropy of a batch's mean assignment falls short of H(p̄) on average, to first
// order: (K-1)/2B for B images that are assigned to one of K clusters each (Miller 1955); less when assignments are soft. With
// K of 256 and B of 64 it is 2 nats: a loss on the entropy of such a mean says next to nothing.
func BatchEntropyBias(clusters, batch int) float64 { return float64(clusters-1) / (2 * float64(batch)) }

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
