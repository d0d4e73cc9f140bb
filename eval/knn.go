// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// similarities bounds how many cosines KNN holds at a time: 64 MiB.
const similarities = 16 << 20

// A Vote is a setting of the kNN classifier: the k nearest neighbours vote for their class with weight
// exp(cosine/temperature). With an infinite temperature all votes count the same.
type Vote struct {
	K           int
	Temperature float64
}

// KNN predicts the class of every query (Q x D) from its k nearest rows of the bank (N x D) by cosine. Each neighbour
// votes for its class, 0 ... classes-1, with weight exp(cosine/temperature); the lowest class wins a tie. This is the
// protocol of InstDisc (Wu et al. 2018, arXiv:1805.01978, section 3.4); k 20 or 200 and temperature 0.07 are usual.
//
// Rows of the bank labelled -1 are left out, and k is at most the number of the others. top1 is the share of right
// predictions among the queries whose label in queryLabels is not -1, and NaN if there is none; queryLabels may be nil.
// KNN computes in float32. It holds a normalised copy of the bank and 64 MiB of cosines.
func KNN(bank torch.Tensor, bankLabels []int, queries torch.Tensor, queryLabels []int, k int, temperature float64,
	classes int,
) (predictions []int, top1 float64) {
	if queryLabels == nil {
		queryLabels = unknown(queries.Size(0))
	}
	matches("KNN", "queries", queries, queryLabels, classes)
	predictions = KNNGrid(bank, bankLabels, queries, []Vote{{k, temperature}}, classes)[0]
	return predictions, accuracy(predictions, queryLabels)
}

// KNNGrid is [KNN] for several settings at once: it returns the predictions for all queries under each of the votes,
// bit-identical to KNN's. It computes the cosines once, and the neighbours once for consecutive settings of equal K.
func KNNGrid(bank torch.Tensor, bankLabels []int, queries torch.Tensor, votes []Vote, classes int,
) (predictions [][]int) {
	const op = "KNN"
	matches(op, "bank", bank, bankLabels, classes)
	matches(op, "queries", queries, unknown(queries.Size(0)), classes)
	if b, q := bank.Size(1), queries.Size(1); b != q {
		torch.Fail(op, "the bank's features are %d wide and the queries' %d: embed both with one encoder", b, q)
	}
	for _, v := range votes {
		if v.K < 1 || !(v.Temperature > 0) {
			torch.Fail(op, "k is %d and the temperature %g: both must be greater than 0", v.K, v.Temperature)
		}
	}

	predictions = make([][]int, len(votes))
	nested(func() {
		index, labels := labelled(bankLabels)
		if len(labels) == 0 {
			torch.Fail(op, "no row of the bank has a label: kNN needs labelled rows to vote")
		}
		class := torch.FromInts(labels, len(labels))
		keys := bank
		if len(labels) < len(bankLabels) {
			keys = bank.IndexSelect(0, torch.FromInts(index, len(index)))
		}
		keys = unit(op, "features of the bank", keys).T()
		chunk, n := max(1, similarities/len(labels)), queries.Size(0)
		for from := 0; from < n; from += chunk {
			rows := min(chunk, n-from)
			nested(func() {
				cosines := unit(op, "queries", queries.Narrow(0, from, rows)).MatMul(keys)
				var near, voted torch.Tensor // cosines and classes of the k nearest
				for i, v := range votes {
					k := min(v.K, len(labels))
					if i == 0 || k != near.Size(1) {
						var neighbour torch.Tensor
						near, neighbour = cosines.TopK(k, 1)
						voted = class.IndexSelect(0, neighbour.Reshape(-1)).Reshape(rows, k)
					}
					// The nearest neighbour's weight is set to 1, so that no temperature overflows.
					weight := near.Sub(near.Narrow(1, 0, 1)).Scale(1 / v.Temperature).Exp()
					score := torch.Zeros(torch.F32, rows, classes).ScatterAdd(1, voted, weight)
					predictions[i] = append(predictions[i], score.ArgMax(1).Ints()...)
				}
			})
		}
	})
	return predictions
}

// nested runs f without history in a scope of its own.
func nested(f func()) { torch.Nested(func() { torch.NoGrad(f) }) }

// unit returns the l2-normalised rows in float32.
func unit(op, what string, rows torch.Tensor) torch.Tensor {
	return finite(op, what, rows).To(torch.F32).Normalize(1)
}

// finite returns the rows without history, or ends the scope if a value is NaN or infinite.
func finite(op, what string, rows torch.Tensor) torch.Tensor {
	if rows = rows.Detach(); rows.IsFinite().Not().To(torch.F32).Max().Item() != 0 {
		torch.FailNonFinite(op, "the %s hold values that are not finite: the network that made them has diverged",
			what)
	}
	return rows
}

// matches ends the scope unless rows is a matrix with one label of -1 ... classes-1 per row.
func matches(op, what string, rows torch.Tensor, labels []int, classes int) {
	if shape := rows.Shape(); len(shape) != 2 || shape[0] != len(labels) {
		torch.Fail(op, "%s of shape %v with %d labels: one row of features per label is needed", what, shape,
			len(labels))
	}
	for i, label := range labels {
		if label < -1 || label >= classes {
			torch.Fail(op, "label %d of row %d of the %s is not one of -1 ... %d", label, i, what, classes-1)
		}
	}
}

// labelled returns the rows whose label is known, and their labels.
func labelled(labels []int) (index, known []int) {
	for i, label := range labels {
		if label >= 0 {
			index, known = append(index, i), append(known, label)
		}
	}
	return index, known
}

func unknown(n int) []int {
	labels := make([]int, n)
	for i := range labels {
		labels[i] = -1
	}
	return labels
}

// accuracy returns the share of right predictions among the rows with a label, NaN if there is none.
func accuracy(predictions, labels []int) float64 {
	right, of := 0, 0
	for i, label := range labels {
		if label < 0 {
			continue
		}
		of++
		if predictions[i] == label {
			right++
		}
	}
	if of == 0 {
		return math.NaN()
	}
	return float64(right) / float64(of)
}
