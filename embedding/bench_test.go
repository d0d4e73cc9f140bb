// SPDX-License-Identifier: Apache-2.0

package embedding_test

import (
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/embedding"
)

// BenchmarkWrite writes 2,000 rows of 128 in each format; BenchmarkRead reads them.
func BenchmarkWrite(b *testing.B) {
	rows := some(2000, 128)
	for _, ending := range []string{"parquet", "npy", "csv"} {
		b.Run(ending, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "a."+ending)
			for b.Loop() {
				write(b, path, embedding.Options{Dim: 128, Card: card}, rows)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, ending := range []string{"parquet", "npy", "csv"} {
		b.Run(ending, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "a."+ending)
			write(b, path, embedding.Options{Dim: 128, Card: card}, some(2000, 128))
			for b.Loop() {
				read(b, path, 4096)
			}
		})
	}
}
