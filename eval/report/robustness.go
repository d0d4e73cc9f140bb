// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment/corrupt"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// CorruptionScore holds the accuracies of a network on images that are corrupted in one way, by strength.
type CorruptionScore struct {
	Kind  corrupt.Kind               `json:"kind"`
	Ridge [corrupt.Strengths]float64 `json:"ridge"`
	KNN   [corrupt.Strengths]float64 `json:"knn"`
}

// kinds are those that a request names, or the paper's.
func (f *Request) kinds() (kinds []corrupt.Kind) {
	for _, name := range f.Corruptions {
		kinds = append(kinds, corrupt.Kind(name))
	}
	if len(kinds) == 0 {
		return corrupt.Kinds()
	}
	return kinds
}

// fitted is what classifies corrupted images: by two classifiers that saw clean ones.
type fitted struct {
	ridge  eval.Classifier
	knn    eval.Vote
	n      *embedded
	labels []int
	e      *evaluating
}

// hits returns which of the counted images each classifier gets right.
func (c *fitted) hits(rows torch.Tensor) (ridge, knn []float64) {
	ranks := c.ridge.Ranks(rows, c.labels)
	of := eval.KNNGrid(c.n.bank.rows, c.n.bank.labels, rows, []eval.Vote{c.knn}, c.e.report.Classes)[0]
	return hits(c.labels, func(i int) bool { return ranks[i] == 0 }),
		hits(c.labels, func(i int) bool { return of[i] == c.labels[i] })
}

// evalRobustness is eval robustness.
func evalRobustness(e *evaluating) error {
	r, kinds := e.report, e.kinds()
	labels, err := e.answerable()
	if err != nil {
		return err
	}
	names := []string{"clean, ridge", "clean, kNN", "corrupted, ridge", "corrupted, kNN"}
	for _, kind := range kinds {
		names = append(names, string(kind)+", ridge")
	}
	var all [][]float64   // per network and name, over the images
	var wrong [][]float64 // per network and kind: the images' errors with ridge, summed over the strengths
	for _, n := range e.compared {
		scores := make([][]float64, len(names))
		report := Network{Network: n.name}
		err := torch.Scope(func() error {
			c := &fitted{n: n, labels: labels, e: e,
				knn: eval.Vote{K: e.Config.Probe.K, Temperature: e.Config.Probe.Temperature}}
			c.ridge = eval.NewLabelled(n.bank.rows, n.bank.labels, r.Classes, e.random(forHeldOut)).
				Ridge(eval.Lambdas).Classifier
			scores[0], scores[1] = c.hits(n.tested.rows)
			for i := range scores[2:] {
				scores[2+i] = make([]float64, len(scores[0]))
			}
			return n.with(e, func(enc parallax.Encoder, params *nn.Params) error {
				for i, kind := range kinds {
					score := CorruptionScore{Kind: kind}
					for s := range corrupt.Strengths {
						ridge, knn, err := c.corrupted(enc, params, corrupt.Corruption{Kind: kind, Strength: s + 1})
						if err != nil {
							return err
						}
						score.Ridge[s], score.KNN[s] = mean(ridge), mean(knn)
						add(scores[2], ridge, 1/float64(corrupt.Strengths*len(kinds)))
						add(scores[3], knn, 1/float64(corrupt.Strengths*len(kinds)))
						add(scores[4+i], ridge, 1./corrupt.Strengths)
					}
					report.Robustness = append(report.Robustness, score)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		all = append(all, scores...)
		for _, right := range scores[4:] {
			missed := make([]float64, len(right))
			for i, v := range right {
				missed[i] = 1 - v
			}
			wrong = append(wrong, missed)
		}
		r.Networks = append(r.Networks, report)
	}
	e.averaged(names, all, nil)
	e.corruptionError(wrong, len(kinds))
	return nil
}

// corrupted classifies the tested images after a corruption.
func (c *fitted) corrupted(enc parallax.Encoder, params *nn.Params, by corrupt.Corruption) (
	ridge, knn []float64, err error,
) {
	n, e := c.n, c.e
	view := n.view(e.Probes[0].Queries, by)
	split := fmt.Sprintf("%s with %s %d", e.report.Tested.Split, by.Kind, by.Strength)
	err = torch.Scope(func() error {
		rows, found, err := n.run(enc, params, e.shown(n.name, split, view))
		if err != nil {
			return err
		}
		defer torch.Free(rows)
		if len(found) != len(c.labels) {
			return errOtherImages
		}
		ridge, knn = c.hits(rows)
		return nil
	})
	return ridge, knn, err
}

// add adds a multiple of values to sums.
func add(sums, values []float64, factor float64) {
	for i, v := range values {
		sums[i] += factor * v
	}
}

// corruptionError adds the mean corruption error: for each kind, the error over that of the network compared with, both
// summed over the strengths; the mean of these over the kinds (Hendrycks & Dietterich 2019, section 4.2). The network
// compared with is the first of [Request.Against], or else the untrained one; it has 1.
func (e *evaluating) corruptionError(wrong [][]float64, kinds int) {
	if len(e.compared) < 2 {
		e.report.Notes = append(e.report.Notes, "the mean corruption error (mCE) needs a network to compare with")
		return
	}
	base := 1
	for i, n := range e.compared[1:] {
		if len(e.Against) > 0 && n.name == e.Against[0] {
			base = 1 + i
		}
	}
	impossible := false
	ratios := func(rows []int) (values []float64) {
		sums := make([]float64, len(wrong))
		for i, missed := range wrong {
			for _, row := range rows {
				sums[i] += missed[row]
			}
		}
		for i := range e.compared {
			ratio := 0.0
			for k := range kinds {
				of := sums[base*kinds+k]
				if of == 0 {
					impossible = true
					of = 1
				}
				ratio += sums[i*kinds+k] / of / float64(kinds)
			}
			values = append(values, ratio)
		}
		return values
	}
	intervals := eval.Bootstrap(len(wrong[0]), e.Resamples, e.random(forResamples), ratios)
	if impossible {
		e.report.Notes = append(e.report.Notes, "no mean corruption error (mCE): in one way of corrupting, "+
			e.compared[base].name+" makes no error")
		return
	}
	for i, n := range e.compared {
		s := within(intervals[i], 0, intervals[i].High)
		name := "mCE over " + e.compared[base].name
		e.report.Rows = append(e.report.Rows, bootstrapped(name, n.name, s, nil))
	}
}
