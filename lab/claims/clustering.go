// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/lab/theory"
)

// Claims about methods that assign images to clusters or prototypes: SwAV, SCAN, PAWS and MSN.

// Arms of SwAV, PAWS and SCAN that several experiments share: each runs once.
var (
	swav = lab.Arm{Name: "SwAV", Method: "swav"} // 64 prototypes, three iterations
	paws = lab.Arm{Name: "PAWS", Method: "paws"}
	scan = lab.Arm{Name: "SCAN", Method: "scan"} // a pretext by SimCLR, then the clustering; λ is 5
)

var swa01 = lab.Experiment{
	ID: "SWA-01", Method: "swav",
	Question: "What happens to SwAV if its prototypes need not be used equally?",
	Claim:    "Without the equal partition of the batch by Sinkhorn-Knopp, every image gets the same code.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, section 3.1",
	Reported: "an argument, without numbers",
	Arms: []lab.Arm{
		swav,
		{Name: "without equal partition", Method: "swav", Set: []string{"method.sinkhorn=false"}},
	},
	Shows: []lab.Metric{lab.Perplexity, lab.Information, lab.MeanCosine, "terms.prototypes_in_use", lab.Loss},
	Expect: []lab.Expectation{
		expect.Collapses("without equal partition", collapse.OneCluster, collapse.FewClusters),
	},
	Effect: &lab.Effect{Metric: lab.Perplexity, Arm: "SwAV", Of: "without equal partition", LogScale: true},
}

var swa02 = lab.Experiment{
	ID: "SWA-02", Method: "swav", NeedsLabels: true,
	Question: "Does the number of SwAV's prototypes matter?",
	Claim:    "It hardly matters, as long as there are enough.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, appendix C.1",
	Reported: "3,000 to 100,000 prototypes: within 0.3 points (ImageNet, ResNet-50, linear)",
	Scale:    "16, 64 and 256 prototypes for data of about ten classes, instead of 300 and more for 1,000 classes.",
	Arms: []lab.Arm{
		swav,
		{Name: "16 prototypes", Method: "swav", Set: []string{"method.prototypes=16"}},
		{Name: "256 prototypes", Method: "swav", Set: []string{"method.prototypes=256"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.Perplexity, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Near(lab.KNN, "16 prototypes", "SwAV", 0.03),
		expect.Near(lab.KNN, "256 prototypes", "SwAV", 0.03),
	},
}

var swa03 = lab.Experiment{
	ID: "SWA-03", Method: "swav", NeedsLabels: true,
	Question: "Must SwAV's prototypes be trained?",
	Claim:    "Hardly: fixed random prototypes are nearly as good.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, ablations; numbers from memory",
	Reported: "73.1 with random prototypes, 73.9 with trained ones",
	Arms: []lab.Arm{
		swav,
		{Name: "random prototypes", Method: "swav", Set: []string{"method.freeze_epochs=1000000"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.Perplexity, lab.Information, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Survives("random prototypes"),
		expect.Near(lab.KNN, "random prototypes", "SwAV", 0.03),
	},
}

var swa04 = lab.Experiment{
	ID: "SWA-04", Method: "swav", NeedsLabels: true,
	Question: "How exact must SwAV's codes be?",
	Claim:    "Three Sinkhorn-Knopp iterations are enough, and soft codes are better than hard ones.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, section 3.1",
	Reported: "three iterations in all experiments; hard codes are worse, without numbers in the text",
	Arms: []lab.Arm{
		swav,
		{Name: "ten iterations", Method: "swav", Set: []string{"method.sinkhorn_iterations=10"}},
		{Name: "hard codes", Method: "swav", Set: []string{"method.codes=hard"}},
	},
	Shows: []lab.Metric{lab.KNN, lab.Perplexity, lab.Information, lab.EffectiveRank},
	Expect: []lab.Expectation{
		expect.Survives("ten iterations"),
		expect.Near(lab.KNN, "ten iterations", "SwAV", 0.03),
		expect.More(lab.KNN, "SwAV", "hard codes", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNN, Arm: "SwAV", Of: "hard codes"},
}

var swavSmall = lab.Arm{Name: "batch 32", Method: "swav", Set: []string{"train.batch=32"}}

var swa05 = lab.Experiment{
	ID: "SWA-05", Method: "swav", Switch: "balanced clusters",
	Question: "What does SwAV need if its batch is smaller than the number of prototypes?",
	Claim:    "Prototypes that are frozen for the first steps, and a queue of earlier embeddings for the codes.",
	Source: "Caron et al. 2020, arXiv:2006.09882, section 3.1, and the scripts of facebookresearch/swav for batches " +
		"of 256",
	Reported: "a recipe: 3,000 prototypes, frozen for 5,005 steps, or for 313 with batches of 4,096; a queue of " +
		"3,840 embeddings, fifteen batches, from epoch 15 on",
	Scale: "Batches of 32 for 64 prototypes, with as many images seen as in batches of 256. Prototypes are frozen " +
		"for a tenth of the run. The queue holds fifteen batches, and is used as soon as it is full.",
	Arms: []lab.Arm{
		swav,
		swavSmall,
		{Name: "prototypes frozen at the start", Method: "swav",
			Set: append(slices.Clone(swavSmall.Set), "method.freeze_steps=160")},
		{Name: "with a queue", Method: "swav",
			Set: append(slices.Clone(swavSmall.Set), "method.queue=480", "method.queue_from=0")},
	},
	Shows: []lab.Metric{lab.Perplexity, lab.Information, lab.EffectiveRank, lab.KNN},
	Expect: []lab.Expectation{
		expect.Survives("prototypes frozen at the start"),
		expect.Survives("with a queue"),
		expect.More(lab.Information, "prototypes frozen at the start", "batch 32", 0),
		expect.More(lab.Information, "with a queue", "batch 32", 0),
	},
}

var scn01 = lab.Experiment{
	ID: "SCN-01", Method: "scan", Switch: "balanced clusters",
	Question: "What happens to SCAN if nothing favours balanced clusters?",
	Claim:    "Without the entropy of the mean assignment, all images end up in one cluster.",
	Source:   "Van Gansbeke et al. 2020, arXiv:2005.12320, section 2.2",
	Reported: "an argument; the weight is 5 in the published settings",
	Scale: "The pretext is SimCLR, trained as long as any arm here. The clustering stage takes the same number of " +
		"steps.",
	Arms: []lab.Arm{
		scan,
		{Name: "without the entropy", Method: "scan", Set: []string{"clustering.method.entropy_weight=0"}},
	},
	Shows: []lab.Metric{
		lab.ClustersUsed, lab.LargestShare, "terms.entropy", "terms.consistency", lab.Matched,
	},
	Expect: []lab.Expectation{
		expect.Below(lab.ClustersUsed, "without the entropy", 1.5),
		expect.Above(lab.ClustersUsed, "SCAN", 3),
	},
	Effect: &lab.Effect{Metric: lab.ClustersUsed, Arm: "SCAN", Of: "without the entropy", LogScale: true},
}

var scn02 = lab.Experiment{
	ID: "SCN-02", Method: "scan", Switch: "balanced clusters",
	Question: "How well do SCAN's clusters match the classes?",
	Claim:    "On CIFAR-10 they match most of them, and self-labelling adds several points.",
	Source:   "Van Gansbeke et al. 2020, arXiv:2005.12320, and the README of its code",
	Reported: "accuracy / NMI / ARI 81.6 / 71.5 / 66.5; with self-labelling 88.3 / 79.7 / 77.2",
	Untestable: "the numbers come after 500 epochs of a pretext task and 250 of clustering; clusters from a run of " +
		"minutes are far from that",
}

// The numbers of SCN-03: the mutual information of image and cluster, relative to the log of the number of clusters.
const (
	ofTheMean lab.Metric = "entropy of the mean.information"
	ofEach    lab.Metric = "mean of the entropies.information"
)

var scn03 = lab.Experiment{
	ID: "SCN-03", Method: "scan", Switch: "balanced clusters",
	Question: "SCAN's loss rewards the entropy of the mean assignment. Would the mean of the entropies also do?",
	Claim: "No, it has the opposite effect. The entropy of the mean favours balanced clusters and lets each image be " +
		"certain of its own. The mean of the entropies makes every image uncertain.",
	Source:   "Van Gansbeke et al. 2020, arXiv:2005.12320, equation 2, and its code; a derivation",
	Reported: "nothing; the code has the former",
	Scale: "Computed from the exact gradients on the assignments of 60 images to five clusters, without images. The " +
		"assignments begin almost certain, half of them to the same cluster.",
	Shows:  []lab.Metric{ofTheMean, ofEach},
	Expect: []lab.Expectation{expect.Holds(ofTheMean, 0.1, 1), expect.Holds(ofEach, 0, 0.01)},
	Closed: remembered(func(seed uint64) (lab.Sample, error) {
		return lab.Sample{Values: map[lab.Metric]float64{ofTheMean: theory.ClimbEntropy(true, seed),
			ofEach: theory.ClimbEntropy(false, seed)}}, nil
	}),
}

var scn04 = lab.Experiment{
	ID: "SCN-04", Method: "scan", NeedsLabels: true, Switch: "positives",
	Question: "Do an image's neighbours have its class, and does clustering by them improve the features?",
	Claim: "Most nearest neighbours in a pretext's features have the same class. So SCAN's encoder, which is trained " +
		"on them, becomes better than its pretext.",
	Source: "Van Gansbeke et al. 2020, arXiv:2005.12320, section 2.1",
	Reported: "a figure of the neighbours; after clustering, 81.6 % of CIFAR-10 are in the cluster of their class " +
		"(README of the code)",
	Scale: "The paper's pretext trains for hundreds of epochs. After a run of minutes, more neighbours are of other " +
		"classes, and clustering learns from these mistakes.",
	Arms:  []lab.Arm{scan},
	Shows: []lab.Metric{lab.KNNAfter, lab.KNNBefore, lab.Purity, lab.Matched},
	Expect: []lab.Expectation{
		expect.Above(lab.Purity, "SCAN", 0.5),
		expect.Exceeds(lab.KNNAfter, lab.KNNBefore, "SCAN", 0),
	},
	Effect: &lab.Effect{Metric: lab.KNNAfter, Arm: "SCAN", Of: "SCAN", Than: lab.KNNBefore},
}

var paw01 = lab.Experiment{
	ID: "PAW-01", Method: "paws", NeedsLabels: true,
	Question: "What keeps PAWS's predictions from becoming equal?",
	Claim: "With sharpened targets and equally many labelled images of each class, the embeddings cannot all be " +
		"equal. Without sharpening, predictions may be uniform, and nothing makes them certain.",
	Source:   "Assran et al. 2021, arXiv:2104.13963, proposition 1",
	Reported: "a proof",
	Scale: "The last arm also lacks the term that spreads the mean prediction, because that term rewards certain " +
		"predictions itself once they are balanced.",
	Arms: []lab.Arm{
		paws,
		{Name: "without sharpening", Method: "paws", Set: []string{"method.sharpen=1"}},
		{Name: "without sharpening and mean entropy", Method: "paws",
			Set: []string{"method.sharpen=1", "method.me_max=0"}},
	},
	Shows: []lab.Metric{"terms.cross_entropy", "terms.mean_entropy", lab.MeanCosine, lab.KNN},
	Expect: []lab.Expectation{
		expect.More("terms.cross_entropy", "without sharpening", "PAWS", 0.2),
		expect.More("terms.cross_entropy", "without sharpening and mean entropy", "PAWS", 0.2),
	},
	Effect: &lab.Effect{Metric: "terms.cross_entropy", Arm: "without sharpening and mean entropy", Of: "PAWS"},
}

var paw02 = lab.Experiment{
	ID: "PAW-02", Method: "paws", NeedsLabels: true, Switch: "balanced clusters",
	Question: "What does PAWS's term for the mean prediction do?",
	Claim:    "Without it, the classes are predicted less evenly.",
	Source:   "Assran et al. 2021, arXiv:2104.13963, ablation; from memory",
	Reported: "a small effect, with the default weight of 1 from the code",
	Scale: "The metric is the entropy of a batch's mean prediction. The small batch makes it too low, equally in " +
		"both arms.",
	Arms: []lab.Arm{
		paws,
		{Name: "without mean entropy", Method: "paws", Set: []string{"method.me_max=0"}},
	},
	Shows:  []lab.Metric{"terms.mean_entropy", lab.KNN, lab.MeanCosine},
	Expect: []lab.Expectation{expect.More("terms.mean_entropy", "PAWS", "without mean entropy", 0)},
	Effect: &lab.Effect{Metric: "terms.mean_entropy", Arm: "PAWS", Of: "without mean entropy"},
}

var msn01 = lab.Experiment{
	ID: "MSN-01", Method: "paws",
	Question: "What keeps masked Siamese networks from using only a few prototypes?",
	Claim: "Maximising the entropy of the mean prediction: with a large weight on its own, or with Sinkhorn " +
		"normalisation of the targets.",
	Source:     "Assran et al. 2022, arXiv:2204.07141, table 11",
	Reported:   "66.4 with both at a weight of 1; without Sinkhorn 60.8 at a weight of 1, and 67.2 at 5",
	Untestable: "MSN, a successor of PAWS, is not implemented",
}

var msn02 = lab.Experiment{
	ID: "MSN-02", Method: "paws",
	Question:   "How many prototypes do masked Siamese networks need?",
	Claim:      "About as many as there are classes. More do not help.",
	Source:     "Assran et al. 2022, arXiv:2204.07141, table 12",
	Reported:   "67.6, 69.5 and 69.5 with 512, 1,024 and 2,048",
	Untestable: "MSN, a successor of PAWS, is not implemented",
}
