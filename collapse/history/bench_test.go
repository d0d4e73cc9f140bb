// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/collapse/history"
)

// BenchmarkBuilder makes the history of a run of its events.
func BenchmarkBuilder(b *testing.B) {
	all := events()
	for b.Loop() {
		var builder history.Builder
		for _, e := range all {
			builder.Add(e)
		}
	}
}
