// SPDX-License-Identifier: Apache-2.0

package lab_test

import "testing"

// BenchmarkJudge judges a claim by five seeds.
func BenchmarkJudge(b *testing.B) {
	samples := seeds(5, complete)
	for b.Loop() {
		collapsing.Judge(samples, nil)
	}
}
