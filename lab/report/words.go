// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/run"
)

// A word is a term of the report and its meaning.
type word struct{ Term, Meaning string }

// quantities has the term and the meaning of every metric, by its name in metrics.jsonl.
var quantities = map[string]word{
	"loss": {"training loss", "Mean since the previous evaluation."},
	"std": {"spread", "Standard deviation of the rows scaled to length 1, times √d: 1 when they spread evenly in all " +
		"directions, 0 when they are all equal. It does not see lost dimensions."},
	"std_raw": {"spread, unscaled", "Standard deviation of the unscaled rows, averaged over dimensions."},
	"mean_cosine": {"mean cosine", "Mean over pairs of images: about 0 when embeddings point in all directions, 1 " +
		"when they are all equal."},
	"effective_rank": {"effective rank", "How many directions are in use: exp of the entropy of the singular values " +
		"of the centred rows. It does not see how far apart the rows are."},
	"rankme": {"RankMe", "Effective rank of the rows without centring."},
	"lidar": {"LiDAR", "How many directions tell images apart better than two views of one image. What augmentation " +
		"changes does not count."},
	"participation_ratio": {"participation ratio", "How many directions hold the variance: (Σλ)²/Σλ². A few large " +
		"directions lower it sooner than the effective rank."},
	"top_share": {"largest share", "Share of the variance in one direction, or of the images in one cluster. 1 means " +
		"collapse."},
	"correlation_off": {"correlation of dimensions", "Mean absolute correlation of two dimensions: 1 when all " +
		"dimensions are redundant."},
	"alignment": {"alignment", "Mean squared distance between two views of an image, from 0 to 4."},
	"uniformity": {"uniformity", "Log of the mean of exp(−2·squared distance) over pairs of images: 0 when all " +
		"embeddings are equal, about −4 when they spread evenly."},
	"knn": {"kNN accuracy", "Share of images that their nearest neighbours' labels classify correctly. It must be " +
		"compared with the untrained network's, which is far above chance."},
	"linear": {"linear accuracy", "Share of images that a linear classifier classifies correctly."},
	"support": {"soft-vote accuracy", "Share of images that the method's own vote of labelled images classifies " +
		"correctly."},
	"perplexity": {"clusters in use", "Perplexity of the mean assignment: 1 when all images are in one cluster."},
	"mutual_information": {"mutual information", "Mutual information of image and cluster, in nats: 0 when all " +
		"images are in the same cluster, and when every image is equally in all clusters."},
	"individual_entropy": {"entropy of an image", "Entropy of its assignment, in nats: 0 when it is in one cluster, " +
		"the log of the number of clusters when it is equally in all."},
	"used": {"clusters used", "Clusters that are the first choice of some image."},
	"commutator": {"commutator", "Commutator of the predictor's matrix with E[zzᵀ], relative to the sizes of both: 0 " +
		"when they share their eigenvectors. It is also small, √(2/d), when one is random and the other has few " +
		"directions."},
	"eigenvector_cosine": {"cosine of eigenvectors", "Cosine between an eigenvector of E[zzᵀ] and its image under " +
		"the predictor, averaged over the first ten: 0 for a random matrix, 1 when both share the eigenvectors."},
	"spectrum_correlation": {"agreement of spectra", "Spearman's rank correlation of the factors by which the " +
		"predictor scales the eigenvectors of E[zzᵀ] with the square roots of their eigenvalues."},
	"positive_cosine": {"cosine of two views", "Cosine of two views of the same image: 1 when positive pairs " +
		"coincide."},
	"rank_share": {"effective rank per dimension", "Effective rank over the number of dimensions."},
	"explained_area": {"variance in few directions", "Mean over k of the share of the variance in the k largest " +
		"directions: 0.5 when all directions are equal, 1 when one has all the variance."},
	"exponent_off": {"exponent's distance from 1", "Distance of α from 1, where the eigenvalues of the covariance " +
		"fall as λ_k ∝ 1/k^α."},
	"vanished":             {"lost directions", "Directions with less than a millionth of the largest one's variance."},
	"alignment_uniformity": {"alignment plus uniformity", "Lower means better aligned and more evenly spread."},
	"loss_noise":           {"noise of the loss", "Its standard deviation from step to step, without the trend."},
	"grad_ratio": {"gradient stopped over gradient left", "For −cos(p, z′) of two views: the norm of the gradient in " +
		"z′, which a stop-gradient removes, over the norm of the gradient in z, which comes through the predictor. 1 " +
		"without a predictor."},
	"accuracy": {"accuracy in the pretext task", "Share of queries that are closer to their own key than to all " +
		"others."},
	"bn_leak": {"leak of batch norm", "By how much the accuracy in the pretext task is higher with batch statistics " +
		"than with running statistics."},
	"purity":   {"purity of neighbours", "Share of an image's nearest neighbours that have its label."},
	"acc":      {"clustering accuracy", "Accuracy under the best matching of clusters to classes."},
	"largest":  {"largest cluster", "Share of the images in the largest cluster."},
	"clusters": {"clusters in use", "exp of the entropy of the clusters' sizes."},
}

// subjects says what metrics are measured on.
var subjects = map[string]string{
	run.OfBackbone: "of features h", run.OfEmbedding: "of embeddings z", run.OfPrediction: "of the predictor",
	run.OfTarget: "of the target's embeddings z′", run.OfAssignments: "", "steps": "", "terms": "",
	"pretext": "before clustering", "clustering": "after clustering",
}

// title returns the metric in words: "mean cosine of embeddings z".
func title(m lab.Metric) string {
	name := quantity(m)
	text := strings.ReplaceAll(name, "_", " ")
	if q, known := quantities[name]; known {
		text = q.Term
	}
	switch subject, known := subjects[m.Of()]; {
	case m.Name() == "":
		return text
	case m == lab.PretextAccuracy, m == lab.BNLeak:
		return text
	case m.Of() == "terms":
		return "the loss's term " + text
	case known:
		return strings.TrimSpace(text + " " + subject)
	}
	return text + " of " + m.Of()
}

// quantity returns the metric's name without what it is measured on.
func quantity(m lab.Metric) string {
	if m.Name() == "" {
		return string(m)
	}
	return m.Name()
}

// classWords has the meanings of the classes of a diagnosis.
var classWords = []word{
	{string(collapse.Diverged), "The loss is not finite, or far above its first value."},
	{string(collapse.NotExpanded), "One point, as before training: training cannot be blamed."},
	{string(collapse.Complete), "All embeddings are one point, and the loss does not push them apart."},
	{string(collapse.Collapsing), "Moving towards one point."},
	{string(collapse.Dimensional), "Spread over few directions."},
	{string(collapse.Uninformative), "Spread over many directions, but features are no better than the untrained " +
		"network's."},
	{string(collapse.NotConverged), "The loss has hardly moved."},
	{string(collapse.OneCluster), "Every image is in one cluster."},
	{string(collapse.Uniform), "Every image is equally in all clusters."},
	{string(collapse.FewClusters), "Most clusters are empty."},
	{string(collapse.Weak), "Assignments say much less than the control's."},
	{string(collapse.Healthy), "None of these."},
	{string(collapse.Unknown), "What would rule out collapse was not measured."},
}

// verdictLook says how a verdict is shown. It has a sign, so that verdicts can be told apart without colour.
type verdictLook struct {
	Verdict lab.Verdict
	Class   string // in the style sheet
	Sign    string
	Meaning string
}

var verdictLooks = []verdictLook{
	{lab.Confirmed, "yes", "✓", "The control is healthy, at least four of five seeds show what the claim says, and " +
		"the difference is at least three pooled standard deviations if the rule requires one. Runs five times as " +
		"long decide what short runs leave open without opposing it."},
	{lab.Refuted, "no", "✗", "At least four of five seeds show the opposite, at two lengths of training."},
	{lab.NotReproduced, "differs", "≠", "At least four of five seeds show the opposite, at one length of training. A " +
		"claim that holds at full size need not hold on a small network and in a short run."},
	{lab.Inconclusive, "open", "?", "Seeds disagree or are unclear, the control itself failed, the difference is " +
		"small, or there are too few seeds."},
	{lab.NotTestable, "none", "–", "The claim cannot be tested here."},
}

func lookOf(v lab.Verdict) verdictLook {
	for _, l := range verdictLooks {
		if l.Verdict == v {
			return l
		}
	}
	return verdictLook{Verdict: v, Class: "open", Sign: "?"}
}
