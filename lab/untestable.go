// SPDX-License-Identifier: Apache-2.0

package lab

// Published claims that this laboratory cannot decide, with the reason, so that a list of what was published is whole.
var (
	sim13 = Experiment{
		ID: "SIM-13", Method: "simsiam", Switch: "predictor",
		Question:   "Can a moving average of each image's embeddings stand in for SimSiam's predictor?",
		Claim:      "Without predictor, but with targets that are a moving average over the epochs, SimSiam does not collapse.",
		Source:     "Chen & He 2021, arXiv:2011.10566, section 5.2",
		Reported:   "linear accuracy 55.0 with a momentum of 0.8, against 0.1 without the average",
		Untestable: "an average of each image's embeddings takes many passes over the images, and in 200 steps of 256 each of CIFAR-10's is seen once",
	}
	wms02 = Experiment{
		ID: "WMS-02", Method: "wmse", Switch: "whitening",
		Question:   "Is W-MSE as good as SimCLR and BYOL?",
		Claim:      "On CIFAR-10 the three are as good as one another.",
		Source:     "Ermolov et al. 2021, arXiv:2007.06346, table 1, as later work quotes it",
		Reported:   "linear / 5-NN: W-MSE 91.55 / 89.69, SimCLR 91.80 / 88.42, BYOL 91.73 / 89.45 (ResNet-18, 1,000 epochs)",
		Untestable: "it is of accuracies a quarter of a point apart at the end of 1,000 epochs",
	}
	jng05 = Experiment{
		ID: "JNG-05", Method: "directclr", Switch: "head",
		Question:   "Do the features that DirectCLR's loss does not see keep their rank?",
		Claim:      "They do: what the loss does to a part of the features reaches the rest through the last block's residual connection.",
		Source:     "Jing et al. 2022, arXiv:2110.09348, section 6.3",
		Reported:   "a figure; linear accuracy 62.7",
		Untestable: "evaluations measure the features as a whole, and not those alone that the loss does not see",
	}
	mo301 = Experiment{
		ID: "MO3-01", Method: "mocov3", Switch: "network",
		Question:   "What makes the training of a vision transformer unstable?",
		Claim:      "Its first layer: with the projection of patches left as it began, the dips of its accuracy go away.",
		Source:     "Chen, Xie & He 2021, arXiv:2104.02057, section 4; from memory",
		Reported:   "figures: dips of accuracy without, none with a frozen projection",
		Untestable: "the dips are those of a vision transformer in long training with large batches, whose cost is not minutes",
	}
	scn02 = Experiment{
		ID: "SCN-02", Method: "scan", Switch: "balanced clusters",
		Question:   "How well does SCAN tell the classes apart?",
		Claim:      "On CIFAR-10 it finds most of them, and self-labelling makes it better by several points.",
		Source:     "Van Gansbeke et al. 2020, arXiv:2005.12320, and the README of its code",
		Reported:   "accuracy / NMI / ARI 81.6 / 71.5 / 66.5, with self-labelling 88.3 / 79.7 / 77.2",
		Untestable: "it is a number at the end of 500 epochs of a pretext task and 250 of clustering, which clusters of a run of minutes are far from",
	}
	msn01 = Experiment{
		ID: "MSN-01", Method: "paws",
		Question:   "What keeps masked Siamese networks from using few prototypes?",
		Claim:      "Maximising the entropy of the mean prediction, alone if its weight is large enough, or with Sinkhorn's normalisation of the targets.",
		Source:     "Assran et al. 2022, arXiv:2204.07141, table 11",
		Reported:   "66.4 with both at a weight of 1; without Sinkhorn 60.8 at a weight of 1, 67.2 at 5",
		Untestable: "MSN, which follows PAWS, is no method of this program",
	}
	msn02 = Experiment{
		ID: "MSN-02", Method: "paws",
		Question:   "How many prototypes do masked Siamese networks need?",
		Claim:      "About as many as there are classes; more do not help.",
		Source:     "Assran et al. 2022, arXiv:2204.07141, table 12",
		Reported:   "67.6, 69.5 and 69.5 with 512, 1,024 and 2,048",
		Untestable: "MSN, which follows PAWS, is no method of this program",
	}
	cap03 = Experiment{
		ID: "CAP-03", Method: "simsiam",
		Question:   "Does another order of the data help a small network against collapse?",
		Claim:      "Training continually on parts of the data before training on all of them makes SimSiam better by up to 18 points.",
		Source:     "Li, Efros & Pathak 2022, ECCV, \"Understanding collapse in non-contrastive Siamese representation learning\", abstract",
		Reported:   "up to 18 points (ImageNet, ResNet-18)",
		Untestable: "images come in whole epochs in a random order, of which a run here sees one: there is no other order",
	}
	cld01 = Experiment{
		ID: "CLD-01", Method: "simsiam",
		Question:   "Do the learnability of clusters and the intrinsic dimension tell the quality without labels?",
		Claim:      "Together they predict accuracy, and better than other numbers do.",
		Source:     "Lu et al. 2022, \"Using Representation Expressiveness and Learnability to Evaluate Self-Supervised Learning Methods\"; from memory",
		Reported:   "rank correlations over published networks",
		Untestable: "how learnable clusters are, is measured by no evaluation here",
	}
)
