// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"
)

const (
	assignedImages = 60
	clusterCount   = 5
)

type assignment [clusterCount]float64

// ClimbEntropy maximises an entropy of assignments, which begin almost certain, by gradient ascent: the entropy of the
// mean assignment if mean is true, else the mean of the assignments' entropies. It returns the information of the final
// assignments about the image, in units of ln K.
func ClimbEntropy(mean bool, seed uint64) float64 {
	const steps, rate = 2000, 10
	r := rand.New(rand.NewPCG(seed, 3))
	var logits [assignedImages]assignment
	for i := range logits {
		for k := range logits[i] {
			logits[i][k] = 0.1 * r.NormFloat64()
		}
		if i%2 == 0 {
			logits[i][0] += 4
		} else {
			logits[i][r.IntN(clusterCount)] += 4
		}
	}
	var p [assignedImages]assignment
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
				logits[i][k] += rate * up[k] / assignedImages
			}
		}
	}
	information := entropy(balance(p[:])) - meanEntropy(p[:])
	return math.Max(0, information) / math.Log(clusterCount) // rounding may make it negative
}

// climb returns the gradient of the entropy of q in the logits of an image whose assignment p contributes to q: Σ_k p_k
// (δ_jk - p_j) · (-ln q_k).
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

// balance returns the mean assignment.
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
