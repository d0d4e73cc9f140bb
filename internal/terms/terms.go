// SPDX-License-Identifier: Apache-2.0

// Package terms says in words what pages name: the metrics of metrics.jsonl and the classes of a diagnosis.
package terms

import "github.com/parallax-ssl/parallax/collapse"

// A Word is a term and its meaning.
type Word struct{ Term, Meaning string }

// Quantities has the term and the meaning of every metric, by its name in metrics.jsonl.
var Quantities = map[string]Word{
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
	"loss_floor": {"way left to a constant's loss", "Share that is left of the way from the first loss to that of a " +
		"constant embedding: 1 at the start, 0 when the loss has reached it."},
	"loss_off_chance": {"distance from a constant's loss", "Distance of the loss from that of a constant embedding, " +
		"relative to the latter."},
	"first_loss":            {"first loss", "Mean until the first evaluation."},
	"first_knn":             {"first kNN accuracy", "That of the untrained network."},
	"first_mean_cosine":     {"first mean cosine", "That of the untrained network."},
	"reference_mean_cosine": {"mean cosine of the reference", "That of the run to which this one is compared."},
	"lowest_mean_cosine":    {"lowest mean cosine", "The lowest of the run so far."},
	"mean_cosine_rise":      {"rise of the mean cosine", "Over the second half of the steps so far."},
	"reference_loss_floor":  {"way left in the reference", "The same share in the run to which this one is compared."},
	"loss_noise":            {"noise of the loss", "Its standard deviation from step to step, without the trend."},
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

// Classes has the meanings of the classes of a diagnosis.
var Classes = []Word{
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
