// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/torch"
)

// What images a query ranks.
const (
	GalleryTested = "tested" // the other tested images
	GalleryBank   = "bank"   // the images to learn from
)

// recallAt are the numbers of first images for recall@k.
var recallAt = []int{1, 5, 10}

// evalRetrieval is eval retrieval.
func evalRetrieval(e *evaluating) error {
	names := []string{"mAP"}
	for _, k := range recallAt {
		names = append(names, fmt.Sprintf("recall@%d", k))
	}
	var all [][]float64 // per network and score, of the queries that count
	for _, n := range e.compared {
		var found []eval.Retrieved
		torch.Nested(func() {
			if e.Gallery == GalleryBank {
				found = eval.Retrieval(n.bank.rows, n.bank.labels, n.tested.rows, n.tested.labels)
			} else {
				found = eval.Retrieval(n.tested.rows, n.tested.labels, torch.Tensor{}, nil)
			}
		})
		scores := make([][]float64, len(names))
		for _, q := range found {
			if q.First < 0 {
				continue
			}
			scores[0] = append(scores[0], q.Precision)
			for i, k := range recallAt {
				hit := 0.0
				if q.First < k {
					hit = 1
				}
				scores[1+i] = append(scores[1+i], hit)
			}
		}
		all = append(all, scores...)
	}
	if len(all[0]) == 0 {
		return e.unmeasured("no tested image has another one of its class to find")
	}
	e.report.Notes = append(e.report.Notes, e.likeness(len(all[0])))
	e.averaged(names, all, nil)
	return nil
}

// likeness says how many queries count, and what mAP and recall@1 are by chance: the mean share of a query's class in
// the gallery, which is mAP's limit for many images.
func (e *evaluating) likeness(queries int) string {
	n := e.compared[0]
	count, others := map[int]int{}, 0
	if e.Gallery != GalleryBank {
		others = 1
	}
	for _, label := range n.bank.labels {
		count[label]++
	}
	share, of := 0.0, 0
	for _, label := range n.tested.labels {
		if label >= 0 && count[label] > others {
			share += float64(count[label]-others) / float64(len(n.bank.labels)-others)
			of++
		}
	}
	return fmt.Sprintf("%d queries count; by chance mAP and recall@1 are about %.3f", queries,
		share/float64(max(1, of)))
}

// averaged adds scores that are means over images: their values per network and name, and, where they are means over
// seeds, the values of the seeds. Every score has a gain over each other network.
func (e *evaluating) averaged(names []string, all, values [][]float64) {
	of := make([]int, len(names))
	for i := range of {
		of[i] = i
	}
	tops, gains := e.accuracies(all, len(names), of)
	for i, n := range e.compared {
		for j, name := range names {
			var seeds []float64
			if at := len(names)*i + j; values != nil {
				seeds = values[at]
			}
			e.report.Rows = append(e.report.Rows, bootstrapped(name, n.name, tops[len(names)*i+j], seeds))
		}
	}
	e.gained(gains, names, names)
}
