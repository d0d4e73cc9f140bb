// SPDX-License-Identifier: Apache-2.0

package lab

import "github.com/parallax-ssl/parallax/collapse"

var din05 = Experiment{
	ID: "DIN-05", Method: "dino",
	Question: "How sharp must DINO's teacher be?",
	Claim:    "With a teacher's temperature of 0.08, near the student's 0.1, the outputs become uniform; from 0.02 to 0.06 they do not.",
	Source:   "Caron et al. 2021, arXiv:2104.14294, appendix D",
	Reported: "k-NN at 0 / 0.02 / 0.04 / 0.06 / 0.08: 43.9 / 66.7 / 69.6 / 68.7 / 0.1 (ImageNet, ViT-S/16, 100 epochs)",
	Arms: []Arm{
		{Name: "temperature 0.04", Method: "dino", Set: []string{"method.teacher_temperature=0.04", "method.warmup_teacher_epochs=0"}},
		{Name: "temperature 0.02", Method: "dino", Set: []string{"method.teacher_temperature=0.02", "method.warmup_teacher_epochs=0"}},
		{Name: "temperature 0.08", Method: "dino", Set: []string{"method.teacher_temperature=0.08", "method.warmup_teacher_epochs=0"}},
	},
	Shows: []Metric{Information, Individual, MeanCosine, KNN},
	Expect: []Expectation{
		survives("temperature 0.02"),
		collapses("temperature 0.08", collapse.Uniform, collapse.Complete),
	},
	Effect: &Effect{Metric: MeanCosine, Arm: "temperature 0.08", Of: "temperature 0.04"},
}
