// SPDX-License-Identifier: Apache-2.0

package lab

var sim06 = Experiment{
	ID: "SIM-06", Method: "simsiam",
	Question: "Does SimSiam need large batches, as methods do that compare the images of a batch with one another?",
	Claim:    "SimSiam does not collapse at any batch size from 64 to 4096, and is nearly as good at all of them.",
	Source:   "Chen & He 2021, arXiv:2011.10566, table 2",
	Reported: "linear accuracy 66.1, 67.3, 68.1, 68.1, 68.0, 67.9 and 64.0 at batch 64, 128, 256, 512, 1024, 2048 and 4096 (SGD, rate in proportion to the batch)",
	Scale:    "All arms see as many images. Differences of two points of accuracy cannot be told in runs this short: what is tested is collapse. At least 1,024 images are needed.",
	Arms:     []Arm{simsiam, {Name: "batch 64", Method: "simsiam", Set: []string{"train.batch=64"}}, simsiamLarge, simsiamNoStop},
	Shows:    []Metric{Std, EffectiveRank, KNN},
	Expect:   []Expectation{survives("batch 64"), survives("batch 1024"), visible("without stop-gradient")},
}
