// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/run"
)

// A word is a term of the report with what it means.
type word struct{ Term, Meaning string }

// quantities are what metrics are called, by their name in metrics.jsonl, with what their values mean.
var quantities = map[string]word{
	"loss": {"training loss", "The mean since the evaluation before."},
	"std": {"spread", "Standard deviation of the rows scaled to length 1, times √d: 1 when they spread " +
		"evenly in all directions, 0 when all are the same. It does not see that directions are lost."},
	"std_raw": {"spread, unscaled", "Standard deviation of the rows as they are, the mean over dimensions."},
	"mean_cosine": {"mean cosine", "Of pairs of images: about 0 when they point everywhere, 1 when all are the " +
		"same."},
	"effective_rank": {"effective rank", "How many directions are in use: exp of the entropy of the singular " +
		"values of the centred rows. It does not see how far apart the rows are."},
	"rankme": {"RankMe", "The effective rank of rows that are not centred."},
	"lidar": {"LiDAR", "How many directions tell images apart better than two views of one: what " +
		"augmentation changes does not count."},
	"participation_ratio": {"participation ratio", "How many directions hold the variance: (Σλ)²/Σλ². A few large ones " +
		"lower it sooner than the effective rank."},
	"top_share": {"largest share", "Of the variance in one direction, or of the images in one cluster: 1 is " +
		"a collapse."},
	"correlation_off": {"correlation of dimensions", "Mean absolute correlation of two dimensions: 1 when all say " +
		"the same."},
	"alignment": {"alignment", "Mean squared distance of two views of an image, from 0 to 4."},
	"uniformity": {"uniformity", "Log of the mean of exp(−2·squared distance) over pairs of images: 0 when " +
		"all are the same, about −4 when they spread evenly."},
	"knn": {"kNN accuracy", "Share of images that the labels of their nearest neighbours tell rightly. " +
		"The untrained network's is far above chance, and is what it must be compared with."},
	"linear": {"linear accuracy", "Share of images that a linear classifier tells rightly."},
	"support": {"soft-vote accuracy", "Share of images that the method's own vote of the labelled ones " +
		"tells rightly."},
	"perplexity": {"clusters in use", "Perplexity of the mean assignment: 1 when one cluster has all images."},
	"mutual_information": {"mutual information", "Of image and cluster, in nats: 0 when every image is in the same " +
		"cluster, and when every image is in all alike."},
	"individual_entropy": {"entropy of an image", "Of its assignment, in nats: 0 when it is in one cluster, the log " +
		"of their number when it is in all alike."},
	"used": {"clusters used", "Clusters that are the first choice of some image."},
	"commutator": {"commutator", "Of the predictor's matrix with E[zzᵀ], over the sizes of both: 0 when they " +
		"share their eigenvectors. Also small, √(2/d), when one is random and the other has few directions."},
	"eigenvector_cosine": {"cosine of eigenvectors", "Of an eigenvector of E[zzᵀ] with what the predictor makes of " +
		"it, the mean over the ten first: 0 for a random matrix, 1 when they are eigenvectors of both."},
	"spectrum_correlation": {"agreement of spectra", "Spearman's rank correlation of what the predictor scales the " +
		"eigenvectors of E[zzᵀ] by with the square roots of the eigenvalues."},
	"positive_cosine": {"cosine of two views", "Of the same image: 1 when the loss has all that it asks of " +
		"positive pairs."},
	"rank_share": {"effective rank per dimension", "The effective rank over the number of dimensions."},
	"explained_area": {"variance in few directions", "The mean over k of the share of the variance in the k " +
		"largest directions: 0.5 when all are alike, 1 when one has it all."},
	"exponent_off": {"exponent's distance from 1", "Of α, with which the eigenvalues of the covariance fall: " +
		"λ_k as 1/k^α."},
	"vanished":             {"lost directions", "How many have less than a millionth of the largest one's variance."},
	"alignment_uniformity": {"alignment plus uniformity", "Lower is better aligned and more evenly spread."},
	"loss_noise":           {"noise of the loss", "Its standard deviation from step to step, without its trend."},
	"grad_ratio": {"gradient stopped over gradient left", "Of −cos(p, z′) of two views: the norm of the " +
		"gradient by z′, which a stop-gradient takes away, over that by z, which has come through the predictor. 1 without " +
		"a predictor."},
	"accuracy": {"accuracy in the pretext task", "Share of queries that are nearer to their own key than to " +
		"all others."},
	"bn_leak": {"leak of batch norm", "By how much the accuracy in the pretext task is higher with the " +
		"batch's statistics than with running ones."},
	"purity":   {"purity of neighbours", "Share of an image's nearest neighbours that have its label."},
	"acc":      {"clustering accuracy", "Under the best matching of clusters to classes."},
	"largest":  {"largest cluster", "Its share of the images."},
	"clusters": {"clusters in use", "exp of the entropy of the clusters' sizes."},
}

// subjects are what metrics are of.
var subjects = map[string]string{
	run.OfBackbone: "of features h", run.OfEmbedding: "of embeddings z", run.OfPrediction: "of the predictor",
	run.OfAssignments: "", "steps": "",
	"pretext": "before clustering", "clustering": "after clustering",
}

// title is the metric as a reader meets it: "mean cosine of embeddings z".
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

// quantity is the metric's name without what it is of.
func quantity(m lab.Metric) string {
	if m.Name() == "" {
		return string(m)
	}
	return m.Name()
}

// classWords say what the classes of a diagnosis mean.
var classWords = []word{
	{string(collapse.Diverged), "The loss is not finite, or far above where it began."},
	{string(collapse.NotExpanded), "One point, as the network started: training cannot be blamed."},
	{string(collapse.Complete), "All embeddings have become one point, and the loss is content with that."},
	{string(collapse.Collapsing), "On the way to one point."},
	{string(collapse.Dimensional), "Spread, but over few directions."},
	{string(collapse.Uninformative), "Spread over many directions, which are no better than those of the untrained " +
		"network."},
	{string(collapse.NotConverged), "The loss has hardly moved."},
	{string(collapse.OneCluster), "Every image is in one cluster."},
	{string(collapse.Uniform), "Every image is in all clusters alike."},
	{string(collapse.FewClusters), "Most clusters are empty."},
	{string(collapse.Weak), "Assignments say much less than the control's."},
	{string(collapse.Healthy), "None of these."},
	{string(collapse.Unknown), "What would rule out a collapse was not measured."},
}

// verdictLook is how a verdict is shown: with a sign, so that colour is not needed to tell it.
type verdictLook struct {
	Verdict lab.Verdict
	Class   string // in the style sheet
	Sign    string
	Meaning string
}

var verdictLooks = []verdictLook{
	{lab.Confirmed, "yes", "✓", "The control is healthy, at least four seeds of five show what the claim says, and the " +
		"difference is at least three pooled standard deviations where the rule asks for one. What short runs leave open, " +
		"without opposing it, runs five times as long decide."},
	{lab.Refuted, "no", "✗", "At least four seeds of five show the opposite, at two lengths of training."},
	{lab.NotReproduced, "differs", "≠", "At least four seeds of five show the opposite, at one length of training: on a " +
		"small network and in a short run, a claim need not hold that holds at full size."},
	{lab.Inconclusive, "open", "?", "Seeds disagree or say neither, the control itself failed, the difference is small, " +
		"or there are too few seeds."},
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
