// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// BenchmarkLoad reads the file of a run's configuration, which every command on a run does.
func BenchmarkLoad(b *testing.B) {
	text := []byte(encoded(b, example(b)))
	for b.Loop() {
		_, err := Load(text, newContrast())
		must(b, err)
	}
}
