// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Metric is a number that is measured in every evaluation. A built-in metric is a function in package collapse/measure
// or eval and a line in builtIn. A program adds metrics of its own to [Options].Metrics.
type Metric struct {
	Name   string // the key in metrics.jsonl, and the end of the tag in TensorBoard
	Detail bool   // measured only with probe.detail
	// Measure is called inside a torch.Scope, once for the features and once for the embeddings. If it returns NaN, the
	// metric is left out.
	Measure func(r *Rows) float64
}

// Rows hold an encoder's output for a probe's images: its features h or its embeddings z.
type Rows struct {
	Of      string       // run.OfBackbone or run.OfEmbedding
	Queries torch.Tensor // n x d, float32
	Labels  []int        // of the queries; -1 is unknown
	// Answerable are the labels of the queries that an accuracy counts, -1 for the others: see eval.Answerable.
	Answerable []int

	Classes    int          // classes of the probe; 0 without labels
	Bank       torch.Tensor // m x d: the neighbours; undefined without labels
	BankLabels []int        // of the bank
	Own        bool         // the probe's images are the training data

	Views [2]torch.Tensor // k x d: two views of some of the queries; undefined for a method with one view
}

// labelled reports whether the rows can be compared with labels.
func (r *Rows) labelled() bool { return r.Classes > 0 && slices.Max(r.Answerable) >= 0 }

// knn returns the accuracy of a vote of the k nearest rows of the bank.
func (r *Rows) knn(k int, temperature float64) float64 {
	_, top1 := eval.KNN(r.Bank, r.BankLabels, r.Queries, r.Answerable, k, temperature, r.Classes)
	return top1
}

// builtIn returns the built-in metrics, except those that package collapse needs: measure.Embedding measures these.
func (e *Hook) builtIn() []Metric {
	return []Metric{
		{Name: run.Uniformity, Measure: func(r *Rows) float64 { return measure.Uniformity(r.Queries, 2) }},
		{Name: run.Alignment, Measure: ofViews(func(a, b torch.Tensor) float64 { return measure.Alignment(a, b) })},
		{Name: run.LiDAR, Detail: true, Measure: ofViews(func(a, b torch.Tensor) float64 {
			return measure.LiDAR([]torch.Tensor{a, b})
		})},
		{Name: "hubness", Detail: true, Measure: func(r *Rows) float64 {
			return measure.Hubness(r.Queries, measure.HubNeighbours)
		}},
		{Name: run.KNN, Measure: func(r *Rows) float64 {
			if !r.labelled() {
				return math.NaN()
			}
			return r.knn(e.Config.Probe.K, e.Config.Probe.Temperature)
		}},
		{Name: run.Support, Measure: func(r *Rows) float64 {
			if r.Of != run.OfEmbedding || e.support == 0 || !r.Own || !r.labelled() {
				return math.NaN()
			}
			// softmax(ẑ·Ŝᵀ/τ)·Y is a vote of the whole bank. Smoothing the labels does not move its maximum.
			return r.knn(len(r.BankLabels), e.support)
		}},
		{Name: run.Linear, Measure: func(r *Rows) float64 {
			if r.Of != run.OfBackbone || e.linear == nil || !r.Own {
				return math.NaN()
			}
			return e.linear.Accuracy(r.Queries, r.Answerable)
		}},
	}
}

// ofViews measures two views of the same images. For a method with one view the result is NaN.
func ofViews(measure func(a, b torch.Tensor) float64) func(r *Rows) float64 {
	return func(r *Rows) float64 {
		if !r.Views[0].Defined() {
			return math.NaN()
		}
		return measure(r.Views[0], r.Views[1])
	}
}

// checkNames refuses metrics whose name is empty or the key of another number.
func checkNames(metrics []Metric) error {
	seen := map[string]bool{}
	for _, m := range metrics {
		if m.Name == "" || run.Taken(m.Name) || seen[m.Name] {
			return run.Invalid(fmt.Errorf("a metric is called %q, which is empty or taken: give it another name",
				m.Name))
		}
		seen[m.Name] = true
	}
	return nil
}
