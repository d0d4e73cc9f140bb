// SPDX-License-Identifier: Apache-2.0

package serve

import "testing"

// BenchmarkEmbed answers requests of one small picture each, without a network between: what an answer costs.
func BenchmarkEmbed(b *testing.B) {
	s, body := open(b, nil), jpegOf(b, 32, 32)
	for b.Loop() {
		if status, text := ask(s, "POST", "/embed", "image/jpeg", body); status != 200 {
			b.Fatalf("%d: %s", status, text)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
