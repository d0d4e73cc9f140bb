// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/internal/number"
	"github.com/parallax-ssl/parallax/run"
)

// The grid of kNN, as far as there are neighbours; the run's own setting is added.
var (
	gridK           = []int{1, 5, 10, 20, 50, 100, 200}
	gridTemperature = []float64{0.07, 0.1, 0.2}
)

const (
	kmeansRestarts   = 10
	silhouetteImages = 2000 // all pairs are compared
)

// random returns a generator for one use of the seed.
func (f *Request) random(use uint64) *rand.Rand { return rand.New(rand.NewPCG(f.Seed, use)) }

// The uses of the seed.
const (
	forResamples = iota
	forHeldOut
	forSGD
	forKMeans
	forSilhouette
)

// grid lists the votes for a bank with this many labelled images, and the index of the run's own vote.
func grid(own eval.Vote, images int) (votes []eval.Vote, headline int) {
	own.K = min(own.K, images)
	ks, temperatures := append([]int{own.K}, gridK...), append([]float64{own.Temperature}, gridTemperature...)
	ks = slices.DeleteFunc(ks, func(k int) bool { return k > images })
	slices.Sort(ks)
	slices.Sort(temperatures)
	for _, k := range slices.Compact(ks) {
		for _, t := range append(slices.Compact(slices.Clone(temperatures)), math.Inf(1)) {
			votes = append(votes, eval.Vote{K: k, Temperature: t})
		}
	}
	return votes, slices.Index(votes, own)
}

// evalKNN is eval knn.
func evalKNN(e *evaluating) error {
	r := e.report
	labels, err := e.answerable()
	if err != nil {
		return err
	}
	votes, own := grid(eval.Vote{K: e.Config.Probe.K, Temperature: e.Config.Probe.Temperature}, r.Bank.Labelled)
	var right [][]float64 // one per network and vote
	for _, n := range e.networks {
		for _, predictions := range eval.KNNGrid(e.rows(n.bank), n.bank.Labels, e.rows(n.tested), votes, r.Classes) {
			right = append(right, hits(labels, func(i int) bool { return predictions[i] == labels[i] }))
		}
	}
	tops, gains := e.accuracies(right, len(votes), []int{own})
	for i, n := range e.networks {
		report := Network{Network: n.name}
		for j, v := range votes {
			s := KNNScore{K: v.K, Top1: tops[i*len(votes)+j], Headline: j == own}
			if !math.IsInf(v.Temperature, 1) {
				s.Temperature = run.Num(v.Temperature)
			}
			report.KNN = append(report.KNN, s)
		}
		r.Networks = append(r.Networks, report)
	}
	for _, g := range gains {
		r.Gain = append(r.Gain, Gain{fmt.Sprintf("k %d, T %g", votes[own].K, votes[own].Temperature), g})
	}
	return nil
}

// evalLinear is eval linear.
func evalLinear(e *evaluating) error {
	const top5 = 5
	r := e.report
	labels, err := e.answerable()
	if err != nil {
		return err
	}
	var right [][]float64 // one per network and classifier: right at the first guess, and among five guesses
	for _, n := range e.networks {
		data := eval.NewLabelled(e.rows(n.bank), n.bank.Labels, r.Classes, e.random(forHeldOut))
		report := Network{Network: n.name}
		for _, c := range []struct {
			name, setting string
			fit           eval.Fit
		}{
			{"ridge", "lambda", data.Ridge(eval.Lambdas)},
			{"sgd", "rate", data.Softmax(eval.UsualSGD(), e.random(forSGD))},
		} {
			ranks := c.fit.Ranks(e.rows(n.tested), labels)
			for _, guesses := range []int{1, top5} {
				right = append(right, hits(labels, func(i int) bool { return ranks[i] < guesses }))
			}
			report.Linear = append(report.Linear, FitScore{
				Fit: c.name, Setting: c.setting, Chosen: c.fit.Chosen,
				HeldOut: c.fit.HeldOut[slices.Index(c.fit.Settings, c.fit.Chosen)],
			})
		}
		r.Networks = append(r.Networks, report)
	}
	tops, gains := e.accuracies(right, 4, []int{0, 2})
	for i, n := range r.Networks {
		for j := range n.Linear {
			n.Linear[j].Top1 = tops[4*i+2*j]
			if r.Classes > top5 {
				n.Linear[j].Top5 = &tops[4*i+2*j+1]
			}
		}
	}
	for i, g := range gains {
		r.Gain = append(r.Gain, Gain{r.Networks[0].Linear[i].Fit, g})
	}
	return nil
}

// hits returns 1 for each labelled image that right accepts, and 0 for each other one.
func hits(labels []int, right func(i int) bool) []float64 {
	var all []float64
	for i, label := range labels {
		if label < 0 {
			continue
		}
		hit := 0.0
		if right(i) {
			hit = 1
		}
		all = append(all, hit)
	}
	return all
}

// accuracies returns the means with their intervals, each of them per network, and the gains of the first network over
// the last in the scores that of lists.
func (e *evaluating) accuracies(right [][]float64, each int, of []int) (tops, gains []Score) {
	networks := len(e.networks)
	intervals := eval.Bootstrap(len(right[0]), e.Resamples, e.random(forResamples), func(rows []int) []float64 {
		values := make([]float64, 0, len(right)+len(of))
		for _, hit := range right {
			sum := 0.0
			for _, row := range rows {
				sum += hit[row]
			}
			values = append(values, sum/float64(len(rows)))
		}
		return append(values, differences(values, each, networks, of)...)
	})
	for i, interval := range intervals {
		if i < len(right) {
			tops = append(tops, within(interval, 0, 1))
		} else {
			gains = append(gains, within(interval, -1, 1))
		}
	}
	return tops, gains
}

// differences returns the first network's values minus the second's.
func differences(values []float64, each, networks int, of []int) (d []float64) {
	if networks < 2 {
		return nil
	}
	for _, i := range of {
		d = append(d, values[i]-values[each+i])
	}
	return d
}

// evalClusters is eval cluster.
func evalClusters(e *evaluating) error {
	r := e.report
	r.Clusters = cmp.Or(e.Clusters, r.Classes)
	if r.Clusters > r.Bank.Images {
		return run.Invalid(fmt.Errorf("%d clusters of %d images: choose %d or less", r.Clusters, r.Bank.Images,
			r.Bank.Images))
	}
	var clusters [][]int // of the labelled images, one list per network
	var labels []int
	for i, n := range e.networks {
		bank, tested := e.rows(n.bank).Normalize(1), e.rows(n.tested).Normalize(1)
		assigned, inertia := eval.KMeans(bank, r.Clusters, kmeansRestarts, e.random(forKMeans)).Assign(tested)
		k := &KMeansScore{
			Inertia: inertia, Sizes: make([]int, r.Clusters),
			Silhouette: number.OrAbsent(eval.Silhouette(tested, assigned, silhouetteImages, e.random(forSilhouette))),
		}
		clusters = append(clusters, nil)
		for image, cluster := range assigned {
			k.Sizes[cluster]++
			if label := n.tested.Labels[image]; label >= 0 {
				clusters[i] = append(clusters[i], cluster)
				if i == 0 {
					labels = append(labels, label)
				}
			}
		}
		r.Networks = append(r.Networks, Network{Network: n.name, KMeans: k})
	}
	if len(labels) == 0 {
		return nil
	}
	return e.agreement(clusters, labels)
}

// agreement scores the clusters by the labels.
func (e *evaluating) agreement(clusters [][]int, labels []int) error {
	r := e.report
	var failed error
	intervals := eval.Bootstrap(len(labels), e.Resamples, e.random(forResamples), func(rows []int) (values []float64) {
		assigned, known := make([]int, len(rows)), make([]int, len(rows))
		for _, of := range clusters {
			for i, row := range rows {
				assigned[i], known[i] = of[row], labels[row]
			}
			scores, err := eval.ScoreClusters(assigned, known)
			failed = cmp.Or(failed, err)
			values = append(values, scores.ACC, scores.NMI, scores.ARI)
		}
		return append(values, differences(values, 3, len(clusters), []int{0, 1, 2})...)
	})
	if failed != nil {
		return failed
	}
	for i, n := range r.Networks {
		acc, nmi, ari := within(intervals[3*i], 0, 1), within(intervals[3*i+1], 0, 1), within(intervals[3*i+2], -1, 1)
		n.KMeans.ACC, n.KMeans.NMI, n.KMeans.ARI = &acc, &nmi, &ari
	}
	for i, interval := range intervals[3*len(clusters):] {
		r.Gain = append(r.Gain, Gain{[]string{"acc", "nmi", "ari"}[i], within(interval, -2, 2)})
	}
	return nil
}
