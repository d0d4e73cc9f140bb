// SPDX-License-Identifier: Apache-2.0

package lab

var jng03 = Experiment{
	ID: "JNG-03", Method: "simclr", Switch: "augmentation",
	Question: "Can an augmentation be so strong that a contrastive loss gives up dimensions?",
	Claim:    "A linear network under InfoNCE loses the dimensions in which augmentation varies more than the data do, and no others.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, theorem 1 and figure 3",
	Reported: "spectra of 16 x 16 weights: half of the singular values vanish when strong noise is added to half of the dimensions",
	Scale:    "Computed from the loss's exact gradient, without images: 16 dimensions, noise in eight of them with a tenth, and with ten times, the variance of the data.",
	Shows:    []Metric{vanishedStrong, vanishedWeak},
	Expect:   []Expectation{holds(vanishedWeak, 0, 0), holds(vanishedStrong, toyDims/2, toyDims/2)},
	Closed: remembered(func(seed uint64) (Sample, error) {
		return Sample{Values: map[Metric]float64{
			vanishedWeak:   vanished(toyTrain(1, 0.1, 1, seed), 1e-3),
			vanishedStrong: vanished(toyTrain(1, 10, 1, seed), 1e-3),
		}}, nil
	}),
}

// Of the weights' 16 singular values, how many are below a thousandth of the largest.
const (
	vanishedWeak   Metric = "weak augmentation.vanished"
	vanishedStrong Metric = "strong augmentation.vanished"
)
