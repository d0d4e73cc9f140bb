// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// An Experiment is one published claim and how it is put to the test.
type Experiment struct {
	ID       string // "SIM-01"
	Method   string // whose claim it is, as in --method
	Question string // one question, for a reader who has not read the paper
	Claim    string // what was published, in one sentence
	Source   string // paper and table
	Reported string // the published numbers
	Scale    string // what may differ here for reasons of scale, "" when nothing is known to
	Switch   string // what the arms differ in, one of [Switches]; "" takes it from what they set
	// NeedsLabels says that nothing can be said without labelled images: the claim is of accuracy, or a method trains on
	// them.
	NeedsLabels bool

	Arms   []Arm    // the first is the control, whose health is asked for first
	Shows  []Metric // the curves that the report draws; the first decides
	Expect []Expectation
	Effect *Effect // the difference whose size is asked for; nil where the claim is that nothing happens
	// Closed computes the answer in closed form instead of training; Arms is then empty.
	Closed func(seed uint64) (Sample, error)
	// Untestable says why the claim cannot be tested here; then nothing else is needed.
	Untestable string
}

// An Arm is a configuration: the laboratory's preset for the method, and what is set besides.
type Arm struct {
	Name   string   // "without stop-gradient"
	Method string   // as in --method
	Set    []string // section.key=value
	Length float64  // Of the run, in lengths of the others; 0 is 1
}

// Key identifies what the arm runs, whatever it is called: equal keys are one run.
func (a Arm) Key() string {
	parts := []string{a.Method, fmt.Sprint(a.RelativeLength())}
	for _, setting := range a.Set {
		if path, value, ok := strings.Cut(setting, "="); ok {
			path, value = config.Original(path, value) // a key that is renamed loses no finished run
			setting = path + "=" + value
		}
		parts = append(parts, setting)
	}
	return strings.Join(parts, " ")
}

// RelativeLength is the length of the arm's runs, 1 for that of the experiment.
func (a Arm) RelativeLength() float64 {
	if a.Length == 0 {
		return 1
	}
	return a.Length
}

// A Metric names a number of a run's evaluations as metrics.jsonl has it, behind what it is of: "embedding.std",
// "backbone.knn"; "loss" is the training loss and "terms.NAME" a term of it, both as means over the steps since the
// evaluation before. A few are computed of others, and some are of no event: see the constants.
type Metric string

// The metrics that decide experiments.
const (
	Loss          Metric = "loss"
	Std           Metric = "embedding.std"
	RawStd        Metric = "embedding.std_raw"
	RankMe        Metric = "embedding.rankme"
	LiDAR         Metric = "embedding.lidar" // Of two views an image
	MeanCosine    Metric = "embedding.mean_cosine"
	EffectiveRank Metric = "embedding.effective_rank"
	Participation Metric = "embedding.participation_ratio"
	FeatureRank   Metric = "backbone.effective_rank"
	KNN           Metric = "backbone.knn"
	EmbeddingKNN  Metric = "embedding.knn"
	Alignment     Metric = "embedding.alignment"
	Uniformity    Metric = "embedding.uniformity"
	Correlation   Metric = "embedding.correlation_off"
	Perplexity    Metric = "assignments.perplexity"
	Information   Metric = "assignments.mutual_information"
	Individual    Metric = "assignments.individual_entropy"

	GradientRatio Metric = "prediction.grad_ratio" // what a stop-gradient takes away of the gradient over what it leaves
	// Of a predictor that is one square matrix.
	Commutator   Metric = "prediction.commutator"
	EigenCosine  Metric = "prediction.eigenvector_cosine"
	SpectrumRank Metric = "prediction.spectrum_correlation"

	PositiveCosine Metric = "embedding.positive_cosine" // Of two views of an image, 1 - alignment/2
	RankShare      Metric = "backbone.rank_share"       // the effective rank over the number of features
	// the mean over k of the share of the variance in the k largest directions
	ExplainedArea Metric = "backbone.explained_area"
	// how far from 1 the exponent is with which the eigenvalues fall
	ExponentOff Metric = "backbone.exponent_off"
	// directions with less than a millionth of the largest one's variance
	Vanished Metric = "embedding.vanished"
	// the standard deviation of the loss from step to step, without its trend
	LossNoise           Metric = "steps.loss_noise"
	AlignmentUniformity Metric = "embedding.alignment_uniformity" // the sum of both

	// Of MoCo's pretext task, which is to pick the query's key among 1 + K; means over the steps since the evaluation
	// before.
	PretextAccuracy Metric = "terms.accuracy"
	BNLeak          Metric = "terms.bn_leak" // the accuracy in training mode minus that in evaluation mode

	// Of a clustering, by its report.
	Purity       Metric = "pretext.purity"      // share of an image's 20 nearest neighbours that have its label
	KNNBefore    Metric = "pretext.knn"         // accuracy of the features that the clustering stage begins with
	KNNAfter     Metric = "clustering.knn"      // and of those that it ends with
	Matched      Metric = "clustering.acc"      // accuracy under the best matching of clusters to classes
	LargestShare Metric = "clustering.largest"  // share of the images in the largest cluster
	ClustersUsed Metric = "clustering.clusters" // exp of the entropy of the clusters' sizes
)

// Of is the first part of a metric, what it is measured on.
func (m Metric) Of() string { of, _, _ := strings.Cut(string(m), "."); return of }

// Name is the second part of a metric.
func (m Metric) Name() string { _, name, _ := strings.Cut(string(m), "."); return name }

// Find returns that one of the known experiments which is called id, in any case; the error names the nearest one.
func Find(known []Experiment, id string) (Experiment, error) {
	var ids []string
	for _, e := range known {
		if strings.EqualFold(e.ID, id) {
			return e, nil
		}
		ids = append(ids, e.ID)
	}
	return Experiment{}, fmt.Errorf("unknown experiment %q: did you mean %q? (parallax lab list prints all)", id,
		spelling.Nearest(strings.ToUpper(id), ids))
}

// Rule is the rule for the verdict, a sentence each, as it is fixed before anything runs.
func (e Experiment) Rule() []string {
	if e.Untestable != "" {
		return []string{"none: " + e.Untestable}
	}
	var rule []string
	for _, x := range e.Expect {
		rule = append(rule, x.Text)
	}
	if e.Effect != nil {
		rule = append(rule, fmt.Sprintf("%s of %q is at least %d pooled standard deviations above %s of %q", e.Effect.Metric,
			e.Effect.Arm, effectSize, e.Effect.than(), e.Effect.Of))
	}
	return append(rule, fmt.Sprintf("in %.0f %% of the seeds, of which %d are asked for", 100*agreement, FullSeeds))
}

// Lengths is how many runs of the usual length one seed of the experiment takes.
func (e Experiment) Lengths() float64 {
	sum := 0.0
	for _, a := range e.Arms {
		sum += a.RelativeLength() * a.stages()
	}
	return sum
}
