// SPDX-License-Identifier: Apache-2.0

package encoder

import "testing"

// BenchmarkEmbed embeds small pictures by a network that is hardly any: what an encoder costs around its network.
func BenchmarkEmbed(b *testing.B) {
	e, pictures := open(b), images(64)
	for b.Loop() {
		if _, err := e.Embed(b.Context(), pictures); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(pictures))/b.Elapsed().Seconds(), "images/s")
}
