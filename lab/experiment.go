// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// An Experiment is one published claim and its test.
type Experiment struct {
	ID       string // such as "SIM-01"
	Method   string // the method that the claim is about, as in --method
	Question string // one question, for a reader who has not read the paper
	Claim    string // what was published, in one sentence
	Source   string // paper and table
	Reported string // the published numbers
	Scale    string // what may differ at this small scale; "" when nothing is known to
	Switch   string // what the arms differ in, one of [Switches]; "" derives it from their settings
	// NeedsLabels says that the claim cannot be tested without labelled images, because it is about accuracy or because
	// a method trains on labels.
	NeedsLabels bool

	Arms   []Arm    // the first is the control; if it fails, its seed does not count
	Shows  []Metric // the curves that the report draws; the first decides
	Fixed  Fixed    // the last change of what the experiment is judged by: its arms, expectations and effect
	Expect []Expectation
	Effect *Effect // the difference that must be large; nil if the claim is that nothing happens
	// Closed computes the answer in closed form instead of training; Arms is then empty.
	Closed func(seed uint64) (Sample, error)
	// Untestable says why the claim cannot be tested here. The fields that describe a test are then empty.
	Untestable string
}

// An Arm is a configuration: the laboratory's preset for the method, with further settings.
type Arm struct {
	Name   string   // such as "without stop-gradient"
	Method string   // as in --method
	Set    []string // section.key=value
	Length float64  // the length of its runs relative to the usual length; 0 means 1
}

// Key identifies what the arm runs, whatever its name: arms with equal keys share their runs.
func (a Arm) Key() string {
	parts := []string{a.Method, fmt.Sprint(a.RelativeLength())}
	for _, setting := range a.Set {
		if path, value, ok := strings.Cut(setting, "="); ok {
			setting = original(a.Method, path, value)
		}
		parts = append(parts, setting)
	}
	return strings.Join(parts, " ")
}

// original returns a setting in the form of its oldest name, so that finished runs are found after a key was renamed.
func original(method, path, value string) string {
	path, value = config.Original(method, path, value)
	return path + "=" + value
}

// RelativeLength returns the length of the arm's runs relative to the usual length.
func (a Arm) RelativeLength() float64 {
	if a.Length == 0 {
		return 1
	}
	return a.Length
}

// A Metric names a number of a run's evaluations: what was measured and the number's name in metrics.jsonl, such as
// "embedding.std" or "backbone.knn". "loss" is the training loss and "terms.NAME" one of its terms, both averaged over
// the steps since the previous evaluation. Some metrics are computed from others or from no event: see the constants.
type Metric string

// The metrics that experiments use.
const (
	Loss          Metric = "loss"
	Std           Metric = "embedding.std"
	RawStd        Metric = "embedding.std_raw"
	RankMe        Metric = "embedding.rankme"
	LiDAR         Metric = "embedding.lidar" // of two views of each image
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

	TargetStd    Metric = "target.std" // of the target network's embeddings z'
	TargetCosine Metric = "target.mean_cosine"

	GradientRatio Metric = "prediction.grad_ratio" // the gradient that a stop-gradient removes, over the one it leaves
	// The next three are for a predictor that is one square matrix.
	Commutator   Metric = "prediction.commutator"
	EigenCosine  Metric = "prediction.eigenvector_cosine"
	SpectrumRank Metric = "prediction.spectrum_correlation"

	PositiveCosine Metric = "embedding.positive_cosine" // the cosine of two views of an image, 1 - alignment/2
	RankShare      Metric = "backbone.rank_share"       // the effective rank over the number of features
	// The mean over k of the share of the variance in the k largest directions.
	ExplainedArea Metric = "backbone.explained_area"
	// The distance from 1 of the exponent of the eigenvalues' power law.
	ExponentOff Metric = "backbone.exponent_off"
	// The number of directions with less than a millionth of the largest one's variance.
	Vanished Metric = "embedding.vanished"
	// The standard deviation of the loss from step to step, without its trend.
	LossNoise           Metric = "steps.loss_noise"
	AlignmentUniformity Metric = "embedding.alignment_uniformity" // the sum of both

	// MoCo's pretext task is to pick the query's key among 1 + K. The next two are means over the steps since the
	// previous evaluation.
	PretextAccuracy Metric = "terms.accuracy"
	BNLeak          Metric = "terms.bn_leak" // the accuracy in training mode minus that in evaluation mode

	// The following come from the report of a clustering.
	Purity       Metric = "pretext.purity"      // share of an image's 20 nearest neighbours that have its label
	KNNBefore    Metric = "pretext.knn"         // kNN accuracy of the features before the clustering stage
	KNNAfter     Metric = "clustering.knn"      // kNN accuracy of the features after the clustering stage
	Matched      Metric = "clustering.acc"      // accuracy under the best matching of clusters to classes
	LargestShare Metric = "clustering.largest"  // share of the images in the largest cluster
	ClustersUsed Metric = "clustering.clusters" // exp of the entropy of the clusters' sizes
)

// Of returns the first part of a metric: what it is measured on.
func (m Metric) Of() string { of, _, _ := strings.Cut(string(m), "."); return of }

// Name returns the second part of a metric.
func (m Metric) Name() string { _, name, _ := strings.Cut(string(m), "."); return name }

// Find returns the known experiment with this id, in upper or lower case. The error names the most similar id.
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

// Rule returns the rule for the verdict, one sentence for each part. RuleFixed has its date.
func (e Experiment) Rule() []string {
	if e.Untestable != "" {
		return []string{"none: " + e.Untestable}
	}
	var rule []string
	for _, x := range e.Expect {
		rule = append(rule, x.Text)
	}
	if e.Effect != nil {
		rule = append(rule, fmt.Sprintf("%s of %q is at least %d pooled standard deviations above %s of %q",
			e.Effect.Metric, e.Effect.Arm, effectSize, e.Effect.than(), e.Effect.Of))
	}
	if len(e.Arms) > 0 {
		rule = append(rule, fmt.Sprintf("the control, %q, ends as %s; a seed in which it does not is lost",
			e.Arms[0].Name, collapse.Healthy))
	}
	return append(rule, fmt.Sprintf("in at least %.0f %% of the seeds; the verdict is preliminary with fewer than %d",
		100*agreement, FullSeeds))
}

// Lengths returns the training of one seed of the experiment, as a number of runs of the usual length.
func (e Experiment) Lengths() float64 {
	sum := 0.0
	for _, a := range e.Arms {
		sum += a.RelativeLength() * a.stages()
	}
	return sum
}
