// SPDX-License-Identifier: Apache-2.0

package embed_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/embed"
)

// BenchmarkRun embeds 200 small pictures into a Parquet file, by a network that is hardly any: what reading, journal
// and file cost.
func BenchmarkRun(b *testing.B) {
	q := request(b, 200, "a.parquet")
	q.Force = true
	for b.Loop() {
		if _, err := embed.Run(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
