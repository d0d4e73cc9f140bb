// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
)

// BenchmarkEntropyRank ranks a spectrum of 2,048 values, the widest part of a diagnosis that is no lookup.
func BenchmarkEntropyRank(b *testing.B) {
	r := rng()
	spectrum := make([]float64, 2048)
	for i := range spectrum {
		spectrum[i] = r.ExpFloat64()
	}
	for b.Loop() {
		collapse.EntropyRank(spectrum, 1e-7)
	}
}
