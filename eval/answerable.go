// SPDX-License-Identifier: Apache-2.0

package eval

import "slices"

// Answerable returns the labels of queries, with -1 for each query whose class no row of the bank has: no vote and no
// classifier that learns from the bank can answer it, so it says nothing about the features. A bank of one class makes
// every answer right, so then all are -1.
func Answerable(bank, queries []int) []int {
	in := present(bank)
	labels := make([]int, len(queries))
	for i, label := range queries {
		if labels[i] = label; !in[label] || len(in) < 2 {
			labels[i] = -1
		}
	}
	return labels
}

// present returns the classes that rows have.
func present(labels []int) map[int]bool {
	in := map[int]bool{}
	for _, label := range labels {
		if label >= 0 {
			in[label] = true
		}
	}
	return in
}

// Protocol says what an accuracy is an accuracy of, and what is had without any features.
type Protocol struct {
	Bank    int   // labelled rows of the bank
	Queries int   // queries that the accuracy counts
	Classes int   // classes of the bank
	LeftOut int   // labelled queries whose class the bank lacks; the accuracy does not count them
	Lacking []int // the classes of these queries
	// Majority is the accuracy of always answering with the bank's largest class. Uniform is that of guessing among the
	// classes of the bank. Both are 0 if no query is counted.
	Majority, Uniform float64
}

// NewProtocol counts the labels of a bank and of queries; -1 is unknown.
func NewProtocol(bank, queries []int) Protocol {
	in := present(bank)
	p := Protocol{Classes: len(in)}
	count := map[int]int{}
	for _, label := range bank {
		if label >= 0 {
			count[label]++
			p.Bank++
		}
	}
	largest, most := 0, 0
	for label, n := range count {
		if n > most || n == most && label < largest {
			largest, most = label, n
		}
	}
	counted := 0
	for i, label := range Answerable(bank, queries) {
		switch {
		case label >= 0:
			p.Queries++
			if label == largest {
				counted++
			}
		case queries[i] >= 0 && !in[queries[i]]:
			p.LeftOut++
			p.Lacking = append(p.Lacking, queries[i])
		}
	}
	slices.Sort(p.Lacking)
	p.Lacking = slices.Compact(p.Lacking)
	if p.Queries > 0 {
		p.Majority, p.Uniform = float64(counted)/float64(p.Queries), 1/float64(p.Classes)
	}
	return p
}

// Chance is the better of the two accuracies that need no features.
func (p Protocol) Chance() float64 { return max(p.Majority, p.Uniform) }
