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
func (f *Request) random(use uint64) *rand.Rand { return f.repeated(0, use) }

// repeated returns a generator for one use of the seed of a repetition, from 0.
func (f *Request) repeated(repetition int, use uint64) *rand.Rand {
	return rand.New(rand.NewPCG(f.Seed+uint64(repetition), use))
}

// The uses of the seed.
const (
	forResamples = iota
	forHeldOut
	forSGD
	forKMeans
	forSilhouette
	forDraws
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
	for _, n := range e.compared {
		for _, predictions := range eval.KNNGrid(n.bank.rows, n.bank.labels, n.tested.rows, votes, r.Classes) {
			right = append(right, hits(labels, func(i int) bool { return predictions[i] == labels[i] }))
		}
	}
	tops, gains := e.accuracies(right, len(votes), []int{own})
	for i, n := range e.compared {
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
	name := fmt.Sprintf("k %d, T %g", votes[own].K, votes[own].Temperature)
	row := "kNN top-1, " + name
	for i, n := range e.compared {
		r.Rows = append(r.Rows, bootstrapped(row, n.name, tops[i*len(votes)+own], nil))
	}
	e.gained(gains, []string{name}, []string{row})
	return nil
}

// gained adds the gains over every other network of scores with the given names, in the given rows.
func (e *evaluating) gained(gains []Score, names, rows []string) {
	for i, g := range gains {
		other := e.compared[1+i/len(names)]
		e.report.Gain = append(e.report.Gain, Gain{names[i%len(names)], other.name, rows[i%len(names)], g})
	}
}

// evalLinear is eval linear.
func evalLinear(e *evaluating) error {
	const top5 = 5
	r := e.report
	labels, err := e.answerable()
	if err != nil {
		return err
	}
	// One per network and classifier: right at the first guess, and among five guesses, the means over the seeds.
	all := tally{repetitions: e.seeds(1)}
	for _, n := range e.compared {
		report := Network{Network: n.name}
		first := len(all.right)
		for repetition := range e.seeds(1) {
			data := eval.NewLabelled(n.bank.rows, n.bank.labels, r.Classes, e.repeated(repetition, forHeldOut))
			for j, c := range []struct {
				name, setting string
				fit           eval.Fit
			}{
				{"ridge", "lambda", data.Ridge(eval.Lambdas)},
				{"sgd", "rate", data.Softmax(eval.UsualSGD(), e.repeated(repetition, forSGD))},
				{"lbfgs", "penalty", data.LBFGS(eval.Penalties)},
			} {
				ranks := c.fit.Ranks(n.tested.rows, labels)
				for g, guesses := range []int{1, top5} {
					hit := hits(labels, func(i int) bool { return ranks[i] < guesses })
					all.add(first+2*j+g, hit)
				}
				if repetition == 0 {
					report.Linear = append(report.Linear, FitScore{
						Fit: c.name, Setting: c.setting, Chosen: c.fit.Chosen,
						HeldOut: c.fit.HeldOut[slices.Index(c.fit.Settings, c.fit.Chosen)],
					})
				}
			}
		}
		r.Networks = append(r.Networks, report)
	}
	each := 2 * len(r.Networks[0].Linear)
	var firsts []int
	var names, rows []string
	for j, f := range r.Networks[0].Linear {
		firsts, names, rows = append(firsts, 2*j), append(names, f.Fit), append(rows, f.Fit+" top-1")
	}
	tops, gains := e.accuracies(all.right, each, firsts)
	for i, n := range r.Networks {
		for j := range n.Linear {
			f, at := &n.Linear[j], each*i+2*j
			f.Top1 = tops[at]
			r.Rows = append(r.Rows, bootstrapped(f.Fit+" top-1", n.Network, f.Top1, all.values[at]).
				chosen("%s %g", f.Setting, f.Chosen))
			if r.Classes > top5 {
				f.Top5 = &tops[at+1]
				r.Rows = append(r.Rows, bootstrapped(f.Fit+" top-5", n.Network, *f.Top5, all.values[at+1]))
			}
		}
	}
	e.gained(gains, names, rows)
	return nil
}

// tally collects hits over repetitions with other seeds, in lists.
type tally struct {
	repetitions int
	right       [][]float64 // per list and image: the mean over the repetitions
	values      [][]float64 // per list and repetition: the mean over the images
}

// add adds the hits of one repetition to list i.
func (t *tally) add(i int, hit []float64) {
	for len(t.right) <= i {
		t.right, t.values = append(t.right, make([]float64, len(hit))), append(t.values, nil)
	}
	add(t.right[i], hit, 1/float64(t.repetitions))
	t.values[i] = append(t.values[i], mean(hit))
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
// each other one in the scores that of lists.
func (e *evaluating) accuracies(right [][]float64, each int, of []int) (tops, gains []Score) {
	networks := len(e.compared)
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

// differences returns the first network's values minus those of each other one.
func differences(values []float64, each, networks int, of []int) (d []float64) {
	for other := 1; other < networks; other++ {
		for _, i := range of {
			d = append(d, values[i]-values[other*each+i])
		}
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
	var clusters [][][]int // of the labelled images, per network and repetition
	var labels []int
	for i, n := range e.compared {
		bank, tested := n.bank.rows.Normalize(1), n.tested.rows.Normalize(1)
		clusters = append(clusters, nil)
		var report *KMeansScore
		for repetition := range e.seeds(1) {
			found := eval.KMeans(bank, r.Clusters, kmeansRestarts, e.repeated(repetition, forKMeans))
			assigned, inertia := found.Assign(tested)
			silhouette := eval.Silhouette(tested, assigned, silhouetteImages, e.repeated(repetition, forSilhouette))
			k := &KMeansScore{Inertia: inertia, Sizes: make([]int, r.Clusters), Silhouette: number.OrAbsent(silhouette)}
			var known []int
			for image, cluster := range assigned {
				k.Sizes[cluster]++
				if label := n.tested.labels[image]; label >= 0 {
					known = append(known, cluster)
					if i == 0 && repetition == 0 {
						labels = append(labels, label)
					}
				}
			}
			clusters[i] = append(clusters[i], known)
			if repetition == 0 {
				report = k
			}
		}
		r.Networks = append(r.Networks, Network{Network: n.name, KMeans: report})
		if report.Silhouette.Known {
			r.Rows = append(r.Rows, Row{Name: "silhouette", Network: n.name, Value: report.Silhouette.Value})
		}
	}
	if len(labels) == 0 {
		return nil
	}
	return e.agreement(clusters, labels)
}

// agreement scores the clusters by the labels: the means over the repetitions.
func (e *evaluating) agreement(clusters [][][]int, labels []int) error {
	const each = 3
	r := e.report
	var failed error
	score := func(rows, of []int) [each]float64 {
		assigned, known := make([]int, len(rows)), make([]int, len(rows))
		for i, row := range rows {
			assigned[i], known[i] = of[row], labels[row]
		}
		scores, err := eval.ScoreClusters(assigned, known)
		failed = cmp.Or(failed, err)
		return [each]float64{scores.ACC, scores.NMI, scores.ARI}
	}
	intervals := eval.Bootstrap(len(labels), e.Resamples, e.random(forResamples), func(rows []int) (values []float64) {
		for _, repetitions := range clusters {
			var mean [each]float64
			for _, of := range repetitions {
				for i, v := range score(rows, of) {
					mean[i] += v / float64(len(repetitions))
				}
			}
			values = append(values, mean[:]...)
		}
		return append(values, differences(values, each, len(clusters), []int{0, 1, 2})...)
	})
	if failed != nil {
		return failed
	}
	every := make([]int, len(labels))
	for i := range every {
		every[i] = i
	}
	for i, n := range r.Networks {
		acc, nmi, ari := within(intervals[3*i], 0, 1), within(intervals[3*i+1], 0, 1), within(intervals[3*i+2], -1, 1)
		n.KMeans.ACC, n.KMeans.NMI, n.KMeans.ARI = &acc, &nmi, &ari
		var values [each][]float64
		for _, of := range clusters[i] {
			for j, v := range score(every, of) {
				values[j] = append(values[j], v)
			}
		}
		for j, s := range []Score{acc, nmi, ari} {
			row := bootstrapped([]string{"ACC", "NMI", "ARI"}[j], n.Network, s, values[j])
			if row.Name == "ARI" {
				row.Seeds = spread(values[j], -1)
			}
			r.Rows = append(r.Rows, row)
		}
	}
	var gains []Score
	for _, interval := range intervals[each*len(clusters):] {
		gains = append(gains, within(interval, -2, 2))
	}
	e.gained(gains, []string{"acc", "nmi", "ari"}, []string{"ACC", "NMI", "ARI"})
	return nil
}
