// SPDX-License-Identifier: Apache-2.0

package lab

import "slices"

var swavSmall = Arm{Name: "batch 32", Method: "swav", Set: []string{"train.batch=32"}}

var swa05 = Experiment{
	ID: "SWA-05", Method: "swav", Switch: "balanced clusters",
	Question: "What must be done where SwAV's batch is smaller than the number of its prototypes?",
	Claim:    "Keep the prototypes as they are for the first steps, and make codes with a queue of earlier embeddings.",
	Source:   "Caron et al. 2020, arXiv:2006.09882, section 3.1, and the scripts of facebookresearch/swav for batches of 256",
	Reported: "a recipe: 5,005 steps with 3,000 prototypes frozen, 313 in batches of 4,096; a queue of 3,840 embeddings, fifteen batches, from epoch 15 on",
	Scale:    "Batches of 32 for 64 prototypes, at as many images as in batches of 256. Prototypes are frozen for a tenth of the run, and the queue, of fifteen batches, is used from its first filling on.",
	Arms: []Arm{
		swav, swavSmall,
		{Name: "prototypes frozen at first", Method: "swav", Set: append(slices.Clone(swavSmall.Set), "method.freeze_steps=160")},
		{Name: "with a queue", Method: "swav", Set: append(slices.Clone(swavSmall.Set), "method.queue=480", "method.queue_from=0")},
	},
	Shows: []Metric{Perplexity, Information, EffectiveRank, KNN},
	Expect: []Expectation{
		survives("prototypes frozen at first"), survives("with a queue"),
		more(Information, "prototypes frozen at first", "batch 32", 0), more(Information, "with a queue", "batch 32", 0),
	},
}
