// SPDX-License-Identifier: Apache-2.0

package preset

import "testing"

// BenchmarkSettings reads a preset's settings for a method.
func BenchmarkSettings(b *testing.B) {
	for b.Loop() {
		if _, err := Settings("tiny-cpu", "simclr"); err != nil {
			b.Fatal(err)
		}
	}
}
