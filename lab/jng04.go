// SPDX-License-Identifier: Apache-2.0

package lab

var jng04 = Experiment{
	ID: "JNG-04", Method: "simclr", Switch: "network",
	Question: "Does a second layer cost dimensions even under weak augmentation?",
	Claim:    "Of two linear layers the small singular values grow the slower the smaller they are, so the product ends with few large ones, where one layer keeps all.",
	Source:   "Jing et al. 2022, arXiv:2110.09348, theorem 3 and figure 6",
	Reported: "curves of 16 x 16 weights: the lowest few singular values remain much smaller",
	Scale:    "Computed from the loss's exact gradient, without images: 16 dimensions, weak noise in eight of them, weights that begin small.",
	Shows:    []Metric{vanishedOfTwo, vanishedOfOne},
	Expect:   []Expectation{holds(vanishedOfOne, 0, 1), holds(vanishedOfTwo, 3, toyDims)},
	Closed: remembered(func(seed uint64) (Sample, error) {
		const noise, scale, share = 0.1, 0.3, 0.01
		return Sample{Values: map[Metric]float64{
			vanishedOfOne: vanished(toyTrain(1, noise, scale, seed), share),
			vanishedOfTwo: vanished(toyTrain(2, noise, scale, seed), share),
		}}, nil
	}),
}

// Of the whole map's 16 singular values, how many are below a hundredth of the largest.
const (
	vanishedOfOne Metric = "one layer.vanished"
	vanishedOfTwo Metric = "two layers.vanished"
)
