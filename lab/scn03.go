// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"math/rand/v2"
)

// What SCN-03 computes of assignments: the mutual information of image and cluster as a share of the log of their number.
const (
	ofTheMean Metric = "entropy of the mean.information"
	ofEach    Metric = "mean of the entropies.information"
)

var scn03 = Experiment{
	ID: "SCN-03", Method: "scan", Switch: "balanced clusters",
	Question: "SCAN's loss rewards the entropy of the mean assignment. Would the mean of the entropies do?",
	Claim:    "No, it has the opposite effect: the entropy of the mean asks for balanced clusters and leaves each image to be certain of its own, the mean of the entropies makes every image uncertain.",
	Source:   "Van Gansbeke et al. 2020, arXiv:2005.12320, equation 2, and its code; a derivation",
	Reported: "nothing: the code has the former",
	Scale:    "Computed from the exact gradients on the assignments of 60 images to five clusters, without images. They begin certain, half of them of the same cluster.",
	Shows:    []Metric{ofTheMean, ofEach},
	Expect:   []Expectation{holds(ofTheMean, 0.1, 1), holds(ofEach, 0, 0.01)},
	Closed: remembered(func(seed uint64) (Sample, error) {
		return Sample{Values: map[Metric]float64{ofTheMean: informed(true, seed), ofEach: informed(false, seed)}}, nil
	}),
}

const (
	assigned = 60 // images
	clusters = 5
)

type assignment [clusters]float64

// informed climbs one of the two entropies from assignments that begin certain, and returns what they then say of the image.
func informed(mean bool, seed uint64) float64 {
	const steps, rate = 2000, 10
	r := rand.New(rand.NewPCG(seed, 3))
	var logits [assigned]assignment
	for i := range logits {
		for k := range logits[i] {
			logits[i][k] = 0.1 * r.NormFloat64()
		}
		if i%2 == 0 {
			logits[i][0] += 4
		} else {
			logits[i][r.IntN(clusters)] += 4
		}
	}
	var p [assigned]assignment
	for range steps {
		for i := range p {
			p[i] = softmax(logits[i])
		}
		all := balance(p[:])
		for i := range logits {
			of := p[i]
			if mean {
				of = all
			}
			up := climb(p[i], of)
			for k := range up {
				logits[i][k] += rate * up[k] / assigned
			}
		}
	}
	return math.Max(0, entropy(balance(p[:]))-meanEntropy(p[:])) / math.Log(clusters) // rounding may take it below
}

// climb is the gradient by an image's logits of the entropy of q, to which its assignment p contributes: Σ_k p_k (δ_jk - p_j) · (-ln q_k).
func climb(p, q assignment) (up assignment) {
	expected := 0.0
	for k := range p {
		expected -= p[k] * math.Log(q[k])
	}
	for k := range p {
		up[k] = p[k] * (-math.Log(q[k]) - expected)
	}
	return up
}

func softmax(logits assignment) (p assignment) {
	sum := 0.0
	for k := range p {
		p[k] = math.Exp(logits[k])
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

// balance is the mean assignment.
func balance(p []assignment) (mean assignment) {
	for i := range p {
		for k := range mean {
			mean[k] += p[i][k] / float64(len(p))
		}
	}
	return mean
}

func entropy(p assignment) (h float64) {
	for k := range p {
		h -= p[k] * math.Log(p[k])
	}
	return h
}

func meanEntropy(p []assignment) (h float64) {
	for i := range p {
		h += entropy(p[i]) / float64(len(p))
	}
	return h
}
