// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/torch"
)

// Retrieved says how well one query finds the rows of its class.
type Retrieved struct {
	// Precision is the average precision: the mean, over the rows of the query's class in the gallery, of the share of
	// that class among the rows ranked up to it. It is in (0, 1].
	Precision float64
	// First is the rank of the first row of the query's class, from 0. The query counts as found among the first k if
	// First < k.
	First int
}

// Retrieval ranks the rows of a gallery (N x D) for every query (Q x D) by cosine, and returns how well each query
// finds the rows of its label. Without queries (a torch.Tensor{} and nil), every row of the gallery is a query for the
// others.
// Rows of the gallery labelled -1 take part and are of no query's class. A query labelled -1, or one whose class the
// gallery lacks, has First -1.
//
// The average precision is that of the whole ranking, as scikit-learn's average_precision_score without ties, and
// First < k is recall@k as in metric learning (Musgrave et al. 2020, arXiv:2003.08505, section 2). It computes in
// float32, holds normalised copies of both sets, and 64 MiB of cosines at a time.
func Retrieval(gallery torch.Tensor, galleryLabels []int, queries torch.Tensor, queryLabels []int) []Retrieved {
	const op = "Retrieval"
	most := slices.Max(append(slices.Concat(galleryLabels, queryLabels), 0)) + 1
	matches(op, "gallery", gallery, galleryLabels, most)
	alone := !queries.Defined()
	if alone {
		queries, queryLabels = gallery, galleryLabels
	}
	matches(op, "queries", queries, queryLabels, most)
	if g, q := gallery.Size(1), queries.Size(1); g != q {
		torch.Fail(op, "the gallery's features are %d wide and the queries' %d: embed both with one encoder", g, q)
	}
	n, of := gallery.Size(0), queries.Size(0)
	found := make([]Retrieved, 0, of)
	nested(func() {
		keys, columns := unit(op, "features of the gallery", gallery).T(), torch.Arange(n).Unsqueeze(0)
		rows := unit(op, "queries", queries)
		block := max(1, similarities/max(1, n))
		for from := 0; from < of; from += block {
			count := min(block, of-from)
			nested(func() {
				cosines := rows.Narrow(0, from, count).MatMul(keys)
				ranked := n
				if alone {
					self := columns.Eq(torch.Arange(of).Narrow(0, from, count).Unsqueeze(1))
					cosines, ranked = cosines.MaskedFill(self, math.Inf(-1)), n-1
				}
				var order []int
				if ranked > 0 {
					_, index := cosines.TopK(ranked, 1)
					order = index.Reshape(-1).Ints()
				}
				for i := range count {
					found = append(found, retrieved(order[i*ranked:(i+1)*ranked], galleryLabels, queryLabels[from+i]))
				}
			})
		}
	})
	return found
}

// retrieved judges a ranking.
func retrieved(order, labels []int, label int) Retrieved {
	r, hits := Retrieved{First: -1}, 0
	if label < 0 {
		return r
	}
	for rank, row := range order {
		if labels[row] != label {
			continue
		}
		if hits++; hits == 1 {
			r.First = rank
		}
		r.Precision += float64(hits) / float64(rank+1)
	}
	if hits > 0 {
		r.Precision /= float64(hits)
	}
	return r
}
